//! What `/proc` shows of this process.

use std::fs;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::param::clock_ticks_per_second;
use rustix::time::ClockId;

use super::{ProcessResources, elapsed};
use crate::process::ProcessStatus;

/// Position of the start time in `/proc/<pid>/stat`, counted from the field after the name.
/// `proc_pid_stat(5)` counts it as 22, the name as 2.
const START_TIME_FIELD: usize = 19;

/// Returns the fields that `/proc` shows; the others are those of the default.
pub(super) fn of_the_system() -> ProcessResources {
    let status = ProcessStatus::of_this_process().ok();
    let number = |name| status.as_ref()?.field(name)?.split(' ').next()?.parse::<u64>().ok();
    let kibibytes = |name| number(name)?.checked_mul(1024);
    ProcessResources {
        resident_bytes: kibibytes("VmRSS"),
        virtual_bytes: kibibytes("VmSize"),
        threads: number("Threads"),
        started_at: started_at(),
        ..ProcessResources::default()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_older_than_the_test_and_younger_than_the_system() {
        let started_at = started_at().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let age = now.checked_sub(started_at).unwrap();
        assert!(age < elapsed(ClockId::Boottime).unwrap(), "{age:?}");
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
