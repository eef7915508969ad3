//! Views as users write them.

use crate::TorrentKind;

/// A view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ViewSpec {
    /// The name of its directory.
    pub name: String,
    /// The conditions. All that are given must be met; without any, every torrent meets them.
    pub conditions: ConditionSpec,
    /// Conditions none of which may be met.
    pub excluded: ConditionSpec,
    /// Whether its torrents are also offered to the views after it.
    pub passes_on: bool,
    /// Whether only the largest shown file of each torrent is shown.
    pub largest_only: bool,
    /// Whether the files stand in the view itself.
    pub depth: ViewDepth,
    /// The template of the names of its folders.
    pub rename: Option<String>,
    /// Rules of files that are not shown: `samples`, `unselected`, `<50MB` or a glob.
    pub hide: Vec<String>,
    /// Whether a torrent with the same files as an earlier one is left out.
    pub hides_duplicates: bool,
}

/// Where the files of a torrent stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ViewDepth {
    /// In the torrent's directory, as it is.
    #[default]
    Keep,
    /// In the view itself, without directories.
    Flatten,
}

/// Conditions. Of a list, one value must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConditionSpec {
    /// Kinds of torrents.
    pub kinds: Vec<TorrentKind>,
    /// Regular expressions for the torrent's name or the path of a file.
    pub matches: Vec<String>,
    /// Globs for the torrent's name or the name of a file.
    pub globs: Vec<String>,
    /// Whether the name, or that of a video, has the number of an episode.
    pub has_episodes: Option<bool>,
    /// Minimum of all lengths together, in bytes.
    pub min_size: Option<u64>,
    /// Maximum of all lengths together, in bytes.
    pub max_size: Option<u64>,
    /// Minimum number of videos, without samples.
    pub videos_min: Option<u64>,
    /// Maximum number of videos, without samples.
    pub videos_max: Option<u64>,
    /// Names of servers.
    pub servers: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// First second since 1970 in which a torrent may have been added.
    pub added_after: Option<i64>,
    /// First second since 1970 in which a torrent may no longer have been added.
    pub added_before: Option<i64>,
    /// Whether the server downloads any of its files.
    pub selected: Option<bool>,
}

impl ConditionSpec {
    /// Returns whether there are no conditions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
