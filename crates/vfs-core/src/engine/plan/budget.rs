//! Stream permits shared with other filesystems: requests to the budget, and preemption of streams
//! for other filesystems.
#![warn(clippy::arithmetic_side_effects)]

use std::time::Duration;

use super::read_index::Queue;
use super::{Contender, Phase, Plan, PlannedStream, StreamId};
use crate::{StreamDemand, StreamPermits, Timestamp};

/// How long the plan does not repeat a refused request. The pool assigns a freed permit to a
/// waiting plan by itself, so this only bounds the cost of requests.
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
            Queue::Brief | Queue::Here => &mut self.here,
            Queue::Missing => &mut self.missing,
            Queue::Preload => &mut self.preload,
        }
    }
}

/// The permits that a plan holds, and those that it requests.
#[derive(Debug)]
pub(super) struct Permits {
    current: StreamPermits,
    /// The queues that request one more permit from the budget. The answer is [`Plan::on_permits`],
    /// before the next event.
    asks: ByQueue<bool>,
    /// The queues that wait for a permit and cannot get it from the plan's own streams.
    waits: ByQueue<bool>,
    refused_until: ByQueue<Timestamp>,
    /// Since when the budget recalls permits.
    recalled_at: Option<Timestamp>,
}

impl Permits {
    /// Returns a fixed number of permits, without a budget.
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

    /// Returns the limit of streams at missing pieces, including permits that are being recalled.
    pub(super) fn missing(&self) -> usize {
        self.current.missing
    }

    /// Clears the requests; each pass computes them again.
    pub(super) fn begin(&mut self) {
        (self.asks, self.waits) = (ByQueue::default(), ByQueue::default());
    }

    /// Requests a permit for the first read of a queue, unless the budget refused one recently.
    pub(super) fn ask(&mut self, queue: Queue, now: Timestamp) -> bool {
        let asks = now >= *self.refused_until.of(queue);
        *self.asks.of(queue) |= asks;
        asks
    }

    /// Records that the first read of a queue waits for a permit.
    pub(super) fn wait(&mut self, queue: Queue) {
        *self.waits.of(queue) = true;
    }
}

impl Plan {
    /// Makes the plan take its permits from a budget. It has none until
    /// [`on_permits`](Self::on_permits).
    pub(in crate::engine) fn share_permits(&mut self) {
        self.permits = Permits {
            current: StreamPermits::default(),
            refused_until: ByQueue::default(),
            ..Permits::unshared(0)
        };
    }

    /// Handles the permits that the budget assigns. They are never fewer than those in use.
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

    /// Returns whether the budget must be asked for more before the next event.
    pub(in crate::engine) fn has_asked(&self) -> bool {
        self.permits.asks != ByQueue::default()
    }

    /// Returns the plan's demand on the budget.
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

    /// Closes streams whose permits other filesystems need: idle streams, and of recalled permits
    /// also streams whose time slice is over.
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
        // The budget's permit reserved for present data is used for missing data.
        let is_in_the_way = is_wanted_here && missing_count > missing;
        // A permit that may not be used for missing pieces is of no help to the other filesystem.
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

    /// Returns when an idle stream yields to any reader of another filesystem: a preload at once,
    /// others after their readers had time to return.
    fn gives_way_at(&self, stream: &PlannedStream) -> Timestamp {
        if stream.is_preload() {
            return Timestamp::ZERO;
        }
        if !stream.reads.is_empty() {
            return Timestamp::MAX;
        }
        stream.idle_since.saturating_add(self.tuning.turn_time_here)
    }

    /// Returns when a stream yields to another filesystem that has fewer permits.
    fn recalled_turn_end(&self, stream: &PlannedStream) -> Timestamp {
        if stream.is_preload() {
            return Timestamp::ZERO;
        }
        let turn_end = self.yields_at(stream, &self.turn_length(), Contender::Long);
        let Some(recalled_at) = self.permits.recalled_at.filter(|_| stream.is_missing) else {
            return turn_end;
        };
        if stream.phase != Phase::Open {
            return turn_end;
        }
        let began_at = stream.turn.began_at.max(recalled_at);
        turn_end.min(began_at.saturating_add(self.tuning.turn_time_recalled))
    }

    /// Returns when a stream may next have to yield without an event.
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
