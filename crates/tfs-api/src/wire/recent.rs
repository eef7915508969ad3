//! What happened in a mount in the last minutes and hours.

use serde::{Deserialize, Serialize};

use crate::status::FailureCount;

/// Recent activity of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RecentStatus {
    /// Bytes a second given to readers, over the last two seconds.
    pub given_bps: u64,
    /// Bytes a second received from servers.
    pub fetched_bps: u64,
    /// Bytes a second read from this machine's disk.
    pub local_bps: u64,
    /// The longest waits of the last 24 hours, the longest first; at most 32.
    pub longest_waits: Vec<LongWait>,
    /// Reads that failed in the last 24 hours, by reason, only those that happened.
    pub failures: Vec<FailureCount>,
    /// Programs that opened many files for a moment, in the last minute.
    pub scans: Vec<ScanStatus>,
}

/// A read that waited long for missing pieces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongWait {
    /// The path in the mount; null if the torrent was removed.
    pub path: Option<String>,
    /// The info hash of the torrent.
    pub info_hash: String,
    /// The index of the file in the torrent, from 0.
    pub file_index: u32,
    /// The offset of the read in the file.
    pub offset: u64,
    /// How long it waited, in milliseconds.
    pub for_millis: u64,
    /// When it ended, in seconds since 1970.
    pub ended_at: i64,
    /// The reason of the failure; null if the bytes came.
    pub failure: Option<String>,
}

/// Files that a program opened and closed within moments: a scan of a media server, for example. A
/// file counts if less than 2 MiB of it were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanStatus {
    /// The name of the program.
    pub command: String,
    /// The last process of it.
    pub pid: Option<u32>,
    /// Files in the last minute.
    pub files_per_minute: u64,
}
