//! Cache statistics of a mount, and clearing its caches.

use serde::{Deserialize, Serialize};

/// The caches to clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheParts {
    /// Names, attributes and details of torrents.
    Metadata,
    /// Content of files.
    Data,
    /// Both.
    All,
}

impl CacheParts {
    /// Returns whether names and attributes are included.
    #[must_use]
    pub fn has_metadata(self) -> bool {
        matches!(self, Self::Metadata | Self::All)
    }

    /// Returns whether file content is included.
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
    /// The caches to clear.
    pub parts: CacheParts,
}

/// The answer to [`ClearRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cleared {
    /// Bytes of file content that tfs dropped from memory.
    pub memory_bytes: u64,
    /// Files whose pages the kernel was asked to drop.
    pub kernel_files: u64,
    /// Names that the kernel was asked to look up again.
    pub kernel_names: u64,
    /// Whether a server was polled and answered.
    pub server_asked: bool,
    /// Files whose pages the kernel still keeps, since reads of them stayed in flight for too long.
    pub files_in_use: u64,
}

/// `POST /v1/cache/stats` with a [`MountSelector`](super::MountSelector): sizes and effect of the
/// caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CacheStats {
    /// Upper bound for buffers and cache together.
    pub memory_bytes_max: u64,
    /// Bytes in the buffers of open streams.
    pub buffered_bytes: u64,
    /// Bytes in the block cache.
    pub cached_bytes: u64,
    /// Bytes that came from the server and were dropped unread.
    pub unused_bytes: u64,
    /// Read requests of the kernel. Reads that its page cache answered are not included.
    pub reads: u64,
    /// Reads that were answered from memory at once.
    pub hits: u64,
    /// All other reads.
    pub misses: u64,
    /// Bytes received from the server.
    pub fetched_bytes: u64,
    /// Bytes returned to readers.
    pub given_bytes: u64,
    /// Inodes that the kernel references.
    pub kernel_inodes: u64,
}
