//! The stats of one torrent, `torrent_state/stats.rs` of librqbit 9.1.0.

use std::time::Duration;

use serde::Deserialize;

use super::null_default;

/// State of a torrent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TorrentState {
    /// Files on the disk are being checked, or a magnet is being resolved.
    Initializing,
    /// Downloading or seeding.
    Live,
    /// Stopped by a user.
    Paused,
    /// Stopped by an error, see [`TorrentStats::error`].
    Error,
    /// A missing state, or one that this library does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

/// The stats of one torrent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct TorrentStats {
    /// The state.
    #[serde(deserialize_with = "null_default")]
    pub state: TorrentState,
    /// Whether it will be paused after the check; only while initializing.
    #[serde(deserialize_with = "null_default")]
    pub initializing_paused: bool,
    /// Bytes present of each file, by index; empty while initializing.
    #[serde(deserialize_with = "null_default")]
    pub file_progress: Vec<u64>,
    /// The error, in state error.
    pub error: Option<String>,
    /// Bytes present of the selected files; while initializing, bytes checked.
    #[serde(deserialize_with = "null_default")]
    pub progress_bytes: u64,
    /// Bytes sent to peers since it was started.
    #[serde(deserialize_with = "null_default")]
    pub uploaded_bytes: u64,
    /// Bytes of the selected files.
    #[serde(deserialize_with = "null_default")]
    pub total_bytes: u64,
    /// Whether all selected files are complete.
    #[serde(deserialize_with = "null_default")]
    pub finished: bool,
    /// Speeds and peers; only in state live.
    pub live: Option<LiveStats>,
}

/// Current activity of a live torrent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct LiveStats {
    /// The counters.
    #[serde(deserialize_with = "null_default")]
    pub snapshot: StatsSnapshot,
    /// Average time to download a piece, if there was any.
    pub average_piece_download_time: Option<Duration>,
    /// Download speed from peers.
    #[serde(deserialize_with = "null_default")]
    pub download_speed: Speed,
    /// Upload speed to peers.
    #[serde(deserialize_with = "null_default")]
    pub upload_speed: Speed,
    /// Remaining time of the selected files, if known.
    pub time_remaining: Option<TimeRemaining>,
}

/// The counters of a live torrent, since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct StatsSnapshot {
    /// Bytes of pieces that passed their hash.
    #[serde(deserialize_with = "null_default")]
    pub downloaded_and_checked_bytes: u64,
    /// Bytes received from peers.
    #[serde(deserialize_with = "null_default")]
    pub fetched_bytes: u64,
    /// Bytes sent to peers.
    #[serde(deserialize_with = "null_default")]
    pub uploaded_bytes: u64,
    /// Pieces that passed their hash.
    #[serde(deserialize_with = "null_default")]
    pub downloaded_and_checked_pieces: u64,
    /// Total download time of all pieces, in milliseconds.
    #[serde(deserialize_with = "null_default")]
    pub total_piece_download_ms: u64,
    /// The peers by their state.
    #[serde(deserialize_with = "null_default")]
    pub peer_stats: PeerStats,
}

/// Numbers of peers by their state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PeerStats {
    /// Known, and waiting for a connection.
    pub queued: u32,
    /// Being connected to.
    pub connecting: u32,
    /// Connected.
    pub live: u32,
    /// Connected over TCP.
    pub live_tcp: u32,
    /// Connected over uTP.
    pub live_utp: u32,
    /// Connected through a SOCKS proxy.
    pub live_socks: u32,
    /// Connected, and complete.
    pub live_seeders: u32,
    /// Ever seen.
    pub seen: u32,
    /// Abandoned.
    pub dead: u32,
    /// Disconnected, as neither side needs anything.
    pub not_needed: u32,
    /// Pieces taken over from a slower peer.
    pub steals: u32,
}

/// A speed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Speed {
    /// MiB per second, despite the name of the field.
    ///
    /// The server may send any number; 0 if it sends none.
    #[serde(deserialize_with = "null_default")]
    pub mbps: f64,
}

impl Speed {
    /// Returns bytes per second; 0 for a speed that is negative or not a number.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from f64 saturates, and a fraction of a byte is nothing"
    )]
    pub fn bytes_per_second(self) -> u64 {
        (self.mbps * 1024.0 * 1024.0) as u64
    }
}

/// Estimated remaining time of a download.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TimeRemaining {
    /// As a duration.
    #[serde(deserialize_with = "null_default")]
    pub duration: Duration,
    /// As formatted by the server, such as `1m 2s`.
    #[serde(deserialize_with = "null_default")]
    pub human_readable: String,
}
