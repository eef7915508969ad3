//! One member of a stream budget: takes and returns slots.

use std::time::Duration;

use super::{BudgetPeer, BudgetView, StreamDemand, StreamPermits, StreamSlots};
use crate::Timestamp;

/// How long a member keeps unused slots that no other member wants. A program that reads
/// occasionally finds a permit at once; an idle mount holds none.
const UNUSED_TIME_MAX: Duration = Duration::from_secs(5);

/// Minimum time before a slot that was just taken is recalled: its stream gets a time slice.
const TAKEN_TIME_MIN: Duration = Duration::from_millis(100);

/// One member of a budget. Pure: peers and time are arguments, and slots are taken through a trait.
#[derive(Debug)]
pub struct BudgetMember {
    id: u64,
    streams_max: usize,
    /// In ascending order.
    held: Vec<usize>,
    demand: StreamDemand,
    /// When its readers began to wait, or last got or returned a slot.
    waits_here: Option<Timestamp>,
    waits_missing: Option<Timestamp>,
    /// When its slots were last needed.
    used_at: Timestamp,
    /// When it last took a slot.
    taken_at: Option<Timestamp>,
    /// The smallest `streams_max` of all members.
    budget: usize,
}

/// Number of slots to return to others.
#[derive(Debug, Clone, Copy, Default)]
struct Recall {
    here: usize,
    missing: usize,
}

impl BudgetMember {
    /// Returns a member without slots. `streams_max` (at least 1) is the maximum number of streams
    /// of all members together that it wants open on the server.
    #[must_use]
    pub fn new(id: u64, streams_max: usize) -> Self {
        let streams_max = streams_max.max(1);
        Self {
            id,
            streams_max,
            held: Vec::new(),
            demand: StreamDemand::default(),
            waits_here: None,
            waits_missing: None,
            used_at: Timestamp::ZERO,
            taken_at: None,
            budget: streams_max,
        }
    }

    /// Updates the demand of the member at `now` and its view of the peers. Takes at most one slot
    /// for each kind of wait, returns slots that others want, and returns the resulting permits.
    pub fn update(
        &mut self,
        now: Timestamp,
        demand: StreamDemand,
        peers: &[BudgetPeer],
        slots: &mut impl StreamSlots,
    ) -> StreamPermits {
        let view = BudgetView { own_id: self.id, peers };
        self.demand = demand;
        self.budget = view.budget(self.streams_max);
        if demand.used > 0 || demand.is_waiting() {
            self.used_at = now;
        }
        self.waits_here = demand.waits_here.then(|| self.waits_here.unwrap_or(now));
        self.waits_missing = demand.waits_missing.then(|| self.waits_missing.unwrap_or(now));
        while let Some(slot) = self.find_unused(now, view) {
            self.held.retain(|held| *held != slot);
            slots.give_back(slot);
            // Other members have priority now.
            self.waits_here = self.waits_here.map(|_| now);
            self.waits_missing = self.waits_missing.map(|_| now);
        }
        let count = self.held.len();
        self.take(now, view, slots);
        if self.held.len() > count {
            self.taken_at = Some(now);
        }
        let recall = self.recall(now, view);
        StreamPermits {
            held: self.held.len(),
            missing: self.missing_count(),
            recalled_here: recall.here,
            recalled_missing: recall.missing,
            is_wanted_here: view.fresh().any(|peer| peer.waits_here.is_some()),
            is_wanted_missing: view.fresh().any(|peer| peer.waits_missing.is_some()),
        }
    }

    /// Returns all slots at once, for a member whose streams have ended.
    pub fn leave(&mut self, slots: &mut impl StreamSlots) {
        self.held.drain(..).for_each(|slot| slots.give_back(slot));
    }

    /// Replaces a slot whose lock was lost by `stand_in`, a number beyond every budget. It is
    /// returned at the end of a time slice.
    pub fn replace(&mut self, slot: usize, stand_in: usize) {
        for held in self.held.iter_mut().filter(|held| **held == slot) {
            *held = stand_in;
        }
        self.held.sort_unstable();
    }

    /// Returns the state of the member for its peers.
    #[must_use]
    pub fn as_peer(&self) -> BudgetPeer {
        BudgetPeer {
            id: self.id,
            streams_max: self.streams_max,
            held: self.held.len(),
            held_missing: self.missing_count(),
            waits_here: self.waits_here,
            waits_missing: self.waits_missing,
            is_fresh: true,
        }
    }

    /// Returns the slots that it holds.
    #[must_use]
    pub fn held(&self) -> &[usize] {
        &self.held
    }

    /// Returns its last demand.
    #[must_use]
    pub fn demand(&self) -> StreamDemand {
        self.demand
    }

    /// Returns the smallest `streams_max` of all members, as of the last update.
    #[must_use]
    pub fn budget(&self) -> usize {
        self.budget
    }

    fn allows_missing(&self, slot: usize) -> bool {
        slot > 0 || self.budget == 1
    }

    fn missing_count(&self) -> usize {
        self.held.iter().filter(|slot| self.allows_missing(**slot)).count()
    }

    /// Returns the number of slots of the budget that may wait for missing pieces.
    fn missing_max(&self) -> usize {
        self.budget.saturating_sub(1).max(1)
    }

    /// Returns whether the streams of the member do not need a slot.
    fn is_unused(&self, slot: usize) -> bool {
        let StreamDemand { used, used_missing, .. } = self.demand;
        self.held.len() > used
            && (!self.allows_missing(slot) || self.missing_count() > used_missing)
    }

    /// Returns an unused slot that is to be returned.
    fn find_unused(&self, now: Timestamp, view: BudgetView<'_>) -> Option<usize> {
        let unused = || self.held.iter().copied().filter(|slot| self.is_unused(*slot));
        let is_idle = now.duration_since(self.used_at) >= UNUSED_TIME_MAX;
        if let Some(slot) = unused().next_back().filter(|slot| is_idle || *slot >= self.budget) {
            return Some(slot);
        }
        let recall = self.recall(now, view);
        let is_wanted = |is_wanted: &dyn Fn(&BudgetPeer) -> bool, recalled, waits: bool| {
            view.fresh().any(is_wanted) && (recalled > 0 || !waits)
        };
        let waits = self.demand.waits_missing;
        if is_wanted(&|peer| peer.waits_missing.is_some(), recall.missing, waits)
            && let Some(slot) = unused().rfind(|slot| self.allows_missing(*slot))
        {
            return Some(slot);
        }
        let waits = self.demand.waits_here || self.demand.waits_missing;
        if is_wanted(&|peer| peer.waits_here.is_some(), recall.here, waits) {
            return unused().next();
        }
        None
    }

    /// Takes a free slot for each kind of wait, unless another member has priority.
    ///
    /// There are two queues, each with an order that all members compute alike: for slot 0, and for
    /// all others. A budget of one has only the second.
    fn take(&mut self, now: Timestamp, view: BudgetView<'_>, slots: &mut impl StreamSlots) {
        if self.waits_here.is_some() && self.take_for_here(view, slots) {
            self.waits_here = Some(now);
        }
        // If the budget grows from one, a slot that could wait for missing pieces no longer may.
        let is_over = self.demand.used_missing > self.missing_count();
        if (self.waits_missing.is_some() || is_over) && self.take_common(now, view, slots) {
            self.waits_missing = self.waits_missing.map(|_| now);
        }
        let is_wanted =
            |peer: &BudgetPeer| peer.waits_here.is_some() || peer.waits_missing.is_some();
        if self.demand.waits_preload && !view.fresh().any(is_wanted) {
            self.take_first(slots);
        }
    }

    fn take_for_here(&mut self, view: BudgetView<'_>, slots: &mut impl StreamSlots) -> bool {
        let Some(since) = self.waits_here else { return false };
        let here = |peer: &BudgetPeer| Some((peer.held, peer.waits_here?));
        let is_first = self.budget > 1 && view.count_before(self.held.len(), since, here) == 0;
        if is_first && !self.held.contains(&0) && slots.try_take(0) {
            self.hold(0);
            return true;
        }
        self.take_common(since, view, slots)
    }

    /// Takes one of the slots that may wait for missing pieces, for either kind of wait: a wait for
    /// present bytes uses such a slot too, if there is no other.
    fn take_common(
        &mut self,
        now: Timestamp,
        view: BudgetView<'_>,
        slots: &mut impl StreamSlots,
    ) -> bool {
        let held = self.missing_count();
        let since = self.waits_here.into_iter().chain(self.waits_missing).min().unwrap_or(now);
        let any = |peer: &BudgetPeer| {
            let since = peer.waits_here.into_iter().chain(peer.waits_missing).min()?;
            Some((peer.held_missing, since))
        };
        let before = view.count_before(held, since, any);
        let free = view.free_count(self.missing_max(), held, |peer| peer.held_missing);
        (before == 0 || free > before) && self.take_first(slots)
    }

    /// Takes the first free slot that may wait for missing pieces.
    fn take_first(&mut self, slots: &mut impl StreamSlots) -> bool {
        let first = usize::from(self.budget > 1);
        let slot = (first..self.budget).find(|slot| {
            // A lock that this member holds is not taken twice.
            !self.held.contains(slot) && slots.try_take(*slot)
        });
        if let Some(slot) = slot {
            self.hold(slot);
        }
        slot.is_some()
    }

    fn hold(&mut self, slot: usize) {
        self.held.push(slot);
        self.held.sort_unstable();
    }

    /// Returns the number of slots to return: slots for peers that hold fewer, if no peer holds
    /// more than this member, and slots beyond the budget.
    fn recall(&self, now: Timestamp, view: BudgetView<'_>) -> Recall {
        let beyond = self.held.iter().filter(|slot| **slot >= self.budget).count();
        let own = self.missing_count();
        let mut recall = Recall { here: 0, missing: beyond };
        if self.taken_at.is_some_and(|at| now.duration_since(at) < TAKEN_TIME_MIN) {
            return recall;
        }
        if view.fresh().all(|peer| peer.held_missing <= own) {
            let waits = view.fresh().filter(|peer| peer.waits_missing.is_some());
            let wanted = count_below(own, waits.map(|peer| peer.held_missing));
            let free = view.free_count(self.missing_max(), own, |peer| peer.held_missing);
            recall.missing = wanted.saturating_sub(free).max(beyond);
        }
        let own = self.held.len();
        if view.fresh().all(|peer| peer.held <= own) {
            let waits = view.fresh().filter(|peer| peer.waits_here.is_some());
            let own_then = own.saturating_sub(recall.missing);
            let wanted = count_below(own_then, waits.map(|peer| peer.held));
            recall.here =
                wanted.saturating_sub(view.free_count(self.budget, own, |peer| peer.held));
        }
        recall
    }
}

/// Returns how many of `others` can get one slot from `own` so that `own` keeps at least as many as
/// each of them.
fn count_below(own: usize, others: impl Iterator<Item = usize>) -> usize {
    let mut others: Vec<_> = others.collect();
    others.sort_unstable();
    let mut count = 0_usize;
    for held in others {
        if held < own.saturating_sub(count) {
            count = count.saturating_add(1);
        }
    }
    count
}

#[cfg(test)]
mod tests;
