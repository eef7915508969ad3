//! What the programs that read cost: downloads, and reads that were refused.

use serde::{Deserialize, Serialize};

/// The programs that read files of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProgramsStatus {
    /// What was downloaded because of their reads, the most of the last 24 hours first; at most 33.
    pub downloads: Vec<ProgramDownloads>,
    /// Programs whose reads of missing data were refused, in the order of their names; at most 33.
    pub refused: Vec<RefusedReads>,
}

/// What was downloaded because a program read missing data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramDownloads {
    /// The name of its process, without control characters; of a client on the network the front
    /// end, the address and what it calls itself. `other` for all after the first 32.
    pub program: String,
    /// Bytes of the pieces since the start of the mount.
    pub bytes: u64,
    /// Bytes of the last 24 hours, by whole hours.
    pub day_bytes: u64,
    /// Different files of the last 24 hours; at most 1,024.
    pub day_files: u64,
}

/// A program whose reads of missing data were refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedReads {
    /// The name that a pattern of `read.refused_programs` matches, without control characters;
    /// `other` for all after the first 32.
    pub program: String,
    /// Reads since the start of the mount. The kernel repeats a long read page by page.
    pub reads: u64,
}
