//! Server information: version, totals, limits; `session_stats` and `limits.rs` of librqbit 9.1.0.

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
    /// The counters; rqbit before version 9 has them elsewhere.
    pub counters: Option<SessionCounters>,
    /// Download speed from the peers of all torrents.
    #[serde(deserialize_with = "null_default")]
    pub download_speed: Speed,
    /// Upload speed to the peers of all torrents.
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
    /// Incoming connections that the blocklist refused.
    pub blocked_incoming: u64,
    /// Outgoing connections that the blocklist refused.
    pub blocked_outgoing: u64,
}

/// Attempts to connect to peers, by transport.
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

/// Attempts to connect to peers, by address family.
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
    /// Number of attempts.
    pub attempts: u64,
    /// Number of successes.
    pub successes: u64,
    /// Number of failures.
    pub errors: u64,
}

/// The speed limits of a server for all torrents together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Limits {
    /// Upload limit in bytes per second; `None` for no limit.
    pub upload_bps: Option<NonZeroU32>,
    /// Download limit in bytes per second; `None` for no limit.
    pub download_bps: Option<NonZeroU32>,
}
