//! JSON formats of rqbit 9.1.0, parsed leniently.
//!
//! Unknown fields are skipped. Missing and null fields become the default of their type, except for
//! required ones: `info_hash` of a torrent and `length` of a file. A number that does not fit its
//! type is [`ErrorKind::MalformedJson`](crate::ErrorKind). Names are kept as the server sends them:
//! a file name may contain anything, including `..` and `/`.

mod peers;
mod session;
mod stats;
mod torrent;

use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::ErrorKind;
use crate::json::{Elements, parse_element};

pub(crate) use self::peers::AddedPeers;
pub use self::peers::{PEERS_MAX, PeerState, TorrentPeer, TorrentPeers};
pub use self::session::{
    ConnectionStats, Limits, PerFamily, ServerInfo, SessionCounters, SessionStats, SingleStat,
};
pub use self::stats::{
    LiveStats, PeerStats, Speed, StatsSnapshot, TimeRemaining, TorrentState, TorrentStats,
};
pub use self::torrent::{
    AddedTorrent, FileAttributes, ProgressStats, TorrentDetails, TorrentFile, TorrentProgress,
};
pub(crate) use self::torrent::{OnlyFiles, TorrentList};

/// The body of an error, `api_error.rs` of librqbit 9.1.0.
#[derive(Debug, Deserialize)]
pub(crate) struct ErrorBody {
    /// Always present in an error of rqbit: distinguishes it from an error of a proxy.
    pub(crate) error_kind: String,
    #[serde(default)]
    pub(crate) human_readable: Option<String>,
}

/// Parses the answer of `GET /torrents?with_stats=true`, like
/// [`Client::torrents_with_progress`](crate::Client::torrents_with_progress).
///
/// # Errors
///
/// [`ErrorKind::NotRqbit`] or [`ErrorKind::MalformedJson`].
pub fn parse_list(text: &[u8]) -> Result<Vec<TorrentProgress>, ErrorKind> {
    let (mut list, mut elements) = (Vec::new(), Elements::default());
    let parsed = elements.feed(text, &mut |idx, text| {
        list.push(parse_element(idx, text)?);
        Ok(())
    });
    parsed.and_then(|()| elements.finish()).map_err(|failure| failure.kind)?;
    Ok(list)
}

/// Maximum number of components of a path: no path of Linux (`PATH_MAX`) has more.
const COMPONENTS_MAX: usize = 2048;

/// Parses the components of a path; null is an empty path. Stops at the maximum: `"",` is three
/// bytes of text and 24 in memory.
fn components<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Components;

    impl<'de> Visitor<'de> for Components {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {COMPONENTS_MAX} names")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Self::Value, A::Error> {
            let mut components = Vec::new();
            while let Some(name) = names.next_element()? {
                if components.len() == COMPONENTS_MAX {
                    return Err(A::Error::invalid_length(COMPONENTS_MAX + 1, &self));
                }
                components.push(name);
            }
            Ok(components)
        }
    }

    deserializer.deserialize_any(Components)
}

/// Parses null as the default: serde's `default` covers missing fields only.
fn null_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
