//! Resource usage of the process behind a mount, to detect leaks.

use tfs_api::status::ProcessUsage;
use tfs_sys::usage::ProcessResources;
use tokio::runtime::Handle;

/// Measures this process and the runtime of its mounts.
pub(super) fn process_usage(runtime: &Handle) -> ProcessUsage {
    let ProcessResources { threads, descriptors, .. } = ProcessResources::measure();
    ProcessUsage { tasks: runtime.metrics().num_alive_tasks(), threads, descriptors }
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
