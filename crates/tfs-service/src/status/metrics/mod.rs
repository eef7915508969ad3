//! Formats a [`StatusReport`] in the text format of Prometheus.
//!
//! Tables of metrics ([`OF_MOUNT`] and others) have name, type, help and value; the documentation
//! is generated from them.
//!
//! No crate is used. `prometheus-client` could collect values at the time of a request, but it
//! writes only the format OpenMetrics, whose counters other readers of `.tfs/metrics`, such as the
//! textfile collector, take for metrics without a type. `prometheus` and `metrics` keep a second
//! copy of each number in a registry of their own.

mod front;
mod metric;
mod mount;
mod process;
mod server;

use tfs_api::status::{IntakeStatus, StatusReport};
use tfs_sys::usage::ProcessResources;

use front::{OF_FRONT, front_labels};
use metric::{Labelled, labels, write};
use mount::{OF_DROP, OF_MOUNT};
use process::{
    OF_ARR, OF_BUILD, OF_HOOK, OF_PROCESS, OF_RESOURCES, OF_WATCH_FOLDER, OF_WEB, ProcessFigures,
    build_labels,
};
use server::OF_SERVER;

/// Size of the metrics of a mount with one server, about.
const TEXT_BYTES: usize = 16 << 10;

/// Returns the metrics of a mount, without those that every program has.
pub(super) fn metrics(status: &StatusReport) -> String {
    let mut text = String::with_capacity(TEXT_BYTES);
    write(&mut text, OF_BUILD, &[Labelled { labels: build_labels(), of: &() }]);
    write_mounts(&mut text, &[status], |_| Vec::new());
    write_intake(&mut text, &status.intake);
    text
}

/// Returns the metrics of all mounts of a process, with the mount as a label, and those of the
/// process. `missing` is the number of configured mounts that do not exist.
pub(crate) fn metrics_of_all(statuses: &[StatusReport], missing: usize) -> String {
    let mut text = String::with_capacity((statuses.len() + 1) * TEXT_BYTES);
    write(&mut text, OF_BUILD, &[Labelled { labels: build_labels(), of: &() }]);
    let figures = ProcessFigures {
        tasks: statuses.first().map(|status| status.process.tasks as u64),
        mounts: statuses.len(),
        missing,
        resources: ProcessResources::measure(),
    };
    let process = [Labelled { labels: String::new(), of: &figures }];
    write(&mut text, OF_PROCESS, &process);
    let mounts: Vec<_> = statuses.iter().collect();
    write_mounts(&mut text, &mounts, |status| vec![("mountpoint", &status.mountpoint)]);
    // All mounts of a process have the same.
    if let Some(status) = statuses.first() {
        write_intake(&mut text, &status.intake);
    }
    write(&mut text, OF_RESOURCES, &process);
    text
}

/// Writes the metrics of mounts, their servers, drop folders and front ends.
fn write_mounts(
    text: &mut String,
    mounts: &[&StatusReport],
    labels_of: impl Fn(&StatusReport) -> Vec<(&'static str, &str)>,
) {
    let all = mounts.iter().map(|it| (labels_of(it), *it));
    let all: Vec<_> = all.collect();
    let of_mounts = all.iter().map(|(of_mount, it)| Labelled { labels: labels(of_mount), of: *it });
    write(text, OF_MOUNT, &of_mounts.collect::<Vec<_>>());
    let folders = all.iter().filter_map(|(of_mount, it)| {
        Some(Labelled { labels: labels(of_mount), of: it.drop.as_ref()? })
    });
    write(text, OF_DROP, &folders.collect::<Vec<_>>());
    let servers = all.iter().flat_map(|(of_mount, it)| {
        it.servers.iter().map(|server| Labelled {
            labels: labels(&[of_mount.as_slice(), &[("server", &server.name)]].concat()),
            of: server,
        })
    });
    write(text, OF_SERVER, &servers.collect::<Vec<_>>());
    let fronts = all.iter().flat_map(|(of_mount, it)| {
        it.fronts.iter().map(|front| Labelled { labels: front_labels(of_mount, front), of: front })
    });
    write(text, OF_FRONT, &fronts.collect::<Vec<_>>());
}

/// Writes the metrics of what the process takes in.
fn write_intake(text: &mut String, intake: &IntakeStatus) {
    let IntakeStatus { watch_folders, arr, web, hooks } = intake;
    let folders = watch_folders
        .iter()
        .map(|it| Labelled { labels: labels(&[("dir", &it.dir), ("server", &it.server)]), of: it });
    write(text, OF_WATCH_FOLDER, &folders.collect::<Vec<_>>());
    let arr = arr.iter().map(|it| Labelled { labels: labels(&[("server", &it.server)]), of: it });
    write(text, OF_ARR, &arr.collect::<Vec<_>>());
    let web = web.iter().map(|it| Labelled { labels: String::new(), of: it });
    write(text, OF_WEB, &web.collect::<Vec<_>>());
    let hooks = hooks.iter().map(|it| Labelled { labels: labels(&[("hook", &it.name)]), of: it });
    write(text, OF_HOOK, &hooks.collect::<Vec<_>>());
}

#[cfg(test)]
pub(super) mod documentation;
