//! Metrics of a mount and of its drop folder.

use tfs_api::status::{DropStatus, StatusReport};

use super::metric::{Metric, MetricValue, by_program, counter, failures, gauge, histogram};

/// Metrics of a mount.
pub(in crate::status) const OF_MOUNT: &[Metric<StatusReport>] = &[
    gauge("tfs_healthy", "Whether the mount has no trouble, as in .tfs/healthy.", |it| {
        it.trouble.is_none().into()
    }),
    gauge("tfs_start_time_seconds", "When the mount was started, since 1970.", |it| {
        u64::try_from(it.started_at).unwrap_or(0).into()
    }),
    gauge("tfs_tree_known", "Whether a list of torrents is known.", |it| it.tree.known.into()),
    gauge("tfs_torrents", "Torrents that are shown.", |it| it.tree.torrents.into()),
    gauge("tfs_files", "Files that are shown.", |it| it.tree.files.into()),
    gauge("tfs_total_bytes", "The lengths of all files together.", |it| it.tree.total_bytes.into()),
    gauge("tfs_have_bytes", "Downloaded bytes of all files.", |it| it.tree.have_bytes.into()),
    gauge("tfs_open_files", "Files that are open.", |it| it.reads.open_files.into()),
    gauge("tfs_reads_waiting", "Reads that wait, for a piece or a stream.", |it| {
        it.reads.waiting.into()
    }),
    gauge("tfs_streams_open", "Streams that are open.", |it| it.reads.streams_open.into()),
    gauge("tfs_streams_max", "Maximum number of open streams.", |it| it.reads.streams_max.into()),
    gauge("tfs_buffered_bytes", "Bytes in the buffers of streams.", |it| {
        it.memory.buffered_bytes.into()
    }),
    gauge("tfs_cached_bytes", "Bytes in the cache.", |it| it.memory.cached_bytes.into()),
    gauge("tfs_memory_limit_bytes", "Maximum of buffers and cache together.", |it| {
        it.memory.limit_bytes.into()
    }),
    gauge("tfs_search_bytes", "Size of the search index.", |it| it.memory.search_bytes.into()),
    gauge("tfs_preloads_running", "Files that are being preloaded.", |it| {
        it.preloads.running.into()
    }),
    gauge("tfs_preloads_waiting", "Files that wait to be preloaded.", |it| {
        it.preloads.waiting.into()
    }),
    gauge("tfs_preload_bytes", "Bytes wanted by preloads.", |it| it.preloads.total_bytes.into()),
    gauge("tfs_preload_there_bytes", "Bytes wanted by preloads that the server has.", |it| {
        it.preloads.there_bytes.into()
    }),
    histogram("tfs_read_duration_seconds", "Time from a read to its answer.", |it| {
        MetricValue::Histogram(&it.figures.read)
    }),
    histogram(
        "tfs_read_missing_wait_seconds",
        "Time that reads waited for pieces that no server had.",
        |it| MetricValue::Histogram(&it.figures.missing_wait),
    ),
    counter("tfs_reads_total", "Reads that reached tfs.", |it| it.reads.reads.into()),
    counter("tfs_read_hits_total", "Reads that were answered from memory at once.", |it| {
        it.reads.hits.into()
    }),
    failures("tfs_read_failures_total", "Reads that ended with an error.", |it| {
        MetricValue::ByReason(&it.figures.failures)
    }),
    counter("tfs_streams_opened_total", "Streams that were opened.", |it| {
        it.reads.streams_opened.into()
    }),
    counter("tfs_stream_retries_total", "Streams that were retried.", |it| it.reads.retries.into()),
    counter("tfs_fetched_bytes_total", "Bytes received from all servers.", |it| {
        it.reads.bytes_fetched.into()
    }),
    counter("tfs_given_bytes_total", "Bytes that were given to readers.", |it| {
        it.reads.bytes_given.into()
    }),
    counter("tfs_direct_reads_total", "Reads without a change of threads.", |it| {
        it.reads.direct_reads.into()
    }),
    counter(
        "tfs_direct_misses_total",
        "Failed attempts at a read without a change of threads.",
        |it| it.reads.direct_misses.into(),
    ),
    counter("tfs_local_reads_total", "Reads that this machine's disk answered.", |it| {
        it.reads.local_reads.into()
    }),
    counter("tfs_local_bytes_total", "Bytes given to readers from this machine's disk.", |it| {
        it.reads.bytes_local.into()
    }),
    counter("tfs_unused_bytes_total", "Bytes received that no read had requested.", |it| {
        it.reads.bytes_unused.into()
    }),
    counter(
        "tfs_reads_split_total",
        "Reads of present and missing pages, which the kernel repeats by page.",
        |it| it.reads.reads_split.into(),
    ),
    by_program(
        "tfs_reads_refused_total",
        "Reads of missing data by programs of read.refused_programs.",
        |it| {
            let programs = it.programs.refused.iter();
            MetricValue::ByLabel(programs.map(|it| (it.program.as_str(), it.reads)).collect())
        },
    ),
    by_program(
        "tfs_program_downloaded_bytes_total",
        "Bytes that were downloaded because a program read missing data.",
        |it| {
            let programs = it.programs.downloads.iter();
            MetricValue::ByLabel(programs.map(|it| (it.program.as_str(), it.bytes)).collect())
        },
    ),
];

/// Metrics of a drop folder.
pub(in crate::status) const OF_DROP: &[Metric<DropStatus>] = &[
    gauge("tfs_drop_mounted", "Whether the drop folder is mounted.", |it| it.mounted.into()),
    gauge("tfs_drop_waiting", "Dropped files that wait for a server.", |it| it.waiting.into()),
    gauge("tfs_drop_incomplete", "Dropped files that were left incomplete.", |it| {
        it.incomplete.into()
    }),
    gauge("tfs_drop_errors", "Files with a reason in the drop folder.", |it| it.errors.into()),
    counter("tfs_drop_added_total", "Torrents that the drop folder added.", |it| it.added.into()),
    counter("tfs_drop_refused_total", "Dropped files that were refused.", |it| it.refused.into()),
];
