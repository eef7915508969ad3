//! The holders of a server's streams, for users.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tfs_sys::runtime_dir;

use super::record::ProcessRecord;
use super::slot_dir::SlotDir;
use super::{DIR_NAME, ServerKey};

/// The stream budget of a server that all mounts of this user share.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BudgetStatus {
    /// Maximum number of open streams: the smallest `max_streams` of the mounts.
    pub streams_max: usize,
    /// Number of permits that the mounts hold.
    pub held: usize,
    /// The mounts, those of this process first.
    pub holders: Vec<BudgetHolder>,
    /// Why mounts of other processes are not included; `null` if they are.
    pub error: Option<String>,
}

/// One mount of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetHolder {
    /// Its process id.
    pub pid: u32,
    /// Its mount point.
    pub mountpoint: String,
    /// Its `max_streams`.
    pub streams_max: usize,
    /// Number of permits that it holds.
    pub held: usize,
    /// Whether its readers wait for another permit.
    pub waiting: bool,
    /// Whether its process is stopped, and keeps its permits until it is resumed.
    pub stopped: bool,
}

impl BudgetStatus {
    pub(super) fn new(holders: Vec<BudgetHolder>, error: Option<String>) -> Self {
        let streams_max = holders.iter().map(|holder| holder.streams_max).min().unwrap_or(0);
        let held = holders.iter().map(|holder| holder.held).sum();
        Self { streams_max, held, holders, error }
    }
}

impl BudgetHolder {
    pub(super) fn of_process(record: &ProcessRecord) -> Vec<Self> {
        let is_stopped = record.pid != std::process::id() && is_stopped(record.pid);
        let holders = record.members.iter().map(|member| Self {
            pid: record.pid,
            mountpoint: member.mountpoint.clone(),
            streams_max: member.streams_max,
            held: member.held,
            waiting: member.waits_here_millis.is_some() || member.waits_missing_millis.is_some(),
            stopped: is_stopped,
        });
        holders.collect()
    }
}

/// Returns the mounts of this user that share the streams of a server, for a process that does not
/// take part. Reads a few files.
pub(crate) fn holders_of(key: &ServerKey) -> BudgetStatus {
    match SlotDir::scan(&runtime_dir::path().join(DIR_NAME), key.as_file_name()) {
        Ok(others) => {
            let holders = others.records.iter();
            let holders = holders.flat_map(BudgetHolder::of_process);
            BudgetStatus::new(holders.collect(), None)
        }
        Err(error) => BudgetStatus::new(Vec::new(), Some(super::with_cause(&error))),
    }
}

/// Returns whether a process was stopped by a signal or a debugger.
fn is_stopped(pid: u32) -> bool {
    let path = Path::new("/proc").join(pid.to_string()).join("stat");
    let Ok(text) = fs::read_to_string(path) else { return false };
    // The program name is in parentheses, and may contain any characters.
    let state = text.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    matches!(state, Some('T' | 't'))
}
