//! Requests that change the tags of torrents.

use serde::{Deserialize, Serialize};

/// `POST /v1/tags`: changes the tags of torrents, in the state directories of all mounts of the
/// process and in what they show. Repeated, it changes nothing more.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TagRequest {
    /// Info hashes of the torrents, known or not. At most [`TORRENTS_MAX`](Self::TORRENTS_MAX).
    pub torrents: Vec<String>,
    /// Tags that they get.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<String>,
    /// Tags that they lose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// Whether they first lose all their tags.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub remove_all: bool,
}

impl TagRequest {
    /// Maximum number of torrents in one request.
    pub const TORRENTS_MAX: usize = 1000;
}
