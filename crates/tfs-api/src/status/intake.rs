//! How a process works with other programs: watch folders, requests of Sonarr and Radarr, the page,
//! hooks.

use serde::{Deserialize, Serialize};

/// Maximum number of files of a watch folder that are named; all are counted.
pub const WATCHED_FILES_NAMED_MAX: usize = 5;

/// State of a watch folder. Counters begin with the process.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WatchFolderStatus {
    /// The folder, as configured; invalid UTF-8 is replaced.
    pub dir: String,
    /// The name of the server that gets the torrents.
    pub server: String,
    /// Why nothing is taken from the folder at the moment, or `null`.
    pub trouble: Option<String>,
    /// Files that are not dealt with yet: unfinished ones, and ones that are retried.
    pub waiting: usize,
    /// Files that were added.
    pub added: u64,
    /// Files that were refused.
    pub rejected: u64,
    /// Up to [`WATCHED_FILES_NAMED_MAX`] waiting files that have failed at least once.
    pub failed: Vec<WatchedFile>,
    /// The file that was refused last.
    pub last_rejected: Option<WatchedFile>,
}

/// A file of a watch folder with a problem.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WatchedFile {
    /// Its path below the folder; control characters are escaped, and invalid UTF-8 is replaced.
    pub name: String,
    /// The problem.
    pub why: String,
}

/// The listener for Sonarr and Radarr.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ArrStatus {
    /// Its address and port; `null` if it does not listen.
    pub address: Option<String>,
    /// The name of the server behind it.
    pub server: String,
    /// Why it does not work at the moment, or `null`.
    pub trouble: Option<String>,
}

/// The page in a browser.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WebStatus {
    /// Its URL on this machine; `null` if it does not listen.
    pub url: Option<String>,
    /// Whether it asks for a token.
    pub needs_token: bool,
    /// The file with the token; `null` without one, or if a variable has it.
    pub token_file: Option<String>,
    /// Whether it can change torrents.
    pub control: bool,
    /// Why it does not work at the moment, or `null`.
    pub trouble: Option<String>,
}

/// State of a hook. Counters begin with the process, or with a change of the hook.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HookStatus {
    /// Its name.
    pub name: String,
    /// The program, or scheme, host and port of the address.
    pub target: String,
    /// Whether a call is running.
    pub running: bool,
    /// Calls that have ended. Retries of one call count once.
    pub calls: u64,
    /// Those that failed.
    pub failures: u64,
    /// Events of failed calls, and events that came too fast.
    pub events_lost: u64,
    /// The last failure.
    pub last_failure: Option<HookFailure>,
    /// Whether the last call failed.
    pub failing: bool,
}

/// A failed call of a hook.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HookFailure {
    /// When it ended, in seconds since 1970.
    pub at: i64,
    /// What failed, and why.
    pub why: String,
}

/// How a process works with other programs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct IntakeStatus {
    /// The watch folders of the process, ordered by path.
    pub watch_folders: Vec<WatchFolderStatus>,
    /// The listener for Sonarr and Radarr; `null` if it is off.
    pub arr: Option<ArrStatus>,
    /// The page; `null` if it is off. Older processes do not send it.
    pub web: Option<WebStatus>,
    /// The hooks, in the order of the configuration.
    pub hooks: Vec<HookStatus>,
}
