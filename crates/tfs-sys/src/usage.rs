//! Resources of this process.

use std::fs;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::param::clock_ticks_per_second;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::process::ProcessStatus;

/// Position of the start time in `/proc/<pid>/stat`, counted from the field after the name.
/// `proc_pid_stat(5)` counts it as 22, the name as 2.
const START_TIME_FIELD: usize = 19;

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
    /// Measures this process. Costs the system calls for two files and a directory of `/proc`.
    #[must_use]
    pub fn measure() -> Self {
        let status = ProcessStatus::of_this_process().ok();
        let number = |name| status.as_ref()?.field(name)?.split(' ').next()?.parse::<u64>().ok();
        let kibibytes = |name| number(name)?.checked_mul(1024);
        Self {
            cpu_time: elapsed(ClockId::ProcessCPUTime).unwrap_or_default(),
            resident_bytes: kibibytes("VmRSS"),
            virtual_bytes: kibibytes("VmSize"),
            threads: number("Threads"),
            descriptors: descriptors(),
            descriptors_max: getrlimit(Resource::Nofile).current,
            started_at: started_at(),
        }
    }
}

/// Returns the number of open file descriptors of this process.
fn descriptors() -> Option<u64> {
    let count = fs::read_dir("/proc/self/fd").ok()?.count();
    // One descriptor is that of the directory being read.
    u64::try_from(count).ok()?.checked_sub(1)
}

/// Returns when this process was started. Determined once: a change of the wall clock would move
/// it.
fn started_at() -> Option<Duration> {
    static STARTED_AT: OnceLock<Option<Duration>> = OnceLock::new();
    *STARTED_AT.get_or_init(|| {
        let started = start_after_boot(&fs::read_to_string("/proc/self/stat").ok()?)?;
        let age = elapsed(ClockId::Boottime)?.checked_sub(started)?;
        SystemTime::now().duration_since(UNIX_EPOCH).ok()?.checked_sub(age)
    })
}

/// Returns the time from the start of the system to that of a process, by its `/proc/<pid>/stat`.
fn start_after_boot(stat: &str) -> Option<Duration> {
    // The program name is in parentheses, and may contain any characters.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks: u64 = fields.split(' ').nth(START_TIME_FIELD)?.parse().ok()?;
    let per_second = clock_ticks_per_second();
    let millis = u128::from(ticks).checked_mul(1000)?.checked_div(u128::from(per_second))?;
    Some(Duration::from_millis(u64::try_from(millis).ok()?))
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
        let file = fs::File::open("/proc/self/stat").unwrap();
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

        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let age = now.checked_sub(after.started_at.unwrap()).unwrap();
        // The process is younger than the system, and older than this test.
        assert!(age < elapsed(ClockId::Boottime).unwrap(), "{age:?}");
        assert_eq!(after.started_at, before.started_at);
    }

    #[test]
    fn the_start_is_found_behind_any_name() {
        let fields = (3..22).map(|field| field.to_string()).collect::<Vec<_>>().join(" ");
        let ticks = 7 * clock_ticks_per_second();
        let stat = format!("1 (a) 9 (b) {fields} {ticks} 23 24\n");
        assert_eq!(start_after_boot(&stat), Some(Duration::from_secs(7)));
        for bad in ["", "1 (a", "1 (a) 2 3", &stat.replace(&format!(" {ticks} "), " x ")] {
            assert_eq!(start_after_boot(bad), None, "{bad}");
        }
    }
}
