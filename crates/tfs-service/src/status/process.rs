//! Resource usage of the process behind a mount, to detect leaks.

use std::fs;

use serde::{Deserialize, Serialize};
use tfs_sys::process::ProcessStatus;
use tokio::runtime::Handle;

/// Resources of the process, for all of its mounts together. A number that only grows is a leak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProcessUsage {
    /// Live tasks of the runtime.
    pub tasks: usize,
    /// Threads; `null` if the system does not report them.
    pub threads: Option<u64>,
    /// Open file descriptors; `null` if the system does not report them.
    pub descriptors: Option<u64>,
}

impl ProcessUsage {
    /// Measures this process and the runtime of its mounts.
    pub(super) fn of(runtime: &Handle) -> Self {
        let threads = || ProcessStatus::of_this_process().ok()?.field("Threads")?.parse().ok();
        let descriptors = fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
        Self {
            tasks: runtime.metrics().num_alive_tasks(),
            threads: threads(),
            // One descriptor is that of the directory being read.
            descriptors: descriptors.map(|count| count.saturating_sub(1) as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_counted() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
        let runtime = runtime.unwrap();
        let before = ProcessUsage::of(runtime.handle());
        assert_eq!(before.tasks, 0);
        assert!(before.threads.unwrap() >= 2 && before.descriptors.unwrap() >= 3, "{before:?}");
        let task = runtime.spawn(std::future::pending::<()>());
        assert_eq!(ProcessUsage::of(runtime.handle()).tasks, 1);
        task.abort();
    }
}
