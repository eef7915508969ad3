//! What the kernel reads ahead and the program does not wait for.
//!
//! The kernel asks for the next part of a file while a program is still in the last one. A program
//! that looks at the head of a file and then at its tail leaves such a request behind: nobody waits
//! for its bytes, but a stream for it has the server fetch what follows them, there or not, beside
//! the piece that the program does wait for.
//!
//! So a read that goes on with what its handle read before has no stream while a later read of that
//! handle, of another place, waits. It gets one as soon as that is answered: the program may come
//! back, and the kernel does not tell when it then waits for a page that was asked for before. A
//! program of several threads may wait for both, so that the delay is limited to a turn.
#![warn(clippy::arithmetic_side_effects)]

use std::time::Duration;

use super::{Plan, Read};
use crate::HandleId;

impl Plan {
    /// Takes note that a handle reads in a run, and goes on with none of those before.
    pub(super) fn leave_behind(&mut self, now: Duration, handle: HandleId, run: u64) {
        let reads: Vec<_> = self.waiting.of_handle(handle).collect();
        for id in reads {
            let Some(read) = self.reads.get_mut(&id) else { continue };
            if read.goes_on && read.run < run {
                read.left_at.get_or_insert(now);
                self.mark(id);
            }
        }
    }

    /// Has the reads looked at that a handle left behind: a read that it waited for has ended.
    pub(super) fn mark_left(&mut self, handle: HandleId) {
        let reads = self.waiting.of_handle(handle);
        let left = reads.filter(|id| self.reads.get(id).is_some_and(|it| it.left_at.is_some()));
        let left: Vec<_> = left.collect();
        left.into_iter().for_each(|id| self.mark(id));
    }

    /// Returns whether a read is to have no stream now.
    pub(super) fn is_left(&self, read: &Read, now: Duration) -> bool {
        let is_later = |id| self.reads.get(&id).is_some_and(|other| other.run > read.run);
        self.left_until(read).is_some_and(|until| now < until)
            && self.waiting.of_handle(read.request.handle).any(is_later)
    }

    /// Returns until when a read that was left behind may be without a stream.
    pub(super) fn left_until(&self, read: &Read) -> Option<Duration> {
        Some(read.left_at?.saturating_add(self.tuning.turn_time_missing))
    }

    /// Returns whether a read that was left behind is to leave its stream.
    pub(super) fn is_to_leave(&self, read: &Read, now: Duration) -> bool {
        let stream = read.stream.and_then(|(id, _)| self.streams.get(&id));
        stream.is_some_and(|stream| stream.pos < read.need.end()) && self.is_left(read, now)
    }
}
