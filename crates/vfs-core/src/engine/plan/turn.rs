//! Time slices: how long a stream keeps its permit while reads wait for one.
//!
//! While a stream opens, its permit brings nothing. So a time slice is long compared with a round
//! trip. Otherwise it is short, so that all readers proceed.
//!
//! A read in order waits for the end of a time slice. A brief read, of a reader that is not known
//! to read in order, waits for a part of it: it returns the permit after one round trip.
#![warn(clippy::arithmetic_side_effects)]

use std::time::Duration;

use super::Tuning;
use crate::Timestamp;

/// The part of a longer sample that is added to the round trip, as in TCP (RFC 6298).
const ROUND_TRIP_GAIN: u32 = 8;

/// The time from the request of a stream to its confirmation. It falls at once and rises slowly: a
/// busy server or machine only adds to it.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct RoundTrip(Option<Duration>);

/// The mean speed of streams of present data in their time slices, in bytes a second.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct TurnSpeed(Option<u64>);

/// The current time slice of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// When the source confirmed the stream, or when its next byte became missing or present.
    pub(crate) began_at: Timestamp,
    /// The offset of the stream at that time.
    from: u64,
    /// Whether the stream answered a read in it.
    pub(crate) is_useful: bool,
    /// When the missing piece arrived that the stream waited for.
    pub(super) ended_at: Option<Timestamp>,
}

/// The present length of time slices at present data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TurnLength {
    /// How long a time slice lasts.
    time: Duration,
    /// How many bytes end a time slice earlier.
    bytes: u64,
    /// How long it lasts at least, however many bytes arrive.
    time_min: Duration,
    /// How long it lasts while a brief read waits.
    pub(super) brief_time: Duration,
    /// How long a stream may be without a read of its reader in order.
    pub(super) pause_max: Duration,
    /// Whether so many reads wait that a stream yields as soon as it has no read.
    is_crowd: bool,
}

/// A read that waits for the permit of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    /// One that returns the permit soon: its reader is not known to read in order.
    Brief,
    /// Any other.
    Long,
}

impl RoundTrip {
    /// Records the time in which a stream was confirmed.
    pub(super) fn on_opened(&mut self, time: Duration) {
        let rise = |known: Duration| {
            let gain = time.saturating_sub(known).checked_div(ROUND_TRIP_GAIN).unwrap_or_default();
            known.saturating_add(gain).min(time)
        };
        self.0 = Some(self.0.map_or(time, rise));
    }

    /// Returns the time, or zero before the first stream.
    pub(super) fn time(self) -> Duration {
        self.0.unwrap_or_default()
    }
}

impl TurnSpeed {
    /// Records the speed of a stream in its time slice.
    pub(super) fn on_turn(&mut self, speed: u128) {
        let speed = u64::try_from(speed).unwrap_or(u64::MAX);
        let mean = |known: u64| known.midpoint(known.midpoint(speed));
        self.0 = Some(self.0.map_or(speed, mean));
    }
}

impl TurnLength {
    /// Returns the length for a round trip, while `waiting` reads in order share `permits`.
    pub(super) fn new(
        tuning: &Tuning,
        round_trip: Duration,
        waiting: usize,
        permits: usize,
    ) -> Self {
        let times = |count: u32| round_trip.saturating_mul(count).min(tuning.turn_time_recalled);
        let time_min = times(tuning.turn_round_trips);
        let [waiting, permits] = [waiting, permits].map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        let share = tuning.queue_time.saturating_mul(permits).checked_div(waiting);
        let time = share.map_or(tuning.turn_time_here, |share| share.min(tuning.turn_time_here));
        let time = time.max(time_min);
        let brief_time = time_min.max(tuning.brief_time_min).min(tuning.turn_time_here).min(time);
        let pause_max = times(1).max(tuning.pause_time_min).min(time);
        let bytes = tuning.turn_bytes;
        Self { time, bytes, time_min, brief_time, pause_max, is_crowd: false }
    }

    /// Returns how many bytes a stream brings in three quarters of a time slice, so that it rather
    /// comes to its end than be closed; `None` as long as that is unknown, and for a crowd.
    pub(super) fn quota(&self, speed: TurnSpeed) -> Option<u64> {
        let speed = speed.0.filter(|_| !self.is_crowd)?;
        let bytes = |time: Duration| {
            let bytes = u128::from(speed).saturating_mul(time.as_micros()).checked_div(1_000_000);
            bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(u64::MAX)
        };
        let most = self.time.saturating_mul(3).checked_div(4).unwrap_or_default();
        Some(bytes(most).min(self.bytes.max(bytes(self.time_min))))
    }

    /// Returns the length while a crowd waits.
    pub(super) fn of_crowd(tuning: &Tuning) -> Self {
        let time = tuning.turn_time_here;
        Self {
            time,
            bytes: u64::MAX,
            time_min: time,
            brief_time: time,
            pause_max: Duration::ZERO,
            is_crowd: true,
        }
    }
}

impl Turn {
    /// Returns a time slice that begins at `now`, with the stream at offset `from`.
    pub(super) fn new(now: Timestamp, from: u64) -> Self {
        Self { began_at: now, from, is_useful: false, ended_at: None }
    }

    /// Returns the time slice after the missing piece of the stream has arrived.
    pub(super) fn ended(self, now: Timestamp) -> Self {
        Self { ended_at: Some(now), ..self }
    }

    /// Returns when the time slice of a stream of present data at offset `pos` ends.
    pub(super) fn ends_at(&self, pos: u64, length: &TurnLength) -> Timestamp {
        let is_enough = self.bytes(pos) >= length.bytes;
        let time = if is_enough { length.time_min } else { length.time };
        self.began_at.saturating_add(time)
    }

    /// Returns how many bytes the stream has brought.
    pub(super) fn bytes(&self, pos: u64) -> u64 {
        pos.saturating_sub(self.from)
    }

    /// Returns how many bytes a second the stream has brought.
    pub(super) fn speed(&self, now: Timestamp, pos: u64) -> u128 {
        let micros = now.duration_since(self.began_at).as_micros().max(1);
        let bytes = u128::from(self.bytes(pos)).saturating_mul(1_000_000);
        bytes.checked_div(micros).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    const fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// Checks the times in milliseconds: of a time slice, its minimum, while a brief read waits,
    /// and of a pause.
    #[track_caller]
    fn check(round_trip: u64, waiting: usize, want: [u64; 4]) {
        let tuning = Tuning::new(4, 128 << 20);
        let length = TurnLength::new(&tuning, millis(round_trip), waiting, 4);
        let TurnLength { time, time_min, brief_time, pause_max, .. } = length;
        let name = format!("{round_trip} ms, {waiting} wait");
        assert_eq!([time, time_min, brief_time, pause_max], want.map(millis), "{name}");
    }

    #[test]
    fn time_slices_grow_with_the_round_trip_and_shrink_with_the_queue() {
        check(0, 0, [250, 0, 10, 5]);
        check(1, 12, [250, 8, 10, 5]);
        check(1, 100, [80, 8, 10, 5]);
        check(1, 2000, [8, 8, 8, 5]);
        check(20, 12, [250, 160, 160, 20]);
        check(20, 2000, [160, 160, 160, 20]);
        check(100, 12, [800, 800, 250, 100]);
        // Another mount must not wait longer.
        check(10_000, 12, [1500, 1500, 250, 1500]);
    }

    #[test]
    fn in_a_crowd_a_stream_yields_as_soon_as_it_has_no_read() {
        let tuning = Tuning::new(4, 128 << 20);
        let length = TurnLength::of_crowd(&tuning);
        let turn = Turn::new(Timestamp::ZERO, 0);
        assert_eq!(length.pause_max, Duration::ZERO);
        assert_eq!(turn.ends_at(999 * MIB, &length), Timestamp::from_start(millis(250)));
        let mut speed = TurnSpeed::default();
        speed.on_turn(1000);
        assert_eq!(length.quota(speed), None);
    }

    #[test]
    fn many_bytes_end_a_time_slice_after_its_minimum() {
        let tuning = Tuning::new(4, 128 << 20);
        let turn = Turn::new(Timestamp::from_start(millis(1000)), 5 * MIB);
        for (round_trip, pos, want) in [(1, 5, 250), (1, 20, 250), (1, 21, 8), (100, 99, 800)] {
            let length = TurnLength::new(&tuning, millis(round_trip), 1, 4);
            let end = turn.ends_at(pos * MIB, &length);
            assert_eq!(end.duration_since(turn.began_at), millis(want), "{round_trip} ms, {pos}");
        }
        assert_eq!(turn.speed(Timestamp::from_start(millis(1500)), 15 * MIB), u128::from(20 * MIB));
    }

    #[test]
    fn a_window_ends_with_three_quarters_of_a_time_slice() {
        let tuning = Tuning::new(4, 128 << 20);
        let quota = |round_trip, mib_per_second: u64| {
            let mut speed = TurnSpeed::default();
            speed.on_turn(u128::from(mib_per_second * MIB));
            TurnLength::new(&tuning, millis(round_trip), 4, 4).quota(speed).map(|it| it / MIB)
        };
        assert_eq!(TurnLength::new(&tuning, millis(1), 4, 4).quota(TurnSpeed::default()), None);
        // By time, by bytes, and by the minimum, which is longer than that.
        assert_eq!((quota(1, 32), quota(1, 800), quota(100, 100)), (Some(6), Some(16), Some(60)));
        let mut speed = TurnSpeed::default();
        [400, 400, 0].into_iter().for_each(|bytes| speed.on_turn(bytes));
        assert_eq!(speed.0, Some(300));
    }

    #[test]
    fn the_round_trip_falls_at_once_and_rises_slowly() {
        let mut round_trip = RoundTrip::default();
        assert_eq!(round_trip.time(), Duration::ZERO);
        for (sample, want) in [(80, 80), (160, 90), (8, 8), (16, 9)] {
            round_trip.on_opened(millis(sample));
            assert_eq!(round_trip.time(), millis(want), "after {sample} ms");
        }
        (0..100).for_each(|_| round_trip.on_opened(millis(100)));
        assert_eq!(round_trip.time().as_millis(), 99);
    }
}
