//! Completeness of the tree: skipped torrents, and shown ones that the server does not list.

use serde::{Deserialize, Serialize};

/// Maximum number of torrents of each kind that are named; all are counted.
pub const TORRENTS_NAMED_MAX: usize = 20;

/// State of a server's torrents that are skipped, missing, failed or incomplete.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DiscoveryStatus {
    /// Progress of the first poll; `null` once the tree is known.
    pub details: Option<DetailsStatus>,
    /// Torrents that the server lists and the mount does not show, since their details are
    /// unavailable. They are retried.
    pub left_out: LeftOutStatus,
    /// Torrents that the mount shows and a restarted server does not list.
    pub missing: AbsenceStatus,
    /// Torrents that the server has in state `error`.
    pub failed: FailedStatus,
    /// The number of shown torrents whose metadata is pending.
    pub metadata_pending: usize,
    /// The number of shown torrents for which the server has no metadata.
    pub metadata_unavailable: usize,
}

/// Progress of fetching the details of torrents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetailsStatus {
    /// The number of torrents with details.
    pub known: usize,
    /// The number of all torrents.
    pub all: usize,
}

/// Torrents that are skipped.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LeftOutStatus {
    /// Their number.
    pub count: usize,
    /// Up to [`TORRENTS_NAMED_MAX`] of them.
    pub torrents: Vec<NamedTorrent>,
}

/// Torrents in state `error` on the server: they download nothing until they are started.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FailedStatus {
    /// Their number.
    pub count: usize,
    /// Up to [`TORRENTS_NAMED_MAX`] of them.
    pub torrents: Vec<NamedTorrent>,
}

/// Torrents that the server does not list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AbsenceStatus {
    /// Their number.
    pub count: usize,
    /// Start of the first absence, in seconds since 1970.
    pub since: Option<i64>,
    /// Up to [`TORRENTS_NAMED_MAX`] of them.
    pub torrents: Vec<NamedTorrent>,
}

/// A torrent and its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedTorrent {
    /// 40 hexadecimal digits.
    pub info_hash: String,
    /// Its name, if known; as the server reports it, not escaped.
    pub name: Option<String>,
    /// Why it is skipped, or why it failed, in one line.
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
    /// Returns a warning about missing torrents, if there are any.
    #[must_use]
    pub fn missing_text(&self) -> Option<String> {
        let count = self.missing.count;
        (count > 0).then(|| {
            let since = self.missing.since.map(since_text).unwrap_or_default();
            let are = if count == 1 { "torrent is" } else { "torrents are" };
            format!("{count} {are} missing from the list of the server since it was started{since}")
        })
    }

    /// Returns a warning about failed torrents, if there are any.
    #[must_use]
    pub fn failed_text(&self) -> Option<String> {
        let FailedStatus { count, torrents } = &self.failed;
        let first = torrents.first()?;
        let (have, more) =
            if *count == 1 { ("torrent has", "") } else { ("torrents have", ", and others") };
        Some(format!("{count} {have} failed: {} ({}){more}", first.label(), first.reason()))
    }

    /// Returns a note about skipped torrents, if there are any.
    #[must_use]
    pub fn left_out_text(&self) -> Option<String> {
        let LeftOutStatus { count, torrents } = &self.left_out;
        let first = torrents.first()?;
        let why = first.why.as_deref().unwrap_or("no answer");
        let are = if *count == 1 { "torrent is" } else { "torrents are" };
        let more = if *count == 1 { "" } else { ", and others" };
        Some(format!("{count} {are} left out: {} ({why}){more}", first.label()))
    }
}

/// Formats a time in UTC, as the end of a sentence.
fn since_text(seconds: i64) -> String {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    format!(" ({})", humantime::format_rfc3339_seconds(at))
}
