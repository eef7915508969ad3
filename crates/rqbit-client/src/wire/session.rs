//! The server itself: version, totals, limits; `session_stats` and `limits.rs` of librqbit 9.1.0.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::{PeerStats, Speed, null_default};

/// The answer of `GET /`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ServerInfo {
    /// Always `rqbit`: [`Client::server_info`](crate::Client::server_info) checks it.
    #[serde(deserialize_with = "null_default")]
    pub server: String,
    /// The version, such as `9.1.0`.
    #[serde(deserialize_with = "null_default")]
    pub version: String,
}

/// The totals of a server since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct SessionStats {
    /// The counters.
    #[serde(deserialize_with = "null_default")]
    pub counters: SessionCounters,
    /// From the peers of all torrents.
    #[serde(deserialize_with = "null_default")]
    pub download_speed: Speed,
    /// To the peers of all torrents.
    #[serde(deserialize_with = "null_default")]
    pub upload_speed: Speed,
    /// The peers of all torrents.
    #[serde(deserialize_with = "null_default")]
    pub peers: PeerStats,
    /// Seconds since the server was started.
    #[serde(deserialize_with = "null_default")]
    pub uptime_seconds: u64,
    /// Attempts to connect to peers.
    #[serde(deserialize_with = "null_default")]
    pub connections: ConnectionStats,
}

/// The counters of a server since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SessionCounters {
    /// Bytes received from peers.
    pub fetched_bytes: u64,
    /// Bytes sent to peers.
    pub uploaded_bytes: u64,
    /// Connections of peers that were refused by the blocklist.
    pub blocked_incoming: u64,
    /// Connections to peers that were refused by the blocklist.
    pub blocked_outgoing: u64,
}

/// Attempts to connect to peers, by the way they were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ConnectionStats {
    /// Through a SOCKS proxy.
    pub socks: PerFamily,
    /// Over TCP.
    pub tcp: PerFamily,
    /// Over uTP.
    pub utp: PerFamily,
}

/// Attempts to connect to peers, by the family of the address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PerFamily {
    /// IPv4.
    pub v4: SingleStat,
    /// IPv6.
    pub v6: SingleStat,
}

/// Attempts to connect to peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SingleStat {
    /// How many were made.
    pub attempts: u64,
    /// How many worked.
    pub successes: u64,
    /// How many failed.
    pub errors: u64,
}

/// The speed limits of a server for all torrents together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Limits {
    /// Bytes a second to peers, `None` for no limit.
    pub upload_bps: Option<NonZeroU32>,
    /// Bytes a second from peers, `None` for no limit.
    pub download_bps: Option<NonZeroU32>,
}
