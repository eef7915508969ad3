//! The status of a mount as one value, for users, scripts and monitoring.

use fuse_adapter::KernelHandle;
use serde::{Deserialize, Serialize};
use tfs_sys::process::ProcessStatus;
use vfs_core::{BreakerState, ReadCounters, ServerCounters, TorrentSource, Vfs};

use super::discovery::{DetailsStatus, DiscoveryStatus};
use super::files::{MountInfo, ServerDescription};
use super::process::ProcessUsage;
use super::watch::{Ages, Reached};
use crate::budget::BudgetStatus;
use crate::preload::PreloadTotals;
use crate::watched_servers::SILENCE_MIN;

/// The version of [`StatusReport`]: it changes when a field is removed or its meaning changes.
pub(crate) const VERSION: u32 = 1;

/// The name of an embedded server.
pub const EMBEDDED_NAME: &str = "embedded";

/// The status of a mount. Serialized, it is `.tfs/status.json`, which `docs/json.md` documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// The version of this format.
    pub version: u32,
    /// The version of tfs.
    pub tfs_version: String,
    /// The process id of the mount.
    pub pid: u32,
    /// The mount point; invalid UTF-8 is replaced.
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
    /// The memory.
    pub memory: MemoryStatus,
    /// Resource usage of the process.
    #[serde(default)]
    pub process: ProcessUsage,
    /// Active preloads; older processes do not send it.
    #[serde(default)]
    pub preloads: PreloadTotals,
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

impl StatusReport {
    /// Collects the status of a mount. Does not block.
    pub(crate) fn of<S: TorrentSource>(vfs: &Vfs<S>, about: &MountInfo) -> Self {
        let counters = vfs.counters();
        let ReadCounters {
            reads,
            hits,
            failures,
            opens,
            retries,
            bytes_fetched,
            bytes_given,
            direct_reads,
            direct_misses,
            local_reads,
            bytes_local,
            ..
        } = counters.total;
        let (counts, stats) = (vfs.counts(), vfs.stats());
        let servers = about.servers.iter().zip(&counters.servers);
        let servers: Vec<_> =
            servers.map(|(about, counters)| ServerStatus::of(about, counters)).collect();
        let streams_max = servers.iter().map(|server| server.streams_max).sum();
        let mut status = Self {
            version: VERSION,
            tfs_version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            mountpoint: about.mountpoint.to_string_lossy().into_owned(),
            started_at: about.started_at,
            uptime_seconds: about.started.elapsed().as_secs(),
            trouble: None,
            server: servers.first().cloned().expect("a mount has a server"),
            servers,
            tree: TreeStatus {
                known: counts.is_known,
                torrents: counts.torrents,
                files: counts.files,
                total_bytes: stats.total_bytes,
                have_bytes: stats.have_bytes,
            },
            reads: ReadStatus {
                open_files: vfs.open_count(),
                waiting: counters.reads_waiting,
                streams_open: counters.streams_open,
                streams_max,
                reads,
                hits,
                failures,
                streams_opened: opens,
                retries,
                bytes_fetched,
                bytes_given,
                direct_reads,
                direct_misses,
                local_reads,
                bytes_local,
                bytes_unused: counters.bytes_unused,
                reads_split: about.kernel.get().map_or(0, KernelHandle::reads_split),
            },
            memory: MemoryStatus {
                resident_bytes: resident_bytes(),
                buffered_bytes: counters.buffered_bytes,
                cached_bytes: counters.cached_bytes,
                limit_bytes: counters.memory_bytes_max,
                search_bytes: vfs.search_memory_bytes(),
            },
            process: ProcessUsage::of(&about.runtime),
            preloads: about.preloads.totals(),
        };
        status.trouble = status.find_trouble();
        status
    }

    /// Returns the problem that keeps the mount from showing its servers' data, if there is one.
    fn find_trouble(&self) -> Option<String> {
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
        missing.or_else(|| servers().find_map(DiscoveryStatus::failed_text))
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

    fn of(about: &ServerDescription, counters: &ServerCounters) -> Self {
        let Reached { is_reachable, since, error } = about.watch.reached();
        let Ages { list, request } = about.watch.ages();
        Self {
            name: about.name.clone(),
            url: about.url.clone(),
            reachable: is_reachable,
            since,
            error,
            list_age_seconds: list.map(|age| age.as_secs()),
            silent_seconds: request.map(|age| age.as_secs()),
            breaker: match counters.breaker {
                BreakerState::Closed => BreakerStatus::Closed,
                BreakerState::Open => BreakerStatus::Open,
                BreakerState::HalfOpen => BreakerStatus::HalfOpen,
            },
            streams_open: counters.streams_open,
            streams_max: counters.streams_max,
            bytes_fetched: counters.bytes_fetched,
            discovery: about.watch.discovery(),
            budget: about.budget.upgrade().map(|budget| budget.status()),
        }
    }
}

/// Returns the resident memory of this process from `/proc`.
fn resident_bytes() -> Option<u64> {
    let status = ProcessStatus::of_this_process().ok()?;
    let value = status.field("VmRSS")?;
    let kibibytes: u64 = value.strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}
