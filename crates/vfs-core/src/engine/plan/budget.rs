//! The plan's permits where other filesystems share the server: what it asks of the budget, and
//! which streams it ends for others.
#![warn(clippy::arithmetic_side_effects)]

use std::time::Duration;

use super::read_index::Queue;
use super::{Phase, Plan, PlannedStream, StreamId};
use crate::engine::Timestamp;
use crate::{StreamDemand, StreamPermits};

/// How long the plan does not ask again after the budget had no permit: a pool takes one by itself
/// for who waits, so that this only bounds the cost of asking.
const ASK_INTERVAL: Duration = Duration::from_millis(50);

/// One value for each queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct ByQueue<T> {
    here: T,
    missing: T,
    preload: T,
}

impl<T> ByQueue<T> {
    fn of(&mut self, queue: Queue) -> &mut T {
        match queue {
            Queue::Here => &mut self.here,
            Queue::Missing => &mut self.missing,
            Queue::Preload => &mut self.preload,
        }
    }
}

/// The permits that a plan has, and what it wants beside them.
#[derive(Debug)]
pub(super) struct Permits {
    current: StreamPermits,
    /// Which queues are to get one more permit, if the budget has one. The answer is
    /// [`Plan::on_permits`], before the next event.
    asks: ByQueue<bool>,
    /// Which queues wait for a permit that none of the plan's own streams will free.
    waits: ByQueue<bool>,
    refused_until: ByQueue<Timestamp>,
    /// Since when permits are recalled.
    recalled_at: Option<Timestamp>,
}

impl Permits {
    /// Returns permits that never change.
    pub(super) fn unshared(streams_max: usize) -> Self {
        let never = Timestamp::MAX;
        Self {
            current: StreamPermits::unshared(streams_max),
            asks: ByQueue::default(),
            waits: ByQueue::default(),
            refused_until: ByQueue { here: never, missing: never, preload: never },
            recalled_at: None,
        }
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.current.held
    }

    pub(super) fn usable(&self) -> usize {
        self.current.usable()
    }

    pub(super) fn usable_missing(&self) -> usize {
        self.current.usable_missing()
    }

    /// Returns how many streams may wait for missing pieces until those are over that are recalled.
    pub(super) fn missing(&self) -> usize {
        self.current.missing
    }

    /// Forgets what was wanted: it is found anew.
    pub(super) fn begin(&mut self) {
        (self.asks, self.waits) = (ByQueue::default(), ByQueue::default());
    }

    /// Asks the budget for a permit for the first of a queue, if it has not just refused one.
    pub(super) fn ask(&mut self, queue: Queue, now: Timestamp) -> bool {
        let asks = now >= *self.refused_until.of(queue);
        *self.asks.of(queue) |= asks;
        asks
    }

    /// Takes note that the first of a queue waits for a permit.
    pub(super) fn wait(&mut self, queue: Queue) {
        *self.waits.of(queue) = true;
    }
}

impl Plan {
    /// Has the plan take its permits from a budget from now on: it has none until
    /// [`on_permits`](Self::on_permits).
    pub(in crate::engine) fn share_permits(&mut self) {
        self.permits = Permits {
            current: StreamPermits::default(),
            refused_until: ByQueue::default(),
            ..Permits::unshared(0)
        };
    }

    /// Takes the permits that the budget gives now. They are never fewer than what is used.
    pub(in crate::engine) fn on_permits(&mut self, now: Timestamp, permits: StreamPermits) {
        debug_assert!(self.permits_taken() <= permits.held, "{permits:?}");
        let before = std::mem::replace(&mut self.permits.current, permits);
        let asked = std::mem::take(&mut self.permits.asks);
        let has_more = permits.held > before.held;
        let has_more_missing = permits.missing > before.missing;
        for (is_asked, has_got, queue) in [
            (asked.here, has_more, Queue::Here),
            (asked.missing, has_more_missing, Queue::Missing),
            (asked.preload, has_more_missing, Queue::Preload),
        ] {
            if is_asked && !has_got {
                *self.permits.refused_until.of(queue) = now.saturating_add(ASK_INTERVAL);
            }
            self.is_dirty |= is_asked;
        }
        let is_recalled = permits.usable() < permits.held;
        self.permits.recalled_at = is_recalled.then(|| self.permits.recalled_at.unwrap_or(now));
        self.is_dirty |= permits != before;
    }

    /// Returns whether the budget is to be asked for more before the next event.
    pub(in crate::engine) fn has_asked(&self) -> bool {
        self.permits.asks != ByQueue::default()
    }

    /// Returns what the plan needs of the budget.
    pub(in crate::engine) fn stream_demand(&self) -> StreamDemand {
        let Permits { asks, waits, .. } = &self.permits;
        StreamDemand {
            used: self.permits_taken(),
            used_missing: self.streams.values().filter(|stream| stream.is_missing).count(),
            waits_here: asks.here || waits.here,
            waits_missing: asks.missing || waits.missing,
            waits_preload: asks.preload || waits.preload,
        }
    }

    /// Ends streams whose permits others are to have: what nobody waits for, and of what is
    /// recalled, also turns that are over.
    pub(super) fn give_way(&mut self, now: Timestamp) {
        while let Some(id) = self.find_recalled(now) {
            let stream = self.streams.get(&id).filter(|stream| !stream.reads.is_empty());
            if let Some(file) = stream.map(|stream| stream.file) {
                self.tally.count(file, |count| count.turns = count.turns.saturating_add(1));
            }
            self.close(id, now);
        }
    }

    fn find_recalled(&self, now: Timestamp) -> Option<StreamId> {
        let StreamPermits { missing, is_wanted_here, is_wanted_missing, .. } = self.permits.current;
        if !is_wanted_here && !is_wanted_missing && self.permits.recalled_at.is_none() {
            return None;
        }
        let live = self.streams.values().filter(|stream| stream.is_live()).count();
        let missing_count = self.missing_count();
        let is_over = live.saturating_add(self.direct.count) > self.permits.usable();
        let is_missing_over = missing_count > self.permits.usable_missing();
        // The stream of the budget that is for what is there is used for what is not.
        let is_in_the_way = is_wanted_here && missing_count > missing;
        // That of others is not helped by a permit which may not wait for missing pieces.
        let helps =
            |stream: &PlannedStream| is_wanted_here || stream.is_missing || missing_count < missing;
        let is_recalled = self.permits.recalled_at.is_some();
        let can_go = |stream: &PlannedStream| {
            stream.is_live()
                && ((is_in_the_way && stream.is_missing)
                    || (helps(stream) && self.gives_way_at(stream) <= now)
                    || (is_recalled
                        && (is_over || is_missing_over)
                        && (stream.is_missing || !is_missing_over)
                        && self.recalled_turn_end(stream) <= now))
        };
        let victims = self.streams.iter().filter(|(_, stream)| can_go(stream));
        let victim = victims.min_by_key(|(_, stream)| {
            let is_used = !stream.reads.is_empty();
            (!stream.is_preload(), is_used, self.recalled_turn_end(stream))
        });
        victim.map(|(id, _)| *id)
    }

    /// Returns from when on a stream for which nobody waits goes for any reader of another
    /// filesystem: a preload at once, others when their readers have had the time to come back.
    fn gives_way_at(&self, stream: &PlannedStream) -> Timestamp {
        if stream.is_preload() {
            return Timestamp::ZERO;
        }
        if !stream.reads.is_empty() {
            return Timestamp::MAX;
        }
        stream.idle_since.saturating_add(self.tuning.turn_time_here)
    }

    /// Returns from when on a stream goes for another filesystem that has fewer permits.
    fn recalled_turn_end(&self, stream: &PlannedStream) -> Timestamp {
        if stream.reads.is_empty() || stream.is_preload() {
            return Timestamp::ZERO;
        }
        let turn_end = stream.turn_end(self.tuning.turn_time_missing);
        let Some(recalled_at) = self.permits.recalled_at.filter(|_| stream.is_missing) else {
            return turn_end;
        };
        if stream.phase != Phase::Open {
            return turn_end;
        }
        // Its turn began when it was confirmed.
        let began_at = stream.timeslice_until.saturating_sub(self.tuning.turn_time_missing);
        turn_end.min(began_at.max(recalled_at).saturating_add(self.tuning.turn_time_recalled))
    }

    /// Returns when a stream may have to give way by time alone.
    pub(super) fn next_give_way(
        &self,
        stream: &PlannedStream,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let StreamPermits { is_wanted_here, is_wanted_missing, .. } = self.permits.current;
        let is_wanted = is_wanted_here || is_wanted_missing;
        let is_recalled = self.permits.recalled_at.is_some();
        let idle_end = Some(self.gives_way_at(stream)).filter(|_| is_wanted);
        let turn_end = Some(self.recalled_turn_end(stream)).filter(|_| is_recalled);
        let times = idle_end.into_iter().chain(turn_end);
        times.filter(|time| *time > now && *time < Timestamp::MAX).min()
    }
}
