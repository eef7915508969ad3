//! What is kept of a mount, and dropping it.

use serde::{Deserialize, Serialize};

/// Which caches are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheParts {
    /// Names, attributes and what is known of torrents.
    Metadata,
    /// Bytes of files.
    Data,
    /// Both.
    All,
}

impl CacheParts {
    /// Returns whether names and attributes are meant.
    #[must_use]
    pub fn has_metadata(self) -> bool {
        matches!(self, Self::Metadata | Self::All)
    }

    /// Returns whether bytes of files are meant.
    #[must_use]
    pub fn has_data(self) -> bool {
        matches!(self, Self::Data | Self::All)
    }
}

/// `POST /v1/cache/clear`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClearRequest {
    /// As in [`MountSelector`](super::MountSelector).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mountpoint: Option<String>,
    /// What is to be dropped.
    pub parts: CacheParts,
}

/// The answer to [`ClearRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cleared {
    /// Bytes of files that tfs kept in memory.
    pub memory_bytes: u64,
    /// Files whose pages the kernel was told to drop.
    pub kernel_files: u64,
    /// Names that the kernel was told to look up again.
    pub kernel_names: u64,
    /// Whether the server was asked for its torrents again, and answered.
    pub server_asked: bool,
    /// Files whose pages the kernel keeps for now, since reads of them were under way for too
    /// long.
    pub files_in_use: u64,
}

/// `POST /v1/cache/stats` with a [`MountSelector`](super::MountSelector): what is kept, and how
/// much it helped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CacheStats {
    /// The most that buffers and cache may take together.
    pub memory_bytes_max: u64,
    /// Bytes in the buffers of open streams.
    pub buffered_bytes: u64,
    /// Bytes in the cache of blocks.
    pub cached_bytes: u64,
    /// Bytes that came from the server and were given up before anybody asked for them.
    pub unused_bytes: u64,
    /// Reads that the kernel asked for. What its own page cache answered is not among them.
    pub reads: u64,
    /// Reads that were answered from memory at once.
    pub hits: u64,
    /// Reads that were not.
    pub misses: u64,
    /// Bytes that came from the server.
    pub fetched_bytes: u64,
    /// Bytes that were given to readers.
    pub given_bytes: u64,
    /// Inodes that the kernel knows.
    pub kernel_inodes: u64,
}
