//! The result of reloading a daemon's configuration.

use serde::{Deserialize, Serialize};

/// The answer to `POST /v1/reload` with `{}`: the result of a reload. It is sent when every mount
/// has started, failed, stayed or ended, or after a minute.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reloaded {
    /// The process id.
    pub pid: u32,
    /// The result for each mount, ordered by path.
    pub mounts: Vec<ReloadedMount>,
    /// The result for changed sections that are not part of a mount.
    pub sections: Vec<ReloadedSection>,
}

/// The result for a section of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadedSection {
    /// Its name.
    pub section: String,
    /// The result.
    pub outcome: SectionOutcome,
    /// The reason, if it was not applied.
    #[serde(default)]
    pub why: Option<String>,
}

/// Results for a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SectionOutcome {
    /// Applied.
    Applied,
    /// Takes effect after a restart of the daemon.
    NeedsRestart,
    /// Could not be applied. The next reload tries again.
    Failed,
    /// A result that this client does not know.
    #[serde(other)]
    Unknown,
}

/// The result for a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadedMount {
    /// The mount point, as configured.
    pub mountpoint: String,
    /// The result.
    pub outcome: MountOutcome,
    /// The reason, if it differs from the configuration.
    #[serde(default)]
    pub why: Option<String>,
}

/// Results for a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MountOutcome {
    /// It has started.
    Mounted,
    /// It existed, and is unchanged.
    Unchanged,
    /// It was remounted with changed settings.
    Remounted,
    /// It was unmounted: the configuration no longer contains it.
    Removed,
    /// It is in use, and keeps its old settings although the configuration has changed.
    Kept,
    /// It did not start or was lost, and is retried.
    Failed,
    /// It was unmounted manually. The next reload mounts it again.
    Unmounted,
    /// It is still starting or ending.
    Pending,
    /// A result that this client does not know.
    #[serde(other)]
    Unknown,
}
