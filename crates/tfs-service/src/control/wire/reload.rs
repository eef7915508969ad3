//! What a daemon made of a changed configuration.

use serde::{Deserialize, Serialize};

/// The answer to `POST /v1/reload` with `{}`: what a daemon made of its configuration. It comes
/// when each mount has come up, failed, stayed or gone, or after a minute.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reloaded {
    /// The process.
    pub pid: u32,
    /// What became of each mount, by path.
    pub mounts: Vec<ReloadedMount>,
    /// What became of the sections that have changed and are no part of a mount.
    pub sections: Vec<ReloadedSection>,
}

/// What became of a section of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadedSection {
    /// Its name.
    pub section: String,
    /// What became of it.
    pub outcome: SectionOutcome,
    /// Why, if it does not hold.
    #[serde(default)]
    pub why: Option<String>,
}

/// What became of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SectionOutcome {
    /// It holds from now on.
    Applied,
    /// It holds after a restart of the daemon.
    NeedsRestart,
    /// It cannot be done. The next reload tries again.
    Failed,
    /// Something that this client does not know.
    #[serde(other)]
    Unknown,
}

/// What became of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadedMount {
    /// Where it is or was, as the configuration has it.
    pub mountpoint: String,
    /// What became of it.
    pub outcome: MountOutcome,
    /// Why, if it is not as the configuration has it.
    #[serde(default)]
    pub why: Option<String>,
}

/// What became of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MountOutcome {
    /// It has come up.
    Mounted,
    /// It was there, and is as it was.
    Unchanged,
    /// It was mounted anew, with changed settings.
    Remounted,
    /// It has gone, since the configuration does not have it any more.
    Removed,
    /// It is in use, and stays as it was although the configuration says otherwise.
    Kept,
    /// It did not come up or was lost, and is tried again.
    Failed,
    /// Somebody unmounted it. The next reload mounts it again.
    Unmounted,
    /// It is still coming up or going.
    Pending,
    /// Something that this client does not know.
    #[serde(other)]
    Unknown,
}
