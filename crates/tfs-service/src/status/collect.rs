//! Collects the status of a mount from its parts.

use tfs_api::status::{
    BreakerStatus, FailureCount, Histogram, MemoryStatus, ProgramsStatus, ReadFigures, ReadStatus,
    STATUS_VERSION, ServerStatus, StatusReport, TreeStatus,
};
use tfs_sys::process::ProcessStatus;
use vfs_core::{
    BreakerState, Counters, DurationCounts, ReadCounters, ReadSummary, ServerCounters,
    TorrentSource, Vfs,
};

use super::info::{MountInfo, ServerDescription};
use super::process::process_usage;
use super::watch::{Ages, Reached};
use crate::mounting::KernelSide;

/// Collects the status of a mount. Does not block.
pub(crate) fn status_of<S: TorrentSource>(vfs: &Vfs<S>, about: &MountInfo) -> StatusReport {
    let counters = vfs.counters();
    let ReadCounters {
        reads,
        hits,
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
    let summary = vfs.read_summary();
    let (counts, stats) = (vfs.counts(), vfs.stats());
    let servers = about.servers.iter().zip(&counters.servers);
    let servers: Vec<_> = servers.map(|(about, counters)| server_status(about, counters)).collect();
    let streams_max = servers.iter().map(|server| server.streams_max).sum();
    let mut status = StatusReport {
        version: STATUS_VERSION,
        tfs_version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        mountpoint: about.place.to_string(),
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
            // The sum of the reasons, also if a read has failed meanwhile.
            failures: summary.failure_count(),
            streams_opened: opens,
            retries,
            bytes_fetched,
            bytes_given,
            direct_reads,
            direct_misses,
            local_reads,
            bytes_local,
            bytes_unused: counters.bytes_unused,
            reads_split: about.kernel.get().map_or(0, KernelSide::reads_split),
        },
        figures: read_figures(&summary),
        memory: memory_status(vfs, &counters),
        process: process_usage(&about.runtime),
        preloads: about.preloads.totals(),
        programs: ProgramsStatus {
            downloads: about.downloads.list(about.started.elapsed()),
            refused: about.kernel.get().map(KernelSide::refused_programs).unwrap_or_default(),
        },
        intake: about.intake.status(),
        drop: about.drop.status(),
        fronts: about.fronts.statuses(),
    };
    status.trouble = status.find_trouble();
    status
}

fn memory_status<S: TorrentSource>(vfs: &Vfs<S>, counters: &Counters) -> MemoryStatus {
    MemoryStatus {
        resident_bytes: resident_bytes(),
        buffered_bytes: counters.buffered_bytes,
        cached_bytes: counters.cached_bytes,
        limit_bytes: counters.memory_bytes_max,
        search_bytes: vfs.search_memory_bytes(),
    }
}

fn server_status(about: &ServerDescription, counters: &ServerCounters) -> ServerStatus {
    let Reached { is_reachable, since, error } = about.watch.reached();
    let Ages { list, request } = about.watch.ages();
    ServerStatus {
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
        requests: counters.requests.sent,
        errors: counters
            .requests
            .errors
            .iter()
            .map(|(reason, count)| failure(reason, *count))
            .collect(),
        first_byte: histogram(&counters.first_bytes),
        discovery: about.watch.discovery(),
        budget: about.budget.upgrade().map(|budget| budget.status()),
    }
}

fn read_figures(summary: &ReadSummary) -> ReadFigures {
    let failures = summary.failures.iter();
    ReadFigures {
        read: histogram(&summary.durations),
        missing_wait: histogram(&summary.missing_waits),
        failures: failures.map(|(reason, count)| failure(reason.as_str(), *count)).collect(),
    }
}

fn histogram(counts: &DurationCounts) -> Histogram {
    Histogram {
        bounds_micros: counts.bounds_micros.to_vec(),
        counts: counts.counts.clone(),
        sum_micros: u64::try_from(counts.sum.as_micros()).unwrap_or(u64::MAX),
    }
}

fn failure(reason: &str, count: u64) -> FailureCount {
    FailureCount { reason: reason.to_owned(), count }
}

/// Returns the resident memory of this process from `/proc`.
fn resident_bytes() -> Option<u64> {
    let status = ProcessStatus::of_this_process().ok()?;
    let value = status.field("VmRSS")?;
    let kibibytes: u64 = value.strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}
