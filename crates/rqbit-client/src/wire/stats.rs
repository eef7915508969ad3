//! The stats of one torrent, `torrent_state/stats.rs` of librqbit 9.1.0.

use std::time::Duration;

use serde::Deserialize;

use super::null_default;

/// What a torrent is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TorrentState {
    /// Files on the disk are being checked, or a magnet is being resolved.
    Initializing,
    /// Downloading or seeding.
    Live,
    /// Stopped by somebody.
    Paused,
    /// Stopped by an error, see [`TorrentStats::error`].
    Error,
    /// A state that this library does not know, or none.
    #[default]
    #[serde(other)]
    Unknown,
}

/// The stats of one torrent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct TorrentStats {
    /// What it is doing.
    #[serde(deserialize_with = "null_default")]
    pub state: TorrentState,
    /// Whether it will be paused after the check; only while initializing.
    #[serde(deserialize_with = "null_default")]
    pub initializing_paused: bool,
    /// Bytes that are there, for each file by its index; empty while initializing.
    #[serde(deserialize_with = "null_default")]
    pub file_progress: Vec<u64>,
    /// Why it is in state error.
    pub error: Option<String>,
    /// Bytes of the selected files that are there; while initializing, bytes checked.
    #[serde(deserialize_with = "null_default")]
    pub progress_bytes: u64,
    /// Bytes sent to peers since it was started.
    #[serde(deserialize_with = "null_default")]
    pub uploaded_bytes: u64,
    /// Bytes of the selected files.
    #[serde(deserialize_with = "null_default")]
    pub total_bytes: u64,
    /// Whether all selected files are there.
    #[serde(deserialize_with = "null_default")]
    pub finished: bool,
    /// Speeds and peers; only in state live.
    pub live: Option<LiveStats>,
}

/// What a live torrent is doing right now.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct LiveStats {
    /// The counters.
    #[serde(deserialize_with = "null_default")]
    pub snapshot: StatsSnapshot,
    /// How long a piece takes on average, if there was any.
    pub average_piece_download_time: Option<Duration>,
    /// From the peers.
    #[serde(deserialize_with = "null_default")]
    pub download_speed: Speed,
    /// To the peers.
    #[serde(deserialize_with = "null_default")]
    pub upload_speed: Speed,
    /// Until all selected files are there, if it can be told.
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
    /// Milliseconds that all pieces took together.
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
    /// Known, and to be connected to.
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
    /// Connected, and having every piece.
    pub live_seeders: u32,
    /// Ever heard of.
    pub seen: u32,
    /// Given up.
    pub dead: u32,
    /// Left alone, as neither side needs anything.
    pub not_needed: u32,
    /// Pieces taken over from a slower peer.
    pub steals: u32,
}

/// A speed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Speed {
    /// MiB a second, whatever the name of the field says.
    ///
    /// The server may send any number; 0 where it sends none.
    #[serde(deserialize_with = "null_default")]
    pub mbps: f64,
}

impl Speed {
    /// Returns bytes a second; 0 for a speed that is negative or not a number.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from f64 saturates, and a fraction of a byte is nothing"
    )]
    pub fn bytes_per_second(self) -> u64 {
        (self.mbps * 1024.0 * 1024.0) as u64
    }
}

/// How long a download will take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TimeRemaining {
    /// As a duration.
    #[serde(deserialize_with = "null_default")]
    pub duration: Duration,
    /// As the server words it, such as `1m 2s`.
    #[serde(deserialize_with = "null_default")]
    pub human_readable: String,
}
