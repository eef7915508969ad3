//! Direct reads: short present ranges that the requesting thread reads itself, without a stream.
//! Each holds a permit for its duration of milliseconds.
//!
//! A direct read is granted only if no wait is expected: a permit is free and the data is present.
//! If it fails, the read continues on the normal path. So a direct read never waits, fails a read,
//! or is retried.
#![warn(clippy::arithmetic_side_effects)]

use std::time::Duration;

use tfs_types::Backoff;

use super::tuning::SEQUENTIAL_READS_MIN;
use super::{Availability, FileFacts, Plan};
use crate::engine::BreakerState;
use crate::{ByteRange, FileId, HandleId, Timestamp};

/// The pauses of direct reads after consecutive misses. The first miss may be chance. With the
/// longest pause, a server that is too far away costs a thread two milliseconds in a minute.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(60));

/// How a direct read ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DirectEnd {
    /// All of its bytes arrived.
    Done,
    /// They did not arrive, or not in time.
    Missed,
    /// No request was sent.
    NoWay,
}

/// The direct reads in flight, and their back-off.
#[derive(Debug, Default)]
pub(super) struct Direct {
    /// How many hold a permit.
    pub(super) count: usize,
    paused_until: Timestamp,
    /// The last pause; zero after a success.
    pause: Duration,
}

impl Plan {
    /// Handles a read that memory could not answer. Returns whether the requesting thread may read
    /// the range itself; then [`on_direct_end`](Self::on_direct_end) must follow in any case.
    pub(in crate::engine) fn on_direct(
        &mut self,
        now: Timestamp,
        (handle, file): (HandleId, FileId),
        facts: &FileFacts,
        range: ByteRange,
    ) -> bool {
        let is_granted = range.len() <= self.tuning.direct_bytes_max
            && now >= self.direct.paused_until
            && self.permits_taken() < self.permits.usable()
            && self.breaker.state(now) == BreakerState::Closed
            && self.availability.presence(file, facts, range, now, &self.tuning)
                == Availability::Present
            && !self.goes_on(handle, range)
            && !self.is_near_stream(file, range);
        self.direct.count = self.direct.count.saturating_add(usize::from(is_granted));
        is_granted
    }

    /// Handles the end of a direct read. Returns whether reads may have waited for its permit.
    pub(in crate::engine) fn on_direct_end(
        &mut self,
        now: Timestamp,
        (handle, file): (HandleId, FileId),
        range: ByteRange,
        end: DirectEnd,
    ) -> bool {
        self.direct.count = self.direct.count.saturating_sub(1);
        match end {
            DirectEnd::Done => {
                self.direct.pause = Duration::ZERO;
                self.note_read(handle, range);
                self.note_given(now, handle, range);
                self.tally.count(file, |count| {
                    count.reads = count.reads.saturating_add(1);
                    count.misses = count.misses.saturating_add(1);
                    count.opens = count.opens.saturating_add(1);
                    count.direct_reads = count.direct_reads.saturating_add(1);
                    count.bytes_fetched = count.bytes_fetched.saturating_add(range.len());
                    count.bytes_given = count.bytes_given.saturating_add(range.len());
                });
            }
            DirectEnd::Missed => {
                let pause = PAUSES.next(self.direct.pause);
                self.direct.pause = pause;
                self.direct.paused_until = now.saturating_add(pause);
                self.tally.count(file, |count| {
                    count.opens = count.opens.saturating_add(1);
                    count.direct_misses = count.direct_misses.saturating_add(1);
                });
            }
            DirectEnd::NoWay => {}
        }
        let is_awaited = !self.reads.is_empty();
        self.is_dirty |= is_awaited;
        is_awaited
    }

    /// Returns how many permits streams and direct reads hold.
    pub(super) fn permits_taken(&self) -> usize {
        self.streams.len().saturating_add(self.direct.count)
    }

    /// Returns whether a handle reads sequentially: then a window has its next bytes before they
    /// are requested.
    fn goes_on(&self, handle: HandleId, range: ByteRange) -> bool {
        self.handles.access(handle).is_some_and(|access| {
            access.read_count().saturating_add(1) >= SEQUENTIAL_READS_MIN && access.is_next(range)
        })
    }

    /// Returns whether a read of this range would join a stream that is open or opening.
    fn is_near_stream(&self, file: FileId, range: ByteRange) -> bool {
        self.streams.values().any(|stream| {
            let reach = || self.wanted_until(stream).saturating_add(self.tuning.skip_bytes_max);
            stream.file == file
                && stream.is_live()
                && !stream.is_preload()
                && (stream.low..=reach()).contains(&range.start())
                && range.end() <= stream.range.end()
        })
    }
}
