//! Metrics of the process, of all mounts together.

use tfs_api::status::{ArrStatus, HookStatus, WatchFolderStatus, WebStatus};
use tfs_sys::usage::ProcessResources;

use super::metric::{Metric, MetricValue, counter, gauge, labels};

/// What is measured of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::status) struct ProcessFigures {
    /// Running tasks; `None` without a mount.
    pub(in crate::status) tasks: Option<u64>,
    /// Mounts.
    pub(in crate::status) mounts: usize,
    /// Configured mounts that do not exist at the moment.
    pub(in crate::status) missing: usize,
    /// What the system reports.
    pub(in crate::status) resources: ProcessResources,
}

/// The version, as labels.
pub(in crate::status) const OF_BUILD: &[Metric<()>] =
    &[gauge("tfs_build_info", "The program, as labels; always 1.", |()| 1_u64.into())];

/// Metrics of the process that only tfs has.
pub(in crate::status) const OF_PROCESS: &[Metric<ProcessFigures>] = &[
    gauge("tfs_mounts", "Mounts of the process.", |it| it.mounts.into()),
    gauge("tfs_mounts_missing", "Configured mounts that do not exist at the moment.", |it| {
        it.missing.into()
    }),
    gauge("tfs_tasks", "Running tasks of the process.", |it| it.tasks.into()),
];

/// Metrics of the process under the names that all programs use. `.tfs/metrics` does not have them:
/// node_exporter, which may collect it, has its own under the same names.
pub(in crate::status) const OF_RESOURCES: &[Metric<ProcessFigures>] = &[
    counter("process_cpu_seconds_total", "Processor time, in user and kernel mode.", |it| {
        MetricValue::Micros(it.resources.cpu_time.as_micros())
    }),
    gauge("process_resident_memory_bytes", "Resident memory.", |it| {
        it.resources.resident_bytes.into()
    }),
    gauge("process_virtual_memory_bytes", "Size of the address space.", |it| {
        it.resources.virtual_bytes.into()
    }),
    gauge("process_open_fds", "Open file descriptors.", |it| it.resources.descriptors.into()),
    gauge("process_max_fds", "Maximum number of open file descriptors.", |it| {
        it.resources.descriptors_max.into()
    }),
    gauge("process_threads", "Threads.", |it| it.resources.threads.into()),
    gauge("process_start_time_seconds", "When the process was started, since 1970.", |it| {
        let started_at = it.resources.started_at;
        started_at.map_or(MetricValue::Absent, |at| MetricValue::Micros(at.as_micros()))
    }),
];

/// Metrics of a watch folder.
pub(in crate::status) const OF_WATCH_FOLDER: &[Metric<WatchFolderStatus>] = &[
    gauge("tfs_watch_folder_healthy", "Whether files are taken from the watch folder.", |it| {
        it.trouble.is_none().into()
    }),
    gauge("tfs_watch_folder_waiting", "Files that are not dealt with yet.", |it| it.waiting.into()),
    gauge(
        "tfs_watch_folder_failed",
        "Files that have failed and are retried, as far as they are named.",
        |it| it.failed.len().into(),
    ),
    counter("tfs_watch_folder_added_total", "Files that were added.", |it| it.added.into()),
    counter("tfs_watch_folder_rejected_total", "Files that were refused.", |it| it.rejected.into()),
];

/// Metrics of the listener for Sonarr and Radarr.
pub(in crate::status) const OF_ARR: &[Metric<ArrStatus>] =
    &[gauge("tfs_arr_healthy", "Whether Sonarr and Radarr are served.", |it| {
        (it.address.is_some() && it.trouble.is_none()).into()
    })];

/// Metrics of the page.
pub(in crate::status) const OF_WEB: &[Metric<WebStatus>] =
    &[gauge("tfs_web_healthy", "Whether the page is served.", |it| {
        (it.url.is_some() && it.trouble.is_none()).into()
    })];

/// Metrics of a hook.
pub(in crate::status) const OF_HOOK: &[Metric<HookStatus>] = &[
    gauge("tfs_hook_failing", "Whether the last call of the hook failed.", |it| it.failing.into()),
    counter("tfs_hook_calls_total", "Calls that have ended.", |it| it.calls.into()),
    counter("tfs_hook_failures_total", "Calls that failed.", |it| it.failures.into()),
    counter("tfs_hook_events_lost_total", "Events of failed calls, and dropped ones.", |it| {
        it.events_lost.into()
    }),
];

/// Returns the labels of [`OF_BUILD`].
pub(in crate::status) fn build_labels() -> String {
    labels(&[
        ("version", env!("CARGO_PKG_VERSION")),
        ("os", std::env::consts::OS),
        ("arch", std::env::consts::ARCH),
    ])
}
