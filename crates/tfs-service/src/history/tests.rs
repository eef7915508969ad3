//! The record as a table: what is recorded, and what a page then shows.

use std::time::Duration;

use tfs_api::status::FailureCount;
use tfs_api::wire::MountId;
use tfs_web::model::SAMPLES_MAX;

use super::counters::CounterReading;
use super::record::{Record, SamplePace};

fn id(mountpoint: &str) -> MountId {
    MountId { mountpoint: mountpoint.to_owned(), device: "0:45".to_owned() }
}

/// Counters with this number of given bytes, half of which were fetched.
fn given(given_bytes: u64) -> CounterReading {
    CounterReading { given_bytes, fetched_bytes: given_bytes / 2, ..CounterReading::default() }
}

fn failed(counts: &[(&str, u64)]) -> CounterReading {
    let failures = counts.iter();
    let failures =
        failures.map(|&(reason, count)| FailureCount { reason: reason.to_owned(), count });
    CounterReading { failures: failures.collect(), ..CounterReading::default() }
}

#[derive(Default)]
struct RecordedRun {
    record: Record,
    at: Duration,
}

impl RecordedRun {
    /// Records the counters of mounts after a time at the close pace.
    fn after(&mut self, millis: u64, mounts: &[(&str, CounterReading)]) {
        self.after_with(millis, mounts, 0, SamplePace::Close);
    }

    fn after_with(
        &mut self,
        millis: u64,
        mounts: &[(&str, CounterReading)],
        until: i64,
        pace: SamplePace,
    ) {
        self.at += Duration::from_millis(millis);
        let mounts = mounts.iter().map(|(path, counters)| (id(path), counters.clone()));
        self.record.record(mounts.collect(), self.at, until, pace);
    }

    fn given_bps(&self) -> Vec<u64> {
        self.record.history().given_bps
    }

    /// Returns the rates of a mount, this long after the last sample.
    fn rate(&self, mount: &str, millis: u64) -> Option<u64> {
        let at = self.at + Duration::from_millis(millis);
        self.record.rates(&id(mount), at).map(|rates| rates.given)
    }

    fn failures(&mut self, mount: &str, counters: &CounterReading, hours: u64) -> String {
        self.at += Duration::from_secs(hours * 3600);
        let found = self.record.failures(&id(mount), &counters.failures, self.at);
        let found = found.iter().map(|failure| format!("{} {}", failure.count, failure.reason));
        found.collect::<Vec<_>>().join(", ")
    }
}

#[test]
fn each_second_has_its_rate() {
    let mut it = RecordedRun::default();
    // What was given before the first sample belongs to no second.
    it.after(0, &[("/a", given(500))]);
    assert_eq!(it.given_bps(), [0; 0]);
    it.after(1000, &[("/a", given(1500))]);
    it.after(1000, &[("/a", given(1500))]);
    // A late sample is one of its whole time.
    it.after(1250, &[("/a", given(4000))]);
    assert_eq!(it.given_bps(), [1000, 0, 2000]);
    let history = it.record.history();
    assert_eq!(history.fetched_bps, [500, 0, 1000]);
    assert_eq!([history.waiting.len(), history.failures.len(), history.local_bps.len()], [3; 3]);
}

#[test]
fn the_ring_has_ten_minutes() {
    let mut it = RecordedRun::default();
    for second in 0..=700 {
        it.after(1000, &[("/a", given(second * second))]);
    }
    let rates = it.given_bps();
    assert_eq!(rates.len(), SAMPLES_MAX);
    assert_eq!((rates.first(), rates.last()), (Some(&(2 * 101 - 1)), Some(&(2 * 700 - 1))));
}

#[test]
fn a_sleep_of_the_machine_is_a_time_without_bytes() {
    let mut it = RecordedRun::default();
    it.after(0, &[("/a", given(0))]);
    it.after(1000, &[("/a", given(1000))]);
    let waits = CounterReading { waiting: 2, ..given(1000) };
    it.after(60_000, &[("/a", waits.clone())]);
    let rates = it.given_bps();
    assert_eq!(rates.len(), 61);
    assert!(rates.iter().skip(1).all(|rate| *rate == 0), "{rates:?}");
    // Only the last second is known to have waited.
    assert_eq!(it.record.history().waiting.iter().sum::<u64>(), 2);
    // A long one leaves no more than the ring.
    it.after(86_400_000, &[("/a", waits)]);
    assert_eq!(it.given_bps(), [0; SAMPLES_MAX]);
}

#[test]
fn a_clock_that_is_set_moves_no_sample() {
    let mut it = RecordedRun::default();
    it.after_with(0, &[("/a", given(0))], 1_000_000, SamplePace::Close);
    it.after_with(1000, &[("/a", given(10))], 1_000_001, SamplePace::Close);
    it.after_with(1000, &[("/a", given(30))], 900_000, SamplePace::Close);
    it.after_with(1000, &[("/a", given(60))], 2_000_000, SamplePace::Close);
    let history = it.record.history();
    assert_eq!((history.given_bps.as_slice(), history.until), (&[10, 20, 30][..], 2_000_000));
}

#[test]
fn mounts_come_and_go() {
    let mut it = RecordedRun::default();
    it.after(1000, &[("/a", given(100))]);
    // A new mount has begun at zero since the last sample.
    it.after(1000, &[("/a", given(200)), ("/b", given(50))]);
    it.after(1000, &[("/b", given(70))]);
    // One at the same place begins anew, whether it is noticed in between or not.
    it.after(1000, &[("/a", given(30)), ("/b", given(70))]);
    it.after(1000, &[("/a", given(5)), ("/b", given(70))]);
    assert_eq!(it.given_bps(), [150, 20, 30, 5]);
    it.after(1000, &[]);
    assert_eq!(it.given_bps().last(), Some(&0));
    assert_eq!(it.rate("/a", 0), None);
}

#[test]
fn rates_are_of_the_last_two_seconds() {
    let mut it = RecordedRun::default();
    assert_eq!(it.rate("/a", 0), None);
    it.after(1000, &[("/a", given(0))]);
    assert_eq!(it.rate("/a", 0), None);
    it.after(1000, &[("/a", given(1000))]);
    assert_eq!(it.rate("/a", 0), Some(1000));
    it.after(1000, &[("/a", given(1000))]);
    assert_eq!(it.rate("/a", 900), Some(500));
    it.after(1000, &[("/a", given(4000))]);
    assert_eq!(it.rate("/a", 0), Some(1500));
    // Nothing takes samples any more.
    assert_eq!(it.rate("/a", 3001), None);
    it.after(300_000, &[("/a", given(4000))]);
    assert_eq!(it.rate("/a", 0), Some(0));
}

#[test]
fn without_a_page_there_is_no_plot() {
    let mut it = RecordedRun::default();
    it.after(1000, &[("/a", given(0))]);
    it.after(1000, &[("/a", given(10))]);
    it.after_with(1000, &[("/a", given(10))], 0, SamplePace::Rare);
    assert_eq!(it.given_bps(), [0; 0]);
    it.after_with(300_000, &[("/a", given(900))], 0, SamplePace::Rare);
    it.after(1000, &[("/a", given(1000))]);
    assert_eq!(it.given_bps(), [0; 0]);
    it.after(1000, &[("/a", given(1007))]);
    assert_eq!(it.given_bps(), [7]);
}

#[test]
fn failures_are_those_of_a_day() {
    let mut it = RecordedRun::default();
    assert_eq!(it.failures("/a", &failed(&[("gone", 0), ("timed_out", 0)]), 0), "");
    assert_eq!(
        it.failures("/a", &failed(&[("gone", 1), ("timed_out", 3)]), 0),
        "3 timed_out, 1 gone"
    );
    it.after(1000, &[("/a", failed(&[("gone", 2), ("timed_out", 3)]))]);
    let now = || failed(&[("gone", 2), ("timed_out", 3)]);
    assert_eq!(it.failures("/a", &now(), 20), "3 timed_out, 2 gone");
    assert_eq!(
        it.failures("/a", &failed(&[("gone", 2), ("timed_out", 4)]), 1),
        "4 timed_out, 2 gone"
    );
    assert_eq!(it.failures("/a", &failed(&[("gone", 2), ("timed_out", 4)]), 4), "1 timed_out");
    // Another mount at the same place.
    assert_eq!(it.failures("/a", &failed(&[("gone", 1)]), 0), "1 gone, 1 timed_out");
    assert_eq!(it.failures("/b", &failed(&[("gone", 7)]), 0), "7 gone");
    assert_eq!(it.failures("/a", &failed(&[("gone", 1)]), 24), "");
}

#[test]
fn a_second_has_its_failures_once() {
    let mut it = RecordedRun::default();
    it.after(1000, &[("/a", failed(&[("gone", 5)]))]);
    // A status in between changes nothing.
    assert_eq!(it.failures("/a", &failed(&[("gone", 6)]), 0), "6 gone");
    it.after(1000, &[("/a", failed(&[("gone", 7)]))]);
    it.after(1000, &[("/a", failed(&[("gone", 7), ("other", 1)]))]);
    assert_eq!(it.record.history().failures, [2, 1]);
    assert_eq!(it.failures("/a", &failed(&[("gone", 7), ("other", 1)]), 0), "7 gone, 1 other");
}
