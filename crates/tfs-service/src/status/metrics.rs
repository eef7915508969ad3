//! Formats a [`StatusReport`] in the Prometheus text format.
//!
//! No crate is used: the Prometheus crates keep counters of their own in registries. Here some
//! forty numbers exist elsewhere, and the format only needs two comment lines before each.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::Write as _;

use tfs_api::status::{BreakerStatus, DropStatus, IntakeStatus, ServerStatus, StatusReport};

/// Type of a metric.
#[derive(Debug, Clone, Copy)]
enum MetricKind {
    /// It only increases, until the next start.
    Counter,
    /// It is the current value.
    Gauge,
}

/// Returns the metrics of a mount.
pub(super) fn metrics(status: &StatusReport) -> String {
    let mut all = samples(status, &[]);
    add_intake(&status.intake, &mut all);
    text(&all)
}

/// Returns the metrics of all mounts of a process, with the mount as a label.
pub(crate) fn metrics_of_all(statuses: &[StatusReport]) -> String {
    let all =
        statuses.iter().flat_map(|status| samples(status, &[("mountpoint", &status.mountpoint)]));
    let mut all: Vec<_> = all.collect();
    // All mounts of a process have the same.
    if let Some(status) = statuses.first() {
        add_intake(&status.intake, &mut all);
    }
    text(&all)
}

/// One sample.
#[derive(Debug)]
struct MetricSample {
    kind: MetricKind,
    name: &'static str,
    labels: String,
    help: &'static str,
    value: u64,
}

/// Writes samples grouped by name: a metric may be described only once.
fn text(samples: &[MetricSample]) -> String {
    let mut text = String::new();
    let mut names = Vec::new();
    for MetricSample { kind, name, help, .. } in samples {
        if names.contains(name) {
            continue;
        }
        names.push(*name);
        let kind = match kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
        };
        // Writing to a string does not fail.
        _ = write!(text, "# HELP tfs_{name} {help}\n# TYPE tfs_{name} {kind}\n");
        for MetricSample { labels, value, .. } in
            samples.iter().filter(|sample| sample.name == *name)
        {
            _ = writeln!(text, "tfs_{name}{labels} {value}");
        }
    }
    text
}

fn samples(status: &StatusReport, of_mount: &[(&str, &str)]) -> Vec<MetricSample> {
    let StatusReport { servers, tree, reads, memory, preloads, .. } = status;
    let labels = &labels(of_mount);
    let mut samples = Vec::new();
    let urls: Vec<_> = servers.iter().map(|server| server.url.as_str()).collect();
    let info = self::labels(&[
        ("version", &status.tfs_version),
        ("mountpoint", &status.mountpoint),
        ("server", &urls.join(",")),
    ]);
    let mut add = |kind, name, labels: &str, help, value| {
        samples.push(MetricSample { kind, name, labels: labels.to_owned(), help, value });
    };
    add(MetricKind::Gauge, "info", &info, "The mount, as labels; always 1.", 1);
    let started = u64::try_from(status.started_at).unwrap_or(0);
    for (name, help, value) in [
        ("healthy", "Whether nothing is wrong.", u64::from(status.trouble.is_none())),
        ("start_time_seconds", "When the mount was started, since 1970.", started),
        ("tree_known", "Whether a list of torrents is known.", u64::from(tree.known)),
        ("torrents", "Torrents that are shown.", tree.torrents as u64),
        ("files", "Files that are shown.", tree.files as u64),
        ("total_bytes", "The lengths of all files together.", tree.total_bytes),
        ("have_bytes", "Downloaded bytes of them.", tree.have_bytes),
        ("open_files", "Files that are open.", reads.open_files as u64),
        ("reads_waiting", "Reads that wait.", reads.waiting as u64),
        ("streams_open", "Streams that are open.", reads.streams_open as u64),
        ("streams_max", "Maximum number of open streams.", reads.streams_max as u64),
        ("buffered_bytes", "Bytes in the buffers of streams.", memory.buffered_bytes),
        ("cached_bytes", "Bytes in the cache.", memory.cached_bytes),
        ("memory_limit_bytes", "Maximum of buffers and cache together.", memory.limit_bytes),
        ("search_bytes", "Size of the search index.", memory.search_bytes as u64),
        ("preloads_running", "Files that are being preloaded.", preloads.running),
        ("preloads_waiting", "Files that wait to be preloaded.", preloads.waiting),
        ("preload_bytes", "Bytes wanted by preloads.", preloads.total_bytes),
        ("preload_there_bytes", "Those that the server has.", preloads.there_bytes),
    ] {
        add(MetricKind::Gauge, name, labels, help, value);
    }
    if let Some(folder) = &status.drop {
        add_drop(folder, labels, &mut add);
    }
    servers.iter().for_each(|server| add_server(server, of_mount, &mut add));
    for (name, help, value) in of_process(status) {
        if let Some(value) = value {
            add(MetricKind::Gauge, name, labels, help, value);
        }
    }
    for (name, help, value) in [
        ("reads_total", "Reads that reached tfs.", reads.reads),
        ("read_hits_total", "Reads that were answered from memory at once.", reads.hits),
        ("read_failures_total", "Reads that ended with an error.", reads.failures),
        ("streams_opened_total", "Streams that were opened.", reads.streams_opened),
        ("stream_retries_total", "Streams that were retried.", reads.retries),
        ("fetched_bytes_total", "Bytes received from the server.", reads.bytes_fetched),
        ("given_bytes_total", "Bytes that were given to readers.", reads.bytes_given),
        ("direct_reads_total", "Reads without a change of threads.", reads.direct_reads),
        ("direct_misses_total", "Failed attempts of that.", reads.direct_misses),
        ("local_reads_total", "Reads that this machine's disk answered.", reads.local_reads),
        (
            "local_bytes_total",
            "Bytes given to readers from this machine's disk.",
            reads.bytes_local,
        ),
        ("unused_bytes_total", "Bytes received that no read had requested.", reads.bytes_unused),
        ("reads_split_total", "Reads of present and missing pages together.", reads.reads_split),
    ] {
        add(MetricKind::Counter, name, labels, help, value);
    }
    samples
}

/// Returns the resources of the process that the system reports.
fn of_process(status: &StatusReport) -> [(&'static str, &'static str, Option<u64>); 4] {
    let StatusReport { memory, process, .. } = status;
    [
        ("resident_memory_bytes", "Resident memory of the process.", memory.resident_bytes),
        ("tasks", "Tasks of the process.", Some(process.tasks as u64)),
        ("threads", "Threads of the process.", process.threads),
        ("open_fds", "Open file descriptors of the process.", process.descriptors),
    ]
}

/// Adds the samples of a drop folder.
fn add_drop(
    folder: &DropStatus,
    labels: &str,
    add: &mut impl FnMut(MetricKind, &'static str, &str, &'static str, u64),
) {
    for (name, help, value) in [
        ("drop_mounted", "Whether the drop folder is mounted.", u64::from(folder.mounted)),
        ("drop_waiting", "Dropped files that wait for a server.", folder.waiting as u64),
        ("drop_incomplete", "Dropped files that were left incomplete.", folder.incomplete as u64),
        ("drop_errors", "Files with a reason in the drop folder.", folder.errors as u64),
    ] {
        add(MetricKind::Gauge, name, labels, help, value);
    }
    for (name, help, value) in [
        ("drop_added_total", "Torrents that the drop folder added.", folder.added),
        ("drop_refused_total", "Dropped files that were refused.", folder.refused),
    ] {
        add(MetricKind::Counter, name, labels, help, value);
    }
}

/// Adds the samples of a server, with its name as a label.
fn add_server(
    server: &ServerStatus,
    of_mount: &[(&str, &str)],
    add: &mut impl FnMut(MetricKind, &'static str, &str, &'static str, u64),
) {
    let labels = labels(&[of_mount, &[("server", &server.name)]].concat());
    let is_open = server.breaker == BreakerStatus::Open;
    for (name, help, value) in [
        ("server_reachable", "Whether the server answers.", u64::from(server.reachable)),
        (
            "breaker_open",
            "Whether reads fail at once, after failures of the server.",
            u64::from(is_open),
        ),
        ("server_streams_open", "Streams open on the server.", server.streams_open as u64),
        (
            "server_streams_max",
            "Maximum number of streams open on the server.",
            server.streams_max as u64,
        ),
        (
            "server_torrents_left_out",
            "Torrents that are not shown, since their details could not be loaded.",
            server.discovery.left_out.count as u64,
        ),
        (
            "server_torrents_missing",
            "Torrents that are shown, but not listed since a restart of the server.",
            server.discovery.missing.count as u64,
        ),
        (
            "server_torrents_failed",
            "Torrents that the server has in state error.",
            server.discovery.failed.count as u64,
        ),
    ] {
        add(MetricKind::Gauge, name, &labels, help, value);
    }
}

/// Adds the samples of the watch folders, with the folder as a label.
fn add_intake(intake: &IntakeStatus, samples: &mut Vec<MetricSample>) {
    for folder in &intake.watch_folders {
        let labels = labels(&[("dir", &folder.dir), ("server", &folder.server)]);
        let is_healthy = u64::from(folder.trouble.is_none());
        for (kind, name, help, value) in [
            (
                MetricKind::Gauge,
                "watch_folder_healthy",
                "Whether files are taken from the watch folder.",
                is_healthy,
            ),
            (
                MetricKind::Gauge,
                "watch_folder_waiting",
                "Files that are not dealt with yet.",
                folder.waiting as u64,
            ),
            (
                MetricKind::Gauge,
                "watch_folder_failed",
                "Files that have failed and are retried, as far as they are named.",
                folder.failed.len() as u64,
            ),
            (
                MetricKind::Counter,
                "watch_folder_added_total",
                "Files that were added.",
                folder.added,
            ),
            (
                MetricKind::Counter,
                "watch_folder_rejected_total",
                "Files that were refused.",
                folder.rejected,
            ),
        ] {
            samples.push(MetricSample { kind, name, labels: labels.clone(), help, value });
        }
    }
}

/// Formats labels as a suffix of a name.
fn labels(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let labels = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value)));
    format!("{{{}}}", labels.collect::<Vec<_>>().join(","))
}

/// Escapes the value of a label.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
