//! Counts of a process from `/proc`: what its work cost, whatever the speed of the machine.

use std::fs;
use std::io;
use std::ops::Sub;

use tfs_sys::process::ProcessStatus;

/// Counts of a process since its start. Only differences say something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProcessCounts {
    /// Switches because a thread waited. Those of threads that have ended are lost.
    pub voluntary_switches: u64,
    /// Switches because other threads wanted the processor. Those of threads that have ended are
    /// lost.
    pub involuntary_switches: u64,
    /// Page faults, with and without a read from the disk.
    pub page_faults: u64,
    /// System calls that read a file, a device or a pipe (`syscr` in `proc_pid_io(5)`), without
    /// `recv` and its kin.
    pub read_calls: u64,
    /// System calls that write a file, a device or a pipe (`syscw`), without `send` and its kin.
    pub write_calls: u64,
}

impl ProcessCounts {
    /// Reads the counts of a process.
    ///
    /// # Errors
    /// If there is no such process, or it belongs to another user.
    pub fn of(pid: u32) -> io::Result<Self> {
        let mut counts = Self::default();
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            let Some(id) = task?.file_name().to_str().and_then(|id| id.parse().ok()) else {
                continue;
            };
            // A thread may have ended by now.
            let Ok(status) = ProcessStatus::of(id) else { continue };
            let field = |name| status.field(name).and_then(|value| value.parse::<u64>().ok());
            counts.voluntary_switches += field("voluntary_ctxt_switches").unwrap_or(0);
            counts.involuntary_switches += field("nonvoluntary_ctxt_switches").unwrap_or(0);
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let io = fs::read_to_string(format!("/proc/{pid}/io"))?;
        counts.page_faults = page_faults(&stat).ok_or(io::ErrorKind::InvalidData)?;
        counts.read_calls = io_field(&io, "syscr").ok_or(io::ErrorKind::InvalidData)?;
        counts.write_calls = io_field(&io, "syscw").ok_or(io::ErrorKind::InvalidData)?;
        Ok(counts)
    }
}

/// What was counted between two moments. A count that went down, since a thread ended, is 0.
impl Sub for ProcessCounts {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        let diff = u64::saturating_sub;
        Self {
            voluntary_switches: diff(self.voluntary_switches, before.voluntary_switches),
            involuntary_switches: diff(self.involuntary_switches, before.involuntary_switches),
            page_faults: diff(self.page_faults, before.page_faults),
            read_calls: diff(self.read_calls, before.read_calls),
            write_calls: diff(self.write_calls, before.write_calls),
        }
    }
}

/// Returns the sum of fields 10 and 12 of `proc_pid_stat(5)`. The name before them is in brackets
/// and may contain any characters.
fn page_faults(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    // The third field is the first after the name.
    let mut fields = fields.split(' ').skip(7);
    let minor: u64 = fields.next()?.parse().ok()?;
    let major: u64 = fields.nth(1)?.parse().ok()?;
    minor.checked_add(major)
}

fn io_field(io: &str, name: &str) -> Option<u64> {
    let mut fields = io.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(field, _)| *field == name)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::hint::black_box;
    use std::io::{Read as _, Write as _};
    use std::process::{self, Command, Stdio};

    use super::{ProcessCounts, page_faults};

    /// Runs `work` in this process, in which other tests run too, so that counts are minima.
    fn during(work: impl FnOnce()) -> ProcessCounts {
        let before = ProcessCounts::of(process::id()).unwrap();
        work();
        ProcessCounts::of(process::id()).unwrap() - before
    }

    #[test]
    fn new_memory_costs_page_faults() {
        // Without huge pages, a fault for each page; with them, one for each 512.
        let counts = during(|| drop(black_box(vec![1_u8; 64 << 20])));
        assert!(counts.page_faults >= 16, "{counts:?}");
    }

    #[test]
    fn each_read_is_a_system_call() {
        let counts = during(|| {
            let mut zeros = File::open("/dev/zero").unwrap();
            (0..1000).for_each(|_| zeros.read_exact(&mut [0]).unwrap());
        });
        assert!(counts.read_calls >= 1000, "{counts:?}");
    }

    #[test]
    fn a_wait_is_a_voluntary_switch() {
        // A process of its own: here, the end of another test's thread makes the count go down.
        let mut cat =
            Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut input, mut output) = (cat.stdin.take().unwrap(), cat.stdout.take().unwrap());
        let mut echo = || {
            input.write_all(b"x").unwrap();
            output.read_exact(&mut [0]).unwrap();
        };
        echo();
        let before = ProcessCounts::of(cat.id()).unwrap();
        // Each further byte makes the process wait, unless the byte arrives before the read.
        let waited = (0..10_000).any(|_| {
            echo();
            (ProcessCounts::of(cat.id()).unwrap() - before).voluntary_switches > 0
        });
        drop(input);
        assert!(cat.wait().unwrap().success());
        assert!(waited);
    }

    #[test]
    fn the_name_of_a_process_may_have_brackets() {
        let stat = "17 (a) b) S 1 2 3 4 5 6 700 8 9 10 11 12";
        assert_eq!(page_faults(stat), Some(709));
        assert_eq!(page_faults("17 (a) S 1 2"), None);
    }
}
