//! A section `[[view]]`.

use serde::Deserialize;
use tfs_views::{ConditionSpec, TorrentKind, ViewDepth, ViewSpec};

use super::units::{de_date_if_set, de_size_if_set};

/// A view.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "the table of keys describes each")]
pub struct ViewSection {
    pub name: String,
    #[serde(flatten)]
    pub conditions: ConditionSection,
    #[serde(rename = "not", default)]
    pub excluded: ConditionSection,
    #[serde(rename = "pass_on")]
    pub passes_on: bool,
    pub largest_only: bool,
    pub depth: DepthMode,
    pub rename: Option<String>,
    #[serde(default)]
    pub hide: Vec<String>,
    #[serde(rename = "dedupe")]
    pub hides_duplicates: bool,
}

/// The conditions of a view, or of its `not`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the table of keys describes each")]
pub struct ConditionSection {
    #[serde(rename = "kind")]
    pub kinds: Vec<KindWord>,
    #[serde(rename = "match")]
    pub matches: Vec<String>,
    #[serde(rename = "glob")]
    pub globs: Vec<String>,
    pub has_episodes: Option<bool>,
    #[serde(deserialize_with = "de_size_if_set")]
    pub min_size: Option<u64>,
    #[serde(deserialize_with = "de_size_if_set")]
    pub max_size: Option<u64>,
    pub videos_min: Option<u64>,
    pub videos_max: Option<u64>,
    #[serde(rename = "server")]
    pub servers: Vec<String>,
    #[serde(rename = "tag")]
    pub tags: Vec<String>,
    #[serde(deserialize_with = "de_date_if_set")]
    pub added_after: Option<i64>,
    #[serde(deserialize_with = "de_date_if_set")]
    pub added_before: Option<i64>,
    pub selected: Option<bool>,
}

/// A kind of torrents as a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct KindWord(pub TorrentKind);

impl TryFrom<String> for KindWord {
    type Error = tfs_views::UnknownKind;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        word.parse().map(Self)
    }
}

/// Where the files of a torrent are in a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DepthMode {
    /// In the torrent's directory.
    Keep,
    /// In the view itself.
    Flatten,
}

impl ViewSection {
    /// Returns the view for the rules.
    #[must_use]
    pub fn spec(&self) -> ViewSpec {
        ViewSpec {
            name: self.name.clone(),
            conditions: self.conditions.spec(),
            excluded: self.excluded.spec(),
            passes_on: self.passes_on,
            largest_only: self.largest_only,
            depth: match self.depth {
                DepthMode::Keep => ViewDepth::Keep,
                DepthMode::Flatten => ViewDepth::Flatten,
            },
            rename: self.rename.clone(),
            hide: self.hide.clone(),
            hides_duplicates: self.hides_duplicates,
        }
    }
}

impl ConditionSection {
    /// Returns the conditions for the rules.
    pub(super) fn spec(&self) -> ConditionSpec {
        ConditionSpec {
            kinds: self.kinds.iter().map(|word| word.0).collect(),
            matches: self.matches.clone(),
            globs: self.globs.clone(),
            has_episodes: self.has_episodes,
            min_size: self.min_size,
            max_size: self.max_size,
            videos_min: self.videos_min,
            videos_max: self.videos_max,
            servers: self.servers.clone(),
            tags: self.tags.clone(),
            added_after: self.added_after,
            added_before: self.added_before,
            selected: self.selected,
        }
    }
}
