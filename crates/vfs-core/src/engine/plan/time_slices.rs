//! Which stream yields its permit to a waiting read, and when: the rules of [`turn`](super::turn),
//! applied to streams.
#![warn(clippy::arithmetic_side_effects)]

use super::turn::{Contender, TurnLength};
use super::{Phase, Plan, PlannedStream, StreamId, StreamKind};
use crate::{ByteRange, FileId, Timestamp};

impl Plan {
    /// Returns the present length of time slices at present data.
    pub(super) fn turn_length(&self) -> TurnLength {
        let permits = self.permits.usable();
        let crowd = permits.saturating_mul(self.tuning.crowd_reads_min);
        if self.index.queued_count() > crowd {
            return TurnLength::of_crowd(&self.tuning);
        }
        let waiting = self.index.long_count();
        TurnLength::new(&self.tuning, self.round_trip.time(), waiting, permits)
    }

    /// Returns from when on a waiting read may take the permit of a stream of its priority.
    ///
    /// A stream of present data first answers a read, unless it is silent: otherwise, on a slow
    /// line, every time slice would end before it is of use. The same is true of one that opens.
    pub(super) fn yields_at(
        &self,
        stream: &PlannedStream,
        length: &TurnLength,
        contender: Contender,
    ) -> Timestamp {
        let turn = &stream.turn;
        let end = match contender {
            _ if stream.is_missing => turn
                .ended_at
                .unwrap_or_else(|| turn.began_at.saturating_add(self.tuning.turn_time_missing)),
            Contender::Long => turn.ends_at(stream.pos, length),
            Contender::Brief => {
                let brief_end = turn.began_at.saturating_add(length.brief_time);
                turn.ends_at(stream.pos, length).min(brief_end)
            }
        };
        if let Some(idle_at) = idle_at(stream, length) {
            return end.min(idle_at);
        }
        match stream.phase {
            Phase::Open if stream.is_missing || turn.is_useful => end,
            Phase::Open | Phase::Opening | Phase::Closing | Phase::Broken { .. } => {
                end.max(stream.moved_at.saturating_add(self.tuning.turn_time_missing))
            }
        }
    }

    /// Returns the end of a new window. While others wait, it is what a time slice brings: closing
    /// a stream earlier would lose its connection and the bytes that are under way.
    pub(super) fn window_end(&self, file: FileId, need: ByteRange, file_len: u64) -> u64 {
        let near = ByteRange::clamped(need.start(), self.tuning.join_bytes_max, file_len);
        let own = self.index.starting_in(file, near).count();
        if self.index.long_count() <= own {
            return file_len;
        }
        let Some(quota) = self.turn_length().quota(self.turn_speed) else { return file_len };
        let end = need.start().saturating_add(quota);
        // Requests of the kernel lie within such units.
        let part = end.checked_rem(self.tuning.read_bytes_max).unwrap_or(0);
        end.saturating_sub(part).max(need.end()).min(file_len)
    }

    /// Records the time slice of a window that ends or is closed.
    pub(super) fn note_turn(&mut self, id: StreamId, now: Timestamp) {
        let Some(stream) = self.streams.get(&id) else { return };
        let is_window = matches!(stream.kind, StreamKind::Window { .. });
        if is_window && !stream.is_missing && stream.phase == Phase::Open && stream.turn.is_useful {
            self.turn_speed.on_turn(stream.turn.speed(now, stream.pos));
        }
    }

    /// Returns the order in which streams lose their permits, least useful first: preloads, then
    /// idle streams, then those that bring the fewest bytes a second.
    pub(super) fn usefulness(
        &self,
        stream: &PlannedStream,
        length: &TurnLength,
        now: Timestamp,
    ) -> (bool, bool, u128, Timestamp) {
        let is_reader = !stream.is_preload();
        if idle_at(stream, length).is_some_and(|at| at <= now) {
            return (is_reader, false, 0, stream.idle_since);
        }
        let speed = if stream.is_missing { 0 } else { stream.turn.speed(now, stream.pos) };
        (is_reader, true, speed, self.yields_at(stream, length, Contender::Long))
    }

    /// Returns whether the last `len` bytes of a stream ended its time slice.
    pub(super) fn ends_turn(&self, stream: &PlannedStream, len: u64) -> bool {
        let bytes = stream.turn.bytes(stream.pos);
        let limit = self.tuning.turn_bytes;
        !stream.is_missing && bytes >= limit && bytes.saturating_sub(len) < limit
    }
}

/// Returns from when on a stream without a read is idle; `None` if a read waits for it. A window of
/// present data has some time for the next read of its reader.
fn idle_at(stream: &PlannedStream, length: &TurnLength) -> Option<Timestamp> {
    if !stream.reads.is_empty() {
        return None;
    }
    let is_window = matches!(stream.kind, StreamKind::Window { .. });
    if stream.is_missing || stream.phase != Phase::Open || !is_window {
        return Some(Timestamp::ZERO);
    }
    Some(stream.idle_since.saturating_add(length.pause_max))
}
