//! The history of all mounts of a process, as a function of its input and the time.
//!
//! The clock goes on while the machine sleeps, and cannot be set. So a plot has no
//! gap after a sleep, and a changed clock moves nothing.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tfs_api::status::FailureCount;
use tfs_api::wire::MountId;
use tfs_web::model::History;

use super::counters::{ByteCounts, CounterReading};
use super::failures::FailureLog;
use super::samples::{Samples, SecondSample};

/// How far rates look back.
const RATES_SPAN: Duration = Duration::from_secs(2);

/// Age of the newest sample at which rates are unknown: nothing takes samples every second.
const RATES_AGE_MAX: Duration = Duration::from_secs(3);

/// Deviation of a time at which a sample is taken.
const JITTER: Duration = Duration::from_millis(500);

/// How often counters are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SamplePace {
    /// Every second, for a plot.
    Close,
    /// Now and then, so that failures are in the right hour.
    Rare,
}

/// The history of the mounts of a process.
#[derive(Debug, Default)]
pub(super) struct Record {
    mounts: HashMap<MountKey, MountRecord>,
    /// The time of the last sample at the close pace; `None` if the last one had another pace.
    last: Option<Duration>,
    samples: Samples,
}

/// Identity of a mount: mount point and device.
type MountKey = (String, String);

/// The history of one mount.
#[derive(Debug, Default)]
struct MountRecord {
    /// The last counters.
    last: CounterReading,
    /// Byte counters of the last seconds, the oldest first.
    recent: VecDeque<(Duration, ByteCounts)>,
    failures: FailureLog,
}

fn key(id: &MountId) -> MountKey {
    (id.mountpoint.clone(), id.device.clone())
}

impl Record {
    /// Records the counters of all mounts. `until` is the wall clock in seconds since 1970.
    pub(super) fn record(
        &mut self,
        counters: Vec<(MountId, CounterReading)>,
        at: Duration,
        until: i64,
        pace: SamplePace,
    ) {
        let before = self.last.take();
        let (mut bytes, mut waiting, mut failures) = (ByteCounts::default(), 0_u64, 0_u64);
        let mut known = HashMap::new();
        for (id, counters) in counters {
            let found = self.mounts.remove(&key(&id));
            // The bytes of a mount from before the first sample belong to no second.
            let is_first = found.is_none() && before.is_none();
            let mut mount = found.unwrap_or_default();
            waiting = waiting.saturating_add(counters.waiting);
            let (new_bytes, new_failures) = mount.note(counters, at);
            if !is_first {
                bytes = bytes.plus(new_bytes);
                failures = failures.saturating_add(new_failures);
            }
            mount.note_recent(at);
            known.insert(key(&id), mount);
        }
        // The others have ended.
        self.mounts = known;
        if pace == SamplePace::Rare {
            self.samples.clear();
            return;
        }
        self.last = Some(at);
        if let Some(before) = before {
            let millis = at.saturating_sub(before).as_millis();
            let millis = u64::try_from(millis).unwrap_or(u64::MAX);
            let sample = SecondSample { rates: bytes.per_second(millis), waiting, failures };
            self.samples.push(sample, millis, until);
        }
    }

    /// Records the failures of a mount, and returns those of the last 24 hours.
    pub(super) fn failures(
        &mut self,
        id: &MountId,
        counters: &[FailureCount],
        at: Duration,
    ) -> Vec<FailureCount> {
        let mount = self.mounts.entry(key(id)).or_default();
        mount.failures.note(counters, at);
        mount.failures.counts(at)
    }

    /// Returns the bytes a second of a mount, over the last two seconds. `None` if no samples are
    /// taken.
    pub(super) fn rates(&self, id: &MountId, at: Duration) -> Option<ByteCounts> {
        let recent = &self.mounts.get(&key(id))?.recent;
        let (newest_at, newest) = recent.back()?;
        let (oldest_at, oldest) = recent.front()?;
        let span = newest_at.saturating_sub(*oldest_at);
        if at.saturating_sub(*newest_at) > RATES_AGE_MAX || span.is_zero() {
            return None;
        }
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Some(newest.since(*oldest).per_second(millis))
    }

    /// Returns the samples for the page.
    pub(super) fn history(&self) -> History {
        self.samples.history()
    }
}

impl MountRecord {
    /// Takes new counters; returns the bytes and failures since the last ones.
    fn note(&mut self, counters: CounterReading, at: Duration) -> (ByteCounts, u64) {
        if self.last.is_of_another(&counters) {
            // Another mount at the same place, whose counters began at zero.
            self.last = CounterReading::default();
            self.recent.clear();
        }
        let bytes = counters.bytes().since(self.last.bytes());
        self.failures.note(&counters.failures, at);
        let new = |it: &FailureCount| it.count.saturating_sub(self.last.failures_for(&it.reason));
        let failures = counters.failures.iter().map(new).fold(0, u64::saturating_add);
        self.last = counters;
        (bytes, failures)
    }

    /// Remembers the byte counters for rates.
    fn note_recent(&mut self, at: Duration) {
        self.recent.push_back((at, self.last.bytes()));
        // Of those that are old enough, the newest is needed.
        let is_old = |it: &(Duration, ByteCounts)| at.saturating_sub(it.0) + JITTER >= RATES_SPAN;
        while self.recent.get(1).is_some_and(is_old) {
            self.recent.pop_front();
        }
    }
}
