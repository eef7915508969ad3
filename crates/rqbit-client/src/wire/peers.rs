//! The peers of one torrent, `torrent_state/live/peer/stats/snapshot.rs` of librqbit 9.1.0.

use std::fmt;
use std::net::SocketAddr;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::null_default;

/// Maximum number of peers that are kept of one answer. rqbit connects to at most 128 at a time;
/// the rest was seen earlier.
pub const PEERS_MAX: usize = 10_000;

/// The peers that a live torrent knows, in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TorrentPeers {
    /// At most [`PEERS_MAX`]; the others are left out, and so is one without a valid address.
    #[serde(deserialize_with = "peers")]
    pub peers: Vec<TorrentPeer>,
}

/// One peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TorrentPeer {
    /// Its address. That of an incoming connection has a port to which nothing can connect.
    pub addr: SocketAddr,
    /// Its state.
    pub state: PeerState,
    /// Bytes received from it.
    pub fetched_bytes: u64,
}

/// State of a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
pub enum PeerState {
    /// Known, and waiting for a connection.
    #[serde(rename = "queued")]
    Queued,
    /// Being connected to.
    #[serde(rename = "connecting")]
    Connecting,
    /// Connected.
    #[serde(rename = "live")]
    Live,
    /// Failed; tried again after 10 seconds or more.
    #[serde(rename = "dead")]
    Dead,
    /// Disconnected, as neither side needs anything.
    #[serde(rename = "not needed")]
    NotNeeded,
    /// A missing state, or one that this library does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

/// The answer of `POST /torrents/{id}/add_peers`.
#[derive(Debug, Deserialize)]
pub(crate) struct AddedPeers {
    #[serde(default)]
    pub(crate) added: usize,
}

/// A value of the map of peers.
#[derive(Default, Deserialize)]
#[serde(default)]
struct PeerEntry {
    #[serde(deserialize_with = "null_default")]
    counters: PeerCounters,
    #[serde(deserialize_with = "null_default")]
    state: PeerState,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PeerCounters {
    #[serde(deserialize_with = "null_default")]
    fetched_bytes: u64,
}

/// Parses the map from addresses to peers.
fn peers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<TorrentPeer>, D::Error> {
    struct Peers;

    impl<'de> Visitor<'de> for Peers {
        type Value = Vec<TorrentPeer>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map from addresses to peers")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut peers = Vec::new();
            while let Some(addr) = map.next_key::<String>()? {
                let addr = addr.parse().ok().filter(|_| peers.len() < PEERS_MAX);
                let Some(addr) = addr else {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                };
                let PeerEntry { counters, state } = map.next_value()?;
                peers.push(TorrentPeer { addr, state, fetched_bytes: counters.fetched_bytes });
            }
            Ok(peers)
        }
    }

    deserializer.deserialize_any(Peers)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(text: &str, want: &Expect) {
        let text = match serde_json::from_str::<TorrentPeers>(text) {
            Ok(parsed) => {
                let peers = parsed.peers.iter();
                let peers =
                    peers.map(|it| format!("{} {:?} {}", it.addr, it.state, it.fetched_bytes));
                peers.collect::<Vec<_>>().join(", ")
            }
            Err(error) => error.to_string().split(" at line").take(1).collect(),
        };
        want.assert_eq(&text);
    }

    #[test]
    fn a_server_may_send_any_peers() {
        check("{}", &expect![""]);
        check(r#"{"peers":null}"#, &expect![""]);
        check(
            r#"{"peers":{"127.0.0.1:1":{"state":"not needed","counters":{"fetched_bytes":7}}}}"#,
            &expect!["127.0.0.1:1 NotNeeded 7"],
        );
        check(
            r#"{"peers":{"[::1]:2":{"state":"asleep","counters":null},"1.2.3.4:5":{}}}"#,
            &expect!["[::1]:2 Unknown 0, 1.2.3.4:5 Unknown 0"],
        );
        check(r#"{"peers":{"host:3":{"state":"live"}}}"#, &expect![""]);
        check(
            r#"{"peers":[]}"#,
            &expect!["invalid type: sequence, expected a map from addresses to peers"],
        );
        check(
            r#"{"peers":{"1.2.3.4:5":{"counters":{"fetched_bytes":-1}}}}"#,
            &expect!["invalid value: integer `-1`, expected u64"],
        );
    }

    #[test]
    fn of_too_many_peers_the_first_are_kept() {
        let entries: Vec<_> = (0..PEERS_MAX + 1).map(|n| format!("\"1.2.3.4:{n}\":{{}}")).collect();
        let text = format!("{{\"peers\":{{{}}}}}", entries.join(","));
        let parsed: TorrentPeers = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed.peers.len(), PEERS_MAX);
    }
}
