//! The status of a mount as one value, for users, scripts and monitoring.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::budget::BudgetStatus;
use super::discovery::{DetailsStatus, DiscoveryStatus};
use super::drop::DropStatus;
use super::front::FrontStatus;
use super::histogram::{FailureCount, Histogram, ReadFigures};
use super::intake::IntakeStatus;
use super::programs::ProgramsStatus;

/// The version of [`StatusReport`]: it changes when a field is removed or its meaning changes.
pub const STATUS_VERSION: u32 = 1;

/// The name of an embedded server.
pub const EMBEDDED_NAME: &str = "embedded";

/// Duration of a request after which the shown data counts as old: rqbit lists a few thousand
/// torrents in less.
pub const SILENCE_MIN: Duration = Duration::from_secs(2);

/// The status of a mount. Serialized, it is `.tfs/status.json`, documented in
/// `docs/reference/json.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// The version of this format.
    pub version: u32,
    /// The version of tfs.
    pub tfs_version: String,
    /// The process id of the mount.
    pub pid: u32,
    /// The mount point; invalid UTF-8 is replaced. As in [`MountId`](crate::wire::MountId), a name
    /// if it is mounted nowhere.
    pub mountpoint: String,
    /// When the mount was started, in seconds since 1970.
    pub started_at: i64,
    /// Time since then in seconds, on the monotonic clock.
    pub uptime_seconds: u64,
    /// The problem, or `null`.
    pub trouble: Option<String>,
    /// The first server, for clients that support one only.
    pub server: ServerStatus,
    /// The servers.
    pub servers: Vec<ServerStatus>,
    /// The torrents.
    pub tree: TreeStatus,
    /// The reads.
    pub reads: ReadStatus,
    /// Durations and failures of reads. Older processes do not send it.
    #[serde(default)]
    pub figures: ReadFigures,
    /// The memory.
    pub memory: MemoryStatus,
    /// Resource usage of the process.
    #[serde(default)]
    pub process: ProcessUsage,
    /// Active preloads; older processes do not send it.
    #[serde(default)]
    pub preloads: PreloadTotals,
    /// What the programs that read cost; older processes do not send it.
    #[serde(default)]
    pub programs: ProgramsStatus,
    /// The drop folder; `null` without one. Older processes do not send it.
    #[serde(default)]
    pub drop: Option<DropStatus>,
    /// Its front ends on the network; older processes do not send it.
    #[serde(default)]
    pub fronts: Vec<FrontStatus>,
    /// What the process takes in from other programs; older processes do not send it.
    #[serde(default)]
    pub intake: IntakeStatus,
}

/// A server of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStatus {
    /// Its name.
    pub name: String,
    /// Its URL, without credentials.
    pub url: String,
    /// Whether the last request for its torrents succeeded.
    pub reachable: bool,
    /// Since when, in seconds since 1970; `null` before the first request.
    pub since: Option<i64>,
    /// The error of the last request.
    pub error: Option<String>,
    /// Age of the last listing in seconds; `null` if there was none since the mount was started.
    /// Older processes do not send it.
    #[serde(default)]
    pub list_age_seconds: Option<u64>,
    /// How long a request for its torrents has been unanswered, in seconds; `null` if no request is
    /// pending.
    #[serde(default)]
    pub silent_seconds: Option<u64>,
    /// State of the circuit breaker for reads.
    pub breaker: BreakerStatus,
    /// Streams that are open, opening or closing.
    pub streams_open: usize,
    /// Maximum number of streams.
    pub streams_max: usize,
    /// Bytes received from it.
    pub bytes_fetched: u64,
    /// HTTP requests that were sent to it. Older processes do not send it.
    #[serde(default)]
    pub requests: u64,
    /// Requests that failed, by reason; all reasons, also those with 0. Older processes do not send
    /// it.
    #[serde(default)]
    pub errors: Vec<FailureCount>,
    /// Times from opening a stream to its first byte. Older processes do not send it.
    #[serde(default)]
    pub first_byte: Histogram,
    /// Torrents that are not shown or no longer listed. Older processes do not send it.
    #[serde(default)]
    pub discovery: DiscoveryStatus,
    /// The stream budget that all mounts of the server share. `null` if no other mount can share
    /// it, as for an embedded server. Older processes do not send it.
    #[serde(default)]
    pub budget: Option<BudgetStatus>,
}

/// State of a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerStatus {
    /// Reads are sent to the server.
    Closed,
    /// Reads that need the server fail at once.
    Open,
    /// The next read tests whether the server is up again.
    HalfOpen,
}

/// The torrents of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeStatus {
    /// Whether a list of torrents is known. Otherwise the root directory cannot be listed.
    pub known: bool,
    /// The number of torrents that are shown.
    pub torrents: usize,
    /// The number of their files.
    pub files: usize,
    /// The sum of all file lengths.
    pub total_bytes: u64,
    /// The downloaded part of it.
    pub have_bytes: u64,
}

/// The reads of a mount. Counters start at the mount's start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadStatus {
    /// Open files, except those in `.tfs/`.
    pub open_files: usize,
    /// Reads in flight that wait for data.
    pub waiting: usize,
    /// Streams that are open, opening or closing.
    pub streams_open: usize,
    /// Maximum number of streams, over all servers.
    pub streams_max: usize,
    /// Reads that reached tfs; reads from the kernel's page cache do not.
    pub reads: u64,
    /// Reads that were answered from memory at once.
    pub hits: u64,
    /// Reads that failed.
    pub failures: u64,
    /// Streams that were opened.
    pub streams_opened: u64,
    /// Streams that failed and were reopened.
    pub retries: u64,
    /// Bytes received from the servers.
    pub bytes_fetched: u64,
    /// Bytes returned to readers.
    pub bytes_given: u64,
    /// Inline reads: the FUSE thread fetched the data from the server itself.
    #[serde(default)]
    pub direct_reads: u64,
    /// Attempts at an inline read that failed; those reads took the usual path.
    #[serde(default)]
    pub direct_misses: u64,
    /// Reads, or parts of one, that were answered from the local disk.
    #[serde(default)]
    pub local_reads: u64,
    /// Bytes returned to readers from the local disk, included in `bytes_given`.
    #[serde(default)]
    pub bytes_local: u64,
    /// Bytes received from the server that were dropped unread.
    pub bytes_unused: u64,
    /// Reads of a range with both present and missing pages: the kernel requests each page again.
    /// Older processes do not send it.
    #[serde(default)]
    pub reads_split: u64,
}

/// The memory of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryStatus {
    /// Resident memory of the process; `null` if the system does not report it.
    pub resident_bytes: Option<u64>,
    /// Bytes in the buffers of streams.
    pub buffered_bytes: u64,
    /// Bytes in the block cache.
    pub cached_bytes: u64,
    /// Upper bound for both together.
    pub limit_bytes: u64,
    /// Bytes of the search index.
    pub search_bytes: usize,
}

/// Resources of the process, for all of its mounts together. A number that only grows is a leak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProcessUsage {
    /// Live tasks of the runtime.
    pub tasks: usize,
    /// Threads; `null` if the system does not report them.
    pub threads: Option<u64>,
    /// Open file descriptors; `null` if the system does not report them.
    pub descriptors: Option<u64>,
}

/// Totals of the active preloads of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PreloadTotals {
    /// Files that are being preloaded.
    pub running: u64,
    /// Files that are queued.
    pub waiting: u64,
    /// Requested bytes of all of them.
    pub total_bytes: u64,
    /// The part of these bytes that is known to be on the server.
    pub there_bytes: u64,
}

impl StatusReport {
    /// Returns the problem that keeps the mount from showing its servers' data, if there is one.
    #[must_use]
    pub fn find_trouble(&self) -> Option<String> {
        let why = |server: &ServerStatus| {
            server.error.as_ref().map_or_else(String::new, |error| format!(": {error}"))
        };
        if !self.tree.known {
            let details = self.servers.iter().find_map(|server| server.discovery.details);
            if let Some(DetailsStatus { known, all }) = details {
                return Some(format!(
                    "the torrents are not shown yet: details of {known} of {all} torrents"
                ));
            }
            let because = self.servers.first().map(why).unwrap_or_default();
            return Some(format!("the list of torrents is not known yet{because}"));
        }
        let called = |server: &ServerStatus| match self.servers.len() {
            1 => "the server".to_owned(),
            _ => format!("the server {}", server.name),
        };
        if let Some(server) = self.servers.iter().find(|server| !server.reachable) {
            return Some(format!("{} does not answer{}", called(server), why(server)));
        }
        let is_open = |server: &&ServerStatus| server.breaker == BreakerStatus::Open;
        if let Some(server) = self.servers.iter().find(is_open) {
            return Some(format!("{} does not answer reads", called(server)));
        }
        let servers = || self.servers.iter().map(|server| &server.discovery);
        let missing = servers().find_map(DiscoveryStatus::missing_text);
        let failed = || servers().find_map(DiscoveryStatus::failed_text);
        let drop = || Some(format!("no drop folder: {}", self.drop.as_ref()?.trouble.as_ref()?));
        let arr = || self.intake.arr.as_ref()?.trouble.clone();
        let web = || self.intake.web.as_ref()?.trouble.clone();
        let front = || self.fronts.iter().find_map(FrontStatus::trouble_text);
        missing.or_else(failed).or_else(drop).or_else(front).or_else(arr).or_else(web)
    }

    /// Returns notes for users that are not problems of the mount: torrents that are skipped.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.servers.iter().filter_map(|server| server.discovery.left_out_text()).collect()
    }
}

impl ServerStatus {
    /// Returns the value of `--server` for suggested commands, if they need one: commands find an
    /// embedded server without it.
    #[must_use]
    pub fn flag(&self) -> Option<&str> {
        (self.name != EMBEDDED_NAME).then_some(self.url.as_str())
    }

    /// Returns whether its listing may be outdated: the last request failed, or one has been
    /// unanswered for [`SILENCE_MIN`].
    #[must_use]
    pub fn is_silent(&self) -> bool {
        let is_late = self.silent_seconds.is_some_and(|seconds| seconds >= SILENCE_MIN.as_secs());
        !self.reachable || is_late
    }
}
