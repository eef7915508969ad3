//! Counts by `perf`: system calls, wake-ups and allocations of a process while it is read from.
//!
//! What is counted costs time, so that it is not measured in the same read.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::{Pid, getppid};

use super::programs::{find, quiet};
use crate::load::Load;

/// The program that counts.
pub(crate) const PERF: &str = "perf";

pub(crate) const SYSTEM_CALLS: &str = "system calls of the process";
pub(crate) const WAKE_UPS: &str = "wake-ups by the process";
pub(crate) const ALLOCATIONS: &str = "allocations of the process";

/// The events that every kernel with tracepoints has. Wake-ups count where they are issued.
const EVENTS: [(&str, &str); 2] =
    [(SYSTEM_CALLS, "raw_syscalls:sys_enter"), (WAKE_UPS, "sched:sched_waking")];

/// The functions of the C library that allocate for Rust.
const ALLOCATORS: [&str; 4] = ["malloc", "calloc", "realloc", "posix_memalign"];

/// The counting of processes. Removes its probes on drop.
#[derive(Debug)]
pub(super) struct Tracer {
    /// The group of the probes in the C library, if there could be any.
    probes: Option<String>,
    output: PathBuf,
}

impl Tracer {
    /// Returns `None` if `perf` is not installed, or counts nothing on this machine. `pid` names a
    /// process of tfs, whose C library has the allocators.
    pub(super) fn new(dir: &Path, pid: u32) -> Option<Self> {
        find(PERF)?;
        let mut trial = quiet(PERF);
        trial.args(["stat", "-e", &EVENTS.map(|(_, event)| event).join(","), "true"]);
        if !trial.status().is_ok_and(|status| status.success()) {
            return None;
        }
        let group = probe_group(getppid());
        let probes = c_library(pid).filter(|library| {
            ALLOCATORS.iter().all(|name| {
                let mut probe = quiet(PERF);
                probe.args(["probe", "-x"]).arg(library);
                probe.arg("--add").arg(format!("{group}:{name}={name}"));
                probe.status().is_ok_and(|status| status.success())
            })
        });
        Some(Self { probes: probes.map(|_| group), output: dir.join("perf-stat") })
    }

    /// Reads, and returns what a process did meanwhile: names and numbers for each GiB.
    pub(super) fn count(&self, pid: u32, load: &Load) -> Vec<(&'static str, f64)> {
        let mut events: Vec<String> = EVENTS.iter().map(|(_, event)| (*event).to_owned()).collect();
        if let Some(group) = &self.probes {
            events.extend(ALLOCATORS.map(|name| format!("{group}:{name}")));
        }
        let mut outer: Vec<OsString> = [PERF, "stat", "-x,", "-o"].map(OsString::from).into();
        outer.push(self.output.clone().into());
        outer.extend(["-e".into(), events.join(",").into(), "-p".into(), pid.to_string().into()]);
        outer.push("--".into());
        let loaded = load.run_under(&outer);
        let gib = loaded.count as f64 / f64::from(1 << 30);
        let said = fs::read_to_string(&self.output).unwrap();
        let counted = |event: &str| {
            let line = said.lines().find(|line| line.contains(event))?;
            line.split(',').next()?.parse::<f64>().ok()
        };
        let mut counts: Vec<_> = EVENTS
            .iter()
            .filter_map(|(what, event)| Some((*what, counted(event)? / gib)))
            .collect();
        if self.probes.is_some() {
            let sum: f64 = events[EVENTS.len()..].iter().filter_map(|event| counted(event)).sum();
            // A program in Go allocates by itself.
            counts.extend((sum > 0.0).then_some((ALLOCATIONS, sum / gib)));
        }
        counts
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        if let Some(group) = &self.probes {
            remove_probes(group);
        }
    }
}

/// Removes the probes of a child that was killed.
pub(super) fn remove_probes_of_child() {
    if find(PERF).is_some() {
        remove_probes(&probe_group(Pid::this()));
    }
}

fn remove_probes(group: &str) {
    drop(quiet(PERF).args(["probe", "-d", &format!("{group}:*")]).status());
}

/// Returns the name of the probes of the children of a process, one of which runs at a time.
fn probe_group(parent: Pid) -> String {
    format!("tfs_bench_{parent}")
}

/// Returns the path of the C library that a process has loaded.
fn c_library(pid: u32) -> Option<PathBuf> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let path = maps.lines().find_map(|line| {
        let (_, path) = line.split_once(" /")?;
        path.ends_with("/libc.so.6").then(|| format!("/{path}"))
    })?;
    Some(path.into())
}
