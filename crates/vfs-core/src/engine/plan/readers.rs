//! Reader activity for monitoring, and the commands that discard cached state.

use std::collections::BTreeMap;
use std::time::Duration;

use super::access::Access;
use super::{Action, Plan, PlannedRead};
use crate::{ByteRange, HandleId, InfoHash, Timestamp};

/// The period over which a speed is measured. Long enough that a reader with time slices does not
/// appear to stop; short enough to show that a film begins to stall.
const METER_TIME: Duration = Duration::from_secs(2);

/// The bytes that a handle received, and its recent speed. An update costs a few additions.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct ReaderMeter {
    bytes_given: u64,
    /// The end of the last answered read.
    offset: u64,
    /// The index of the current [`METER_TIME`] period.
    period: u128,
    period_bytes: u64,
    /// The bytes of the previous period.
    last_period_bytes: u64,
}

impl ReaderMeter {
    /// Records an answer.
    pub(crate) fn on_given(&mut self, now: Timestamp, range: ByteRange) {
        let period = period(now);
        if period != self.period {
            let is_next = period == self.period.saturating_add(1);
            self.last_period_bytes = if is_next { self.period_bytes } else { 0 };
            (self.period, self.period_bytes) = (period, 0);
        }
        self.period_bytes = self.period_bytes.saturating_add(range.len());
        self.bytes_given = self.bytes_given.saturating_add(range.len());
        self.offset = range.end();
    }

    /// Returns the mean over the last [`METER_TIME`], with the bytes of the previous period spread
    /// evenly.
    fn bytes_per_second(&self, now: Timestamp) -> u64 {
        let behind = period(now).saturating_sub(self.period);
        let (before, current) = match behind {
            0 => (self.last_period_bytes, self.period_bytes),
            1 => (self.period_bytes, 0),
            _ => (0, 0),
        };
        let into = now.since_start().as_nanos().checked_rem(METER_TIME.as_nanos()).unwrap_or(0);
        let left = METER_TIME.as_nanos().saturating_sub(into);
        let share = u128::from(before).saturating_mul(left).checked_div(METER_TIME.as_nanos());
        let bytes = share.unwrap_or(0).saturating_add(u128::from(current));
        let per_second = bytes.checked_div(u128::from(METER_TIME.as_secs())).unwrap_or(0);
        u64::try_from(per_second).unwrap_or(u64::MAX)
    }
}

fn period(now: Timestamp) -> u128 {
    now.since_start().as_nanos().checked_div(METER_TIME.as_nanos()).unwrap_or(0)
}

/// The activity of a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Activity {
    pub(crate) offset: u64,
    pub(crate) bytes_given: u64,
    pub(crate) run_bytes: u64,
    pub(crate) bytes_downloaded: u64,
    pub(crate) bytes_per_second: u64,
    pub(crate) wait: Option<ReaderWait>,
}

/// What a reader waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReaderWait {
    /// The first missing byte of the file.
    pub offset: u64,
    /// The piece that contains it, if the torrent's pieces are known.
    pub piece_idx: Option<u32>,
    /// The length of that piece in bytes.
    pub piece_len: Option<u32>,
    /// How long the reader has waited.
    pub waited: Duration,
    /// The estimated time until the piece arrives at the present speed, if it is known.
    pub left: Option<Duration>,
    /// The number of connected peers of the torrent, at most a minute old. `None` if the source
    /// does not tell it, and for the first seconds: it comes with the download progress.
    pub peers: Option<usize>,
}

impl Plan {
    /// Returns the activity of each handle that was read from.
    pub(in crate::engine) fn activities(&self, now: Timestamp) -> BTreeMap<HandleId, Activity> {
        let mut activities: BTreeMap<_, _> = self
            .handles
            .meters()
            .map(|(handle, meter)| {
                let ReaderMeter { offset, bytes_given, .. } = *meter;
                let bytes_per_second = meter.bytes_per_second(now);
                let run_bytes = self.handles.access(handle).map_or(0, Access::run_bytes);
                let activity = Activity {
                    offset,
                    bytes_given,
                    run_bytes,
                    bytes_downloaded: self.downloads.of(handle),
                    bytes_per_second,
                    wait: None,
                };
                (handle, activity)
            })
            .collect();
        for (_, read) in self.unanswered_reads().filter(|(_, read)| !read.is_preload()) {
            let activity = activities.entry(read.request.handle).or_default();
            let wait = self.wait(read, now);
            // Of several reads, the one that has waited longest.
            if activity.wait.is_none_or(|known| known.waited < wait.waited) {
                activity.wait = Some(wait);
            }
        }
        activities
    }

    fn wait(&self, read: &PlannedRead, now: Timestamp) -> ReaderWait {
        let pos = read.stream.and_then(|(id, _)| self.streams.get(&id)).map_or(0, |it| it.pos);
        let offset = pos.clamp(read.need.start(), read.need.end());
        let geometry = read.request.facts.geometry;
        ReaderWait {
            offset,
            piece_idx: geometry.and_then(|geometry| geometry.piece_at(offset)),
            piece_len: geometry.map(|geometry| geometry.piece_len.get()),
            waited: now.duration_since(read.arrived_at),
            left: self.time_left(read, now),
            peers: self.peers_of(read.request.file.torrent, now),
        }
    }

    /// Returns the number of connected peers of a torrent, as far as a look at its peers or its
    /// progress has told it. Requests nothing.
    fn peers_of(&self, torrent: InfoHash, now: Timestamp) -> Option<usize> {
        self.peers.live_count(torrent, now).or_else(|| self.sampled_peers(torrent, now))
    }

    /// Closes all streams and discards their bytes. Waiting reads get new streams.
    pub(in crate::engine) fn on_clear(&mut self, now: Timestamp) {
        let live = self.streams.iter().filter(|(_, stream)| stream.is_live());
        let live: Vec<_> = live.map(|(id, _)| *id).collect();
        for stream in live {
            self.actions.push_back(Action::Discard { stream });
            self.close(stream, now);
        }
    }

    /// Discards all bitfields, so that they are requested again.
    pub(in crate::engine) fn on_clear_haves(&mut self) {
        self.forget_haves();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millisecond(n: u64) -> Timestamp {
        Timestamp::from_start(Duration::from_millis(n))
    }

    /// Records bytes at times in milliseconds, and checks the speed at the time `at`.
    #[track_caller]
    fn check(given: &[(u64, u64)], at: u64, want: u64) {
        let mut meter = ReaderMeter::default();
        let mut offset = 0;
        for (millis, bytes) in given {
            let range = ByteRange::clamped(offset, *bytes, u64::MAX);
            meter.on_given(millisecond(*millis), range);
            offset = range.end();
        }
        assert_eq!((meter.offset, meter.bytes_given), (offset, offset));
        assert_eq!(meter.bytes_per_second(millisecond(at)), want, "{given:?} at {at}");
    }

    #[test]
    fn speeds_are_those_of_the_last_seconds() {
        check(&[], 5000, 0);
        check(&[(0, 1000)], 1000, 500);
        check(&[(0, 1000)], 2000, 500);
        check(&[(0, 1000)], 3000, 250);
        check(&[(0, 1000)], 4000, 0);
        check(&[(0, 1000)], 60_000, 0);
        // A steady 1000 bytes a second.
        let even: Vec<_> = (0..100).map(|n| (n * 100, 100)).collect();
        check(&even, 9_900, 1_050);
        check(&even, 10_000, 1_000);
        // After a pause, earlier bytes do not count.
        check(&[(0, 9000), (7000, 1000)], 7500, 500);
    }
}
