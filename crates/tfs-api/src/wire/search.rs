//! Search requests and results.

use serde::{Deserialize, Serialize};

/// Maximum number of results: more than a user reads, and some 30 MB.
pub const SEARCH_HITS_MAX: usize = 100_000;

/// `POST /v1/search`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    /// As in [`MountSelector`](super::MountSelector).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mountpoint: Option<String>,
    /// The query.
    pub query: QueryText,
    /// Maximum number of results; clamped to 100000.
    pub limit: u64,
}

/// A query, by its syntax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryText {
    /// Words, each of which must occur in the path; case is ignored.
    Words(String),
    /// A glob for the name, or for the path if it contains a slash.
    Glob(String),
    /// A regular expression for the path.
    Regex(String),
}

/// The answer to [`SearchRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SearchAnswer {
    /// The files, torrent by torrent.
    pub hits: Vec<SearchResult>,
    /// Whether there are more results than the limit.
    pub is_cut: bool,
}

/// A file that matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchResult {
    /// The path from the root of the mount, without a leading slash.
    pub path: String,
    /// The info hash of the torrent.
    pub info_hash: String,
    /// The index of the file in the torrent, from 0.
    pub file_index: u32,
    /// Its length.
    pub size_bytes: u64,
    /// Downloaded bytes.
    pub have_bytes: u64,
}
