//! Resources held by a mount and its process: they must be the same after a day of faults as
//! before.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::mount::TfsMount;
use crate::process;
use crate::timing::pause;

/// How long the release of resources may take: the poll of a stalled server has a minute, and idle
/// threads end after ten seconds.
const SETTLE_MAX: Duration = Duration::from_secs(120);

/// The first pause between two queries. Each pause is twice the last one.
const PAUSE_MIN: Duration = Duration::from_millis(500);

/// The longest pause: longer than the ten seconds of an idle thread. A query is work for such a
/// thread, so that frequent queries keep all of them alive.
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// The most idle connections to the server (`rqbit-client`).
const IDLE_CONNECTIONS: u64 = 8;

/// Idle blocking threads, ten seconds each: a query uses two, and a poll of the server up to two. A
/// leak would be one for each of some hundred faults.
const IDLE_THREADS: u64 = 4;

/// The inodes that the kernel keeps after a drop of its caches: working directories, and new
/// lookups. A removed torrent has four inodes, and up to a dozen torrents go at once when removals
/// are accepted. A leak would be four for each of some 40 torrents that are removed in a run.
const INODES_KEPT: u64 = 48;

/// The resources at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HeldResources {
    pub(super) open_files: u64,
    pub(super) reads_waiting: u64,
    pub(super) streams_open: u64,
    pub(super) tasks: u64,
    pub(super) threads: u64,
    pub(super) kernel_inodes: u64,
    /// By kind.
    pub(super) descriptors: BTreeMap<String, u64>,
    pub(super) resident_bytes: u64,
    /// Whether the server answers, lists and streams.
    pub(super) is_well: bool,
}

impl HeldResources {
    /// Reads the resources of a mount.
    pub(super) fn of(mount: &TfsMount) -> Self {
        let status = ask(mount, &["status", "--json"]);
        let status = &status[0];
        let cache = ask(mount, &["cache", "stats", "--json"]);
        let number = |value: &Value| value.as_u64().unwrap();
        let reads = &status["reads"];
        Self {
            open_files: number(&reads["open_files"]),
            reads_waiting: number(&reads["waiting"]),
            streams_open: number(&reads["streams_open"]),
            tasks: number(&status["process"]["tasks"]),
            threads: number(&status["process"]["threads"]),
            kernel_inodes: number(&cache["kernel_inodes"]),
            descriptors: descriptors(mount.pid()),
            resident_bytes: process::resident(mount.pid()),
            is_well: status["trouble"].is_null() && status["server"]["breaker"] == "closed",
        }
    }

    /// Waits until no handle, read or stream is open. Returns the resources then, or at the limit.
    pub(super) fn settled(mount: &TfsMount, before: Option<&Self>) -> Self {
        let start = Instant::now();
        let mut wait = PAUSE_MIN;
        loop {
            let held = Self::of(mount);
            let is_settled = held.is_well
                && held.reads_waiting + held.streams_open + held.open_files == 0
                && before.is_none_or(|before| held.leftovers(before).is_empty());
            if is_settled || start.elapsed() > SETTLE_MAX {
                return held;
            }
            pause(wait);
            wait = (wait * 2).min(PAUSE_MAX);
        }
    }

    /// Returns the excess over before, in words; memory is checked separately.
    pub(super) fn leftovers(&self, before: &Self) -> Vec<String> {
        let mut left = Vec::new();
        let mut at_most = |what: &str, is: u64, max: u64| {
            if is > max {
                left.push(format!("{what}: {is}, not {max} at most"));
            }
        };
        at_most("open files", self.open_files, 0);
        at_most("reads that wait", self.reads_waiting, 0);
        at_most("streams", self.streams_open, 0);
        at_most("tasks", self.tasks, before.tasks);
        at_most("threads", self.threads, before.threads + IDLE_THREADS);
        at_most("inodes", self.kernel_inodes, before.kernel_inodes + INODES_KEPT);
        for (of, count) in &self.descriptors {
            let spare = if of == "socket" { IDLE_CONNECTIONS } else { 0 };
            let max = before.descriptors.get(of).copied().unwrap_or(0) + spare;
            at_most(&format!("descriptors of {of}"), *count, max);
        }
        left
    }
}

/// Runs a query by `tfs` about a mount.
fn ask(mount: &TfsMount, arguments: &[&str]) -> Value {
    let output = mount.command().args(arguments).arg(&mount.path).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn descriptors(pid: u32) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap().filter_map(Result::ok) {
        // It may be closed by now.
        let Ok(target) = fs::read_link(entry.path()) else { continue };
        let target = target.to_string_lossy();
        // Sockets and pipes have numbers in their names.
        let of = target.split_once(":[").map_or(&*target, |(kind, _)| kind);
        *counts.entry(of.to_owned()).or_default() += 1;
    }
    counts
}
