//! Resources of this process.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;

use std::fs;
use std::time::Duration;

#[cfg(target_os = "linux")]
use linux::of_the_system;
#[cfg(target_os = "macos")]
use macos::of_the_system;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Directory with an entry for each open file descriptor of this process.
const DESCRIPTORS: &str = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };

/// What this process uses. Each is `None` if the system does not report it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProcessResources {
    /// Processor time of all threads, in user and kernel mode.
    pub cpu_time: Duration,
    /// Resident memory in bytes.
    pub resident_bytes: Option<u64>,
    /// Size of the address space in bytes.
    pub virtual_bytes: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Open file descriptors.
    pub descriptors: Option<u64>,
    /// Maximum number of open file descriptors; also `None` if there is no limit.
    pub descriptors_max: Option<u64>,
    /// Start time, since 1970. The same in each measurement.
    pub started_at: Option<Duration>,
}

impl ProcessResources {
    /// Measures this process. Costs the system calls for two files and a directory of `/proc`, on
    /// macOS two system calls and a directory.
    #[must_use]
    pub fn measure() -> Self {
        Self {
            cpu_time: elapsed(ClockId::ProcessCPUTime).unwrap_or_default(),
            descriptors: descriptors(),
            descriptors_max: getrlimit(Resource::Nofile).current,
            ..of_the_system()
        }
    }
}

/// Returns the number of open file descriptors of this process.
fn descriptors() -> Option<u64> {
    let count = fs::read_dir(DESCRIPTORS).ok()?.count();
    // One descriptor is that of the directory being read.
    u64::try_from(count).ok()?.checked_sub(1)
}

fn elapsed(clock: ClockId) -> Option<Duration> {
    let time = clock_gettime(clock);
    let nanos = u32::try_from(time.tv_nsec).ok()?;
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, nanos))
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn this_process_is_measured() {
        let before = ProcessResources::measure();
        let file = fs::File::open("/dev/null").unwrap();
        // Until the clock of the processor has moved.
        while black_box(elapsed(ClockId::ProcessCPUTime)) == Some(before.cpu_time) {}
        let after = ProcessResources::measure();
        assert!(after.cpu_time > before.cpu_time);
        assert!(after.resident_bytes.unwrap() > 1 << 20);
        assert!(after.virtual_bytes >= after.resident_bytes);
        assert!(after.threads.unwrap() >= 2, "{after:?}");
        assert!(after.descriptors.unwrap() >= 4, "{after:?}");
        assert!(after.descriptors_max.is_none_or(|max| max >= after.descriptors.unwrap()));
        drop(file);
        assert_eq!(after.started_at, before.started_at);
        assert!(after.started_at.is_some());
    }
}
