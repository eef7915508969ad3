//! Processors of readers and of the processes behind mounts.
//!
//! Whether two threads that take turns share a processor decides more about a short read than the
//! way of its bytes. So both sides of a comparison are placed alike: the reader on the first
//! processor, and the process that answers, if it is pinned at all, on the last.

use std::fs;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// A process that is pinned to the last processor, until this is dropped.
#[derive(Debug)]
pub(crate) struct Pinned {
    pid: u32,
}

impl Pinned {
    /// Pins all threads of a process; those that it starts later inherit it.
    pub(crate) fn new(pid: u32) -> Self {
        set_threads(pid, &only(allowed().last().copied().unwrap()));
        Self { pid }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        set_threads(self.pid, &set(&allowed()));
    }
}

/// Returns the processor of pinned readers.
pub(crate) fn reader_cpu() -> usize {
    allowed()[0]
}

/// Pins this process, which has one thread yet.
pub(super) fn pin_this_process(cpu: usize) {
    sched_setaffinity(Pid::from_raw(0), &only(cpu)).unwrap();
}

/// Returns the processors that this process may use.
fn allowed() -> Vec<usize> {
    let set = sched_getaffinity(Pid::from_raw(0)).unwrap();
    (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap()).collect()
}

fn only(cpu: usize) -> CpuSet {
    set(&[cpu])
}

fn set(cpus: &[usize]) -> CpuSet {
    let mut set = CpuSet::new();
    cpus.iter().for_each(|cpu| set.set(*cpu).unwrap());
    set
}

fn set_threads(pid: u32, cpus: &CpuSet) {
    // The process may have ended.
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    for id in tasks.filter_map(|task| task.file_name().to_str()?.parse().ok()) {
        // So may a thread.
        _ = sched_setaffinity(Pid::from_raw(id), cpus);
    }
}
