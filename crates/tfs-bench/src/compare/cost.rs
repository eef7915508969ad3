//! What the process behind a mount spent on reads: time, and counts that do not depend on the
//! machine.

use std::time::Duration;

use tfs_testkit::counts::ProcessCounts;

use super::samples::SampleRecorder;
use crate::process;

pub(crate) const PROCESSOR: &str = "processor time of the process";
pub(crate) const SWITCHES: &str = "switches of its threads";
pub(crate) const FAULTS: &str = "page faults of the process";

/// The unit of counts.
pub(crate) const PER_GIB: &str = "a GiB";

/// The sum of several reads.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ReadCost {
    bytes: u64,
    processor: Duration,
    switches: u64,
    faults: u64,
}

impl ReadCost {
    /// Runs `read`, which returns its bytes first, and adds what it cost a process.
    pub(super) fn of<T>(&mut self, pid: Option<u32>, read: impl FnOnce() -> (u64, T)) -> T {
        let Some(pid) = pid else { return read().1 };
        let sample = || (process::processor_time(pid), ProcessCounts::of(pid).unwrap());
        let (time_before, before) = sample();
        let (bytes, value) = read();
        let (time, counts) = sample();
        let counts = counts - before;
        self.bytes += bytes;
        self.processor += time.saturating_sub(time_before);
        self.switches += counts.voluntary_switches + counts.involuntary_switches;
        self.faults += counts.page_faults;
        value
    }

    /// Records the cost of a GiB, if anything was read from a process.
    pub(super) fn record(self, recorder: &mut SampleRecorder, way: &str) {
        if self.bytes == 0 {
            return;
        }
        let gib = self.bytes as f64 / f64::from(1 << 30);
        recorder.add(PROCESSOR, way, "s/GiB", self.processor.as_secs_f64() / gib);
        recorder.add(SWITCHES, way, PER_GIB, self.switches as f64 / gib);
        recorder.add(FAULTS, way, PER_GIB, self.faults as f64 / gib);
    }
}
