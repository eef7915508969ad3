//! Searches, and what they found.

use serde::{Deserialize, Serialize};

/// The most files that a search answers with: more than anybody reads, and some 30 MB.
pub const SEARCH_HITS_MAX: usize = 100_000;

/// `POST /v1/search`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    /// As in [`MountSelector`](super::MountSelector).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mountpoint: Option<String>,
    /// What to look for.
    pub query: QueryText,
    /// How many files are wanted at most; any more than 100000 count as that.
    pub limit: u64,
}

/// What to look for, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryText {
    /// Words, each of which must occur in the path, in any case.
    Words(String),
    /// A glob for the name, or with a slash in it for the path.
    Glob(String),
    /// A regular expression for the path.
    Regex(String),
}

/// The answer to [`SearchRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SearchAnswer {
    /// The files, torrent by torrent.
    pub hits: Vec<SearchResult>,
    /// Whether there are more than were wanted.
    pub is_cut: bool,
}

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchResult {
    /// The path in the mount, from its root, without a slash before it.
    pub path: String,
    /// The info hash of the torrent.
    pub info_hash: String,
    /// The position of the file in the torrent, counted from 0.
    pub file_index: u32,
    /// The length.
    pub size_bytes: u64,
    /// How much of it is downloaded.
    pub have_bytes: u64,
}
