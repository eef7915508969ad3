//! The stream budget of a server and its holders.

use serde::{Deserialize, Serialize};

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
    /// Returns the budget of these mounts, and why others are not included.
    #[must_use]
    pub fn new(holders: Vec<BudgetHolder>, error: Option<String>) -> Self {
        let streams_max = holders.iter().map(|holder| holder.streams_max).min().unwrap_or(0);
        let held = holders.iter().map(|holder| holder.held).sum();
        Self { streams_max, held, holders, error }
    }
}
