//! Direct reads: short ranges that are there, which the thread that asks reads itself, beside all
//! streams. Each holds a permit as a stream does, for the milliseconds that it lasts.
//!
//! One is granted only if nothing speaks against it, and where it brings nothing, the read takes
//! the usual way. So there is nothing here that waits, fails or is tried again.
#![warn(clippy::arithmetic_side_effects)]

use std::time::Duration;

use super::tuning::SEQUENTIAL_READS_MIN;
use super::{Availability, FileFacts, Plan};
use crate::engine::{BreakerState, Timestamp};
use crate::{ByteRange, FileId, HandleId};

/// How long no thread tries again after the first direct read that brought nothing: it may have
/// been late by chance. It doubles with each one in a row.
const PAUSE_MIN: Duration = Duration::from_millis(10);

/// The longest such pause: a server that is too far away costs two milliseconds of a thread in a
/// minute.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// How a direct read ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DirectEnd {
    /// All its bytes came.
    Done,
    /// They did not, or not in time.
    Missed,
    /// The source was not asked.
    NoWay,
}

/// What is under way, and whether it is worth while at all.
#[derive(Debug, Default)]
pub(super) struct Direct {
    /// How many hold a permit.
    pub(super) count: usize,
    paused_until: Timestamp,
    /// The last pause; zero after bytes came.
    pause: Duration,
}

impl Plan {
    /// Takes a read that memory could not answer. Returns whether the thread that asks may read the
    /// range itself; then [`on_direct_end`](Self::on_direct_end) follows, whatever comes of it.
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
            && self.haves.presence(file, facts, range, now, &self.tuning) == Availability::Present
            && !self.goes_on(handle, range)
            && !self.is_near_stream(file, range);
        self.direct.count = self.direct.count.saturating_add(usize::from(is_granted));
        is_granted
    }

    /// Takes the end of a direct read. Returns whether others may have waited for its permit.
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
                let pause = self.direct.pause.saturating_mul(2).clamp(PAUSE_MIN, PAUSE_MAX);
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

    /// Returns how many permits are taken, by streams and by direct reads.
    pub(super) fn permits_taken(&self) -> usize {
        self.streams.len().saturating_add(self.direct.count)
    }

    /// Returns whether a reader goes from one end of the file to the other: then a window has its
    /// next bytes before it asks for them.
    fn goes_on(&self, handle: HandleId, range: ByteRange) -> bool {
        self.handles.access(handle).is_some_and(|access| {
            access.read_count().saturating_add(1) >= SEQUENTIAL_READS_MIN && access.is_next(range)
        })
    }

    /// Returns whether a read of this range would join a stream that is open, or about to be.
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
