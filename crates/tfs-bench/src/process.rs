//! A process in `/proc`: its memory, state, and open files.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tfs_sys::process::ProcessStatus;

/// Resets the peak memory of a process, and returns its current memory, in bytes.
pub(crate) fn restart_peak(pid: u32) -> u64 {
    // 5 resets the peak, see proc_pid_clear_refs(5).
    fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
    status_bytes(pid, "VmRSS")
}

/// Returns the peak memory of a process since [`restart_peak`], in bytes.
pub(crate) fn peak(pid: u32) -> u64 {
    status_bytes(pid, "VmHWM")
}

/// Returns the current memory of a process, in bytes.
pub(crate) fn resident(pid: u32) -> u64 {
    status_bytes(pid, "VmRSS")
}

/// Returns the CPU time of a process so far, in steps of 10 ms.
pub(crate) fn processor_time(pid: u32) -> Duration {
    /// The unit of Linux, independent of its timer (`USER_HZ`).
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    // Fields 14 and 15, user and system time. The third field is the first after the name.
    let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u32>().unwrap());
    TICK * ticks.sum::<u32>()
}

fn status_bytes(pid: u32, name: &str) -> u64 {
    let status = ProcessStatus::of(pid).unwrap();
    let kib: u64 = status.field(name).unwrap().trim_end_matches(" kB").parse().unwrap();
    kib * 1024
}

/// Returns the letter of a process's state, such as `D` for uninterruptible sleep, or `None` if
/// there is no such process.
pub(crate) fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it is in brackets and may contain any characters.
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Returns whether a process has opened a file and is not running.
pub(crate) fn waits_for(pid: u32, path: &Path) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let mut targets = files.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    targets.any(|target| target == path) && state(pid).is_some_and(|state| state != 'R')
}
