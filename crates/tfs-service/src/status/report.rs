//! The state of a mount as one value, for people, scripts and monitoring.

use fuse_adapter::KernelHandle;
use serde::{Deserialize, Serialize};
use vfs_core::{BreakerState, ReadCounters, ServerCounters, TorrentSource, Vfs};

use super::discovery::{DetailsStatus, DiscoveryStatus};
use super::files::{MountInfo, ServerDescription};
use super::process::{ProcessUsage, status_field};
use super::watch::{Ages, Reached};
use crate::budget::BudgetStatus;
use crate::preload::PreloadTotals;
use crate::watched_servers::SILENCE_MIN;

/// The version of [`StatusReport`]: another one where a field went or means something else.
pub(crate) const VERSION: u32 = 1;

/// What a server is called that runs in the process of its mount.
pub const EMBEDDED_NAME: &str = "embedded";

/// The state of a mount. Serialized, it is `.tfs/status.json`, which `docs/json.md` describes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// The version of this description.
    pub version: u32,
    /// The version of tfs.
    pub tfs_version: String,
    /// The process behind the mount.
    pub pid: u32,
    /// Where it is mounted; what is no UTF-8 is replaced.
    pub mountpoint: String,
    /// When the mount was started, in seconds since 1970.
    pub started_at: i64,
    /// How long ago that is, in seconds, whatever the clock was set to.
    pub uptime_seconds: u64,
    /// What is wrong, or `null`.
    pub trouble: Option<String>,
    /// The first of the servers, for those who know of one.
    pub server: ServerStatus,
    /// The servers.
    pub servers: Vec<ServerStatus>,
    /// The torrents.
    pub tree: TreeStatus,
    /// The reads.
    pub reads: ReadStatus,
    /// The memory.
    pub memory: MemoryStatus,
    /// What the process holds.
    #[serde(default)]
    pub process: ProcessUsage,
    /// What is being preloaded; older processes do not say.
    #[serde(default)]
    pub preloads: PreloadTotals,
}

/// A server of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStatus {
    /// What it is called.
    pub name: String,
    /// Its address, without credentials.
    pub url: String,
    /// Whether it answered when it was last asked for its torrents.
    pub reachable: bool,
    /// Since when that is so, in seconds since 1970; `null` before it was asked.
    pub since: Option<i64>,
    /// Why it did not answer.
    pub error: Option<String>,
    /// How long ago it last listed its torrents, in seconds; `null` if it has not done so since
    /// the mount was started. Older processes do not say.
    #[serde(default)]
    pub list_age_seconds: Option<u64>,
    /// For how long it has not answered a request for its torrents, in seconds; `null` if no
    /// request is open.
    #[serde(default)]
    pub silent_seconds: Option<u64>,
    /// What the circuit breaker of reads does.
    pub breaker: BreakerStatus,
    /// Streams that are open on it now, or about to open or close.
    pub streams_open: usize,
    /// The most of them.
    pub streams_max: usize,
    /// Bytes that came from it.
    pub bytes_fetched: u64,
    /// What of its torrents is not shown, or not listed any more. Older processes do not say.
    #[serde(default)]
    pub discovery: DiscoveryStatus,
    /// The streams that all mounts of the server share; `null` if it has no other mounts, as a
    /// server inside the process. Older processes do not say.
    #[serde(default)]
    pub budget: Option<BudgetStatus>,
}

/// What a circuit breaker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerStatus {
    /// Reads ask the server.
    Closed,
    /// Reads that need the server fail at once.
    Open,
    /// The next read tries whether the server is back.
    HalfOpen,
}

/// The torrents of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeStatus {
    /// Whether a list of torrents is known. Without one the root cannot be listed.
    pub known: bool,
    /// The number of torrents that are shown.
    pub torrents: usize,
    /// The number of their files.
    pub files: usize,
    /// The lengths of all files together.
    pub total_bytes: u64,
    /// The downloaded part of that.
    pub have_bytes: u64,
}

/// The reads of a mount. What is counted is counted since the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadStatus {
    /// Files that are open now, those in `.tfs/` left out.
    pub open_files: usize,
    /// Reads that wait now.
    pub waiting: usize,
    /// Streams that are open now, or about to open or close.
    pub streams_open: usize,
    /// The most of them, on all servers.
    pub streams_max: usize,
    /// Reads that reached tfs; what the kernel has in its cache does not.
    pub reads: u64,
    /// Those that were answered from memory at once.
    pub hits: u64,
    /// Those that ended with an error.
    pub failures: u64,
    /// Streams that were opened.
    pub streams_opened: u64,
    /// Streams that failed and were tried again.
    pub retries: u64,
    /// Bytes that came from the server.
    pub bytes_fetched: u64,
    /// Bytes that were given to readers.
    pub bytes_given: u64,
    /// Reads that the thread which took them from the kernel read from the server itself.
    #[serde(default)]
    pub direct_reads: u64,
    /// How often that was tried in vain; those reads took the usual way.
    #[serde(default)]
    pub direct_misses: u64,
    /// Reads, or parts of one, that were answered from this machine's disk.
    #[serde(default)]
    pub local_reads: u64,
    /// Bytes that were given to readers from there, counted in `bytes_given` too.
    #[serde(default)]
    pub bytes_local: u64,
    /// Bytes that came from the server and that nobody asked for in time.
    pub bytes_unused: u64,
    /// Reads over pages of which some were there and others missing: the kernel asks for each page
    /// again. Older processes do not say.
    #[serde(default)]
    pub reads_split: u64,
}

/// The memory of a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryStatus {
    /// What the process has in memory; `null` where the system does not say.
    pub resident_bytes: Option<u64>,
    /// What is in the buffers of streams.
    pub buffered_bytes: u64,
    /// What is in the cache.
    pub cached_bytes: u64,
    /// The most that both together may be.
    pub limit_bytes: u64,
    /// What searches need.
    pub search_bytes: usize,
}

impl StatusReport {
    /// Looks at a mount. Waits for nobody.
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

    /// Returns what keeps the mount from showing what the server has, if anything does.
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
            return Some(format!("no list of torrents is known yet{because}"));
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

    /// Returns what a user should know although nothing is wrong with the mount: torrents that are
    /// left out.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.servers.iter().filter_map(|server| server.discovery.left_out_text()).collect()
    }
}

impl ServerStatus {
    /// Returns what `--server` has to be for a command that is to reach the server, if it needs
    /// it: commands find one inside the process of the mount by themselves.
    #[must_use]
    pub fn flag(&self) -> Option<&str> {
        (self.name != EMBEDDED_NAME).then_some(self.url.as_str())
    }

    /// Returns whether what is known of its torrents may be old: it does not answer, or has not
    /// answered for [`SILENCE_MIN`].
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

/// Returns what `/proc` says of the memory of this process.
fn resident_bytes() -> Option<u64> {
    let value = status_field("VmRSS:")?;
    let kibibytes: u64 = value.strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}
