//! Resource usage of the process behind a mount, to detect leaks.

use std::fs;

use tfs_api::status::ProcessUsage;
use tfs_sys::process::ProcessStatus;
use tokio::runtime::Handle;

/// Measures this process and the runtime of its mounts.
pub(super) fn process_usage(runtime: &Handle) -> ProcessUsage {
    let threads = || ProcessStatus::of_this_process().ok()?.field("Threads")?.parse().ok();
    let descriptors = fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
    ProcessUsage {
        tasks: runtime.metrics().num_alive_tasks(),
        threads: threads(),
        // One descriptor is that of the directory being read.
        descriptors: descriptors.map(|count| count.saturating_sub(1) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_counted() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
        let runtime = runtime.unwrap();
        let before = process_usage(runtime.handle());
        assert_eq!(before.tasks, 0);
        assert!(before.threads.unwrap() >= 2 && before.descriptors.unwrap() >= 3, "{before:?}");
        let task = runtime.spawn(std::future::pending::<()>());
        assert_eq!(process_usage(runtime.handle()).tasks, 1);
        task.abort();
    }
}
