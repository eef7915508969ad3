//! How complete the tree is: what is left out of it, and what of it the server does not list.

use serde::{Deserialize, Serialize};

/// How many torrents of each kind are named at most; all are counted.
pub const TORRENTS_NAMED_MAX: usize = 20;

/// What is known of the torrents of a server beyond those that are shown and well.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DiscoveryStatus {
    /// How far the first look at the torrents is; `null` when the tree is there.
    pub details: Option<DetailsStatus>,
    /// Torrents that the server lists and the mount does not show, since their details could not
    /// be had. They are asked for again.
    pub left_out: LeftOutStatus,
    /// Torrents that the mount shows and the server does not list since it was started again.
    pub missing: AbsenceStatus,
    /// Torrents that the server has in state `error`.
    pub failed: FailedStatus,
    /// The number of torrents that are shown and whose metadata is still to come.
    pub metadata_pending: usize,
    /// The number of torrents that are shown and of which the server has no metadata.
    pub metadata_unavailable: usize,
}

/// How many details of torrents are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetailsStatus {
    /// The number of torrents whose details are there.
    pub known: usize,
    /// The number of all torrents.
    pub all: usize,
}

/// Torrents that are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LeftOutStatus {
    /// How many there are.
    pub count: usize,
    /// Up to [`TORRENTS_NAMED_MAX`] of them.
    pub torrents: Vec<NamedTorrent>,
}

/// Torrents that the server has in state `error`: they download nothing until they are started.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FailedStatus {
    /// How many there are.
    pub count: usize,
    /// Up to [`TORRENTS_NAMED_MAX`] of them.
    pub torrents: Vec<NamedTorrent>,
}

/// Torrents that the server does not list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AbsenceStatus {
    /// How many there are.
    pub count: usize,
    /// Since when the first is missing, in seconds since 1970.
    pub since: Option<i64>,
    /// Up to [`TORRENTS_NAMED_MAX`] of them.
    pub torrents: Vec<NamedTorrent>,
}

/// A torrent and its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedTorrent {
    /// 40 hexadecimal digits.
    pub info_hash: String,
    /// Its name, if known; as the server has it, not escaped.
    pub name: Option<String>,
    /// Why it is left out, or why it failed, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl NamedTorrent {
    /// Returns its name, or its info hash.
    #[must_use]
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.info_hash)
    }

    /// Returns why it failed.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.why.as_deref().unwrap_or("the server gives no reason")
    }
}

impl DiscoveryStatus {
    /// Returns what is wrong because torrents are missing, if any are.
    pub(crate) fn missing_text(&self) -> Option<String> {
        let count = self.missing.count;
        (count > 0).then(|| {
            let since = self.missing.since.map(since_text).unwrap_or_default();
            let are = if count == 1 { "torrent is" } else { "torrents are" };
            format!("{count} {are} missing from the list of the server since it was started{since}")
        })
    }

    /// Returns what is wrong because torrents failed, if any did.
    pub(crate) fn failed_text(&self) -> Option<String> {
        let FailedStatus { count, torrents } = &self.failed;
        let first = torrents.first()?;
        let (have, more) =
            if *count == 1 { ("torrent has", "") } else { ("torrents have", ", and others") };
        Some(format!("{count} {have} failed: {} ({}){more}", first.label(), first.reason()))
    }

    /// Returns what is to be said of torrents that are left out, if any are.
    pub(crate) fn left_out_text(&self) -> Option<String> {
        let LeftOutStatus { count, torrents } = &self.left_out;
        let first = torrents.first()?;
        let why = first.why.as_deref().unwrap_or("no answer");
        let are = if *count == 1 { "torrent is" } else { "torrents are" };
        let more = if *count == 1 { "" } else { ", and others" };
        Some(format!("{count} {are} left out: {} ({why}){more}", first.label()))
    }
}

/// Returns a time as it stands behind a sentence, in UTC.
fn since_text(seconds: i64) -> String {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    format!(" ({})", humantime::format_rfc3339_seconds(at))
}
