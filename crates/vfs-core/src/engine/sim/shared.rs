//! Several plans that share one budget: mounts of one server, in one or several processes.
//!
//! Each run has its own server; they share only the slots. Members of one process see each other at
//! once, and members of other processes as of the last scan.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::random::SimRandom;
use super::run::{Event, Run};
use super::summary::Summary;
use crate::{BudgetMember, BudgetPeer, StreamDemand, StreamPermits, StreamSlots, Timestamp};

/// The maximum number of slots of a budget here.
const SLOTS: usize = 6;

/// How long after a reduction the budget may be exceeded: one time slice, plus the time to open and
/// to close a stream.
const LOWERED_TIME_MAX: Duration = Duration::from_secs(5);

/// How long a plan with waiting readers may have no slot, for each time slice of other plans before
/// it.
const STARVED_TIME_MAX: Duration = Duration::from_secs(2);

/// The slots and the members of a budget.
#[derive(Debug)]
struct Pool {
    slots: Vec<Option<usize>>,
    members: Vec<Member>,
    budget: usize,
    /// When the budget last became smaller.
    lowered_at: Option<Timestamp>,
    lowered: u64,
    recalls: u64,
}

#[derive(Debug)]
struct Member {
    policy: BudgetMember,
    process: usize,
    is_there: bool,
    /// The members of other processes at its process's last scan.
    seen: Vec<(usize, BudgetPeer)>,
    starved_since: Option<Timestamp>,
    is_recalled: bool,
}

/// The membership of one run in a budget.
#[derive(Debug)]
pub(super) struct Share {
    pool: Rc<RefCell<Pool>>,
    member: usize,
    /// The demand last reported to the budget.
    pub(super) told: Option<StreamDemand>,
}

struct Slots<'a> {
    slots: &'a mut Vec<Option<usize>>,
    member: usize,
}

impl StreamSlots for Slots<'_> {
    fn try_take(&mut self, slot: usize) -> bool {
        let is_free = self.slots[slot].is_none();
        if is_free {
            self.slots[slot] = Some(self.member);
        }
        is_free
    }

    fn give_back(&mut self, slot: usize) {
        assert_eq!(self.slots[slot].take(), Some(self.member), "{slot} is not its own");
    }
}

impl Share {
    pub(super) fn update(&mut self, now: Timestamp, demand: StreamDemand) -> StreamPermits {
        let mut pool = self.pool.borrow_mut();
        let peers = pool.peers(self.member);
        let Pool { slots, members, recalls, .. } = &mut *pool;
        let member = &mut members[self.member];
        let slots = &mut Slots { slots, member: self.member };
        let permits = member.policy.update(now, demand, &peers, slots);
        assert!(permits.held >= demand.used, "{permits:?} for {demand:?}");
        let is_recalled = permits.usable() < permits.held;
        *recalls += u64::from(is_recalled && !member.is_recalled);
        member.is_recalled = is_recalled;
        let is_starved = (demand.waits_here || demand.waits_missing) && permits.held == 0;
        member.starved_since = member.starved_since.or(Some(now)).filter(|_| is_starved);
        permits
    }

    pub(super) fn scan(&mut self) {
        self.told = None;
        let mut pool = self.pool.borrow_mut();
        let process = pool.members[self.member].process;
        let others = pool.members.iter().enumerate();
        let others = others.filter(|(_, other)| other.is_there && other.process != process);
        let seen: Vec<_> = others.map(|(id, other)| (id, other.policy.as_peer())).collect();
        for member in pool.members.iter_mut().filter(|member| member.process == process) {
            member.seen.clone_from(&seen);
        }
    }
}

impl Pool {
    fn peers(&self, member: usize) -> Vec<BudgetPeer> {
        let own = &self.members[member];
        let near =
            self.members.iter().enumerate().filter(|(id, other)| {
                *id != member && other.is_there && other.process == own.process
            });
        let near = near.map(|(_, other)| other.policy.as_peer());
        // A member that has left has released its locks, but may still be seen for a while.
        near.chain(own.seen.iter().map(|(_, peer)| *peer)).collect()
    }

    fn update_budget(&mut self, now: Timestamp) {
        let there = self.members.iter().filter(|member| member.is_there);
        let wishes = there.map(|member| member.policy.as_peer().streams_max);
        let Some(budget) = wishes.min() else { return };
        if budget < self.budget {
            (self.lowered_at, self.lowered) = (Some(now), self.lowered + 1);
        }
        self.budget = budget;
    }

    fn check(&self, now: Timestamp, open: usize) {
        let held = self.slots.iter().flatten().count();
        assert!(open <= held, "{open} streams on {held} slots");
        let is_settled = self.lowered_at.is_none_or(|at| now - at > LOWERED_TIME_MAX);
        assert!(!is_settled || held <= self.budget, "{held} slots of {}: {self:#?}", self.budget);
        let count = self.members.iter().filter(|member| member.is_there).count();
        let missing_max = self.budget.saturating_sub(1).max(1);
        let turns = u32::try_from(count.saturating_sub(1).div_ceil(missing_max).max(1)).unwrap();
        for member in &self.members {
            let since = member.starved_since.unwrap_or(now);
            assert!(now - since <= STARVED_TIME_MAX * turns, "at {now:?} {member:#?} {self:#?}");
        }
    }
}

impl Run {
    /// Makes the run take its streams from a budget. Other members may have joined earlier.
    pub(super) fn join(&mut self, share: Share, now: Timestamp) {
        self.core.plan.share_permits();
        (self.share, self.now) = (Some(share), now);
        self.later(50, Event::Scan);
    }

    /// Scans the members of other processes.
    pub(super) fn scan(&mut self) {
        let Some(share) = &mut self.share else { return };
        share.scan();
        let is_waiting = self.core.stream_demand().0.is_waiting();
        self.later(if is_waiting { 50 } else { 250 }, Event::Scan);
    }

    /// Handles a change of the budget.
    pub(super) fn on_budget_changed(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        if let Some(share) = &mut self.share {
            share.told = None;
        }
        // Its own alarm may be due at the same time.
        self.core.plan.on_time(self.now);
        self.pump();
        self.check();
    }

    pub(super) fn negotiate(&mut self) {
        let mut rounds = 0;
        while let Some(share) = &mut self.share {
            let (demand, is_question) = self.core.stream_demand();
            if !is_question && share.told == Some(demand) {
                return;
            }
            share.told = Some(demand);
            rounds += 1;
            assert!(rounds < 100, "it goes in circles: {demand:?} {share:?}");
            let permits = share.update(self.now, demand);
            self.core.plan.on_permits(self.now, permits);
            self.carry_out();
        }
    }

    /// Returns the number of streams that are open, opening or closing on the server.
    pub(super) fn open_count(&self) -> usize {
        self.server.streams.len() + self.directs.iter().flatten().count()
    }
}

/// Runs one seed.
pub(super) fn run(seed: u64) -> Summary {
    let mut random = SimRandom::new(seed);
    let count = random.range(2, 4);
    let wish = random.range(1, 5);
    // In half of the runs all members have the same limit, so that the budget never changes.
    let is_even = random.chance(50);
    let process_count = random.range(1, count);
    let pool = Rc::new(RefCell::new(Pool {
        slots: vec![None; SLOTS],
        members: Vec::new(),
        budget: usize::MAX,
        lowered_at: None,
        lowered: 0,
        recalls: 0,
    }));
    let mut starts: Vec<_> = (0..count)
        .map(|_| Timestamp::from_start(Duration::from_millis(random.range(0, 4000))))
        .collect();
    starts.sort();
    let mut starts = starts.into_iter().peekable();
    let mut runs: Vec<Option<Run>> = Vec::new();
    let mut summary = Summary::default();
    let mut now = Timestamp::ZERO;
    loop {
        let next = runs.iter().enumerate();
        let next = next.filter_map(|(idx, run)| Some((run.as_ref()?.next_at()?, idx))).min();
        if let Some(start) = starts.next_if(|start| next.is_none_or(|(at, _)| *start <= at)) {
            now = start.max(now);
            let streams_max = if is_even { wish } else { random.range(1, 5) };
            let process = usize::try_from(random.range(0, process_count - 1)).unwrap();
            runs.push(Some(join(&mut random, &pool, (streams_max, process), now)));
            pool.borrow_mut().update_budget(now);
            continue;
        }
        let Some((at, idx)) = next else { break };
        now = at;
        let run = runs[idx].as_mut().unwrap();
        let before = pool.borrow().members[idx].policy.as_peer();
        if !run.step() {
            run.check_end();
            summary.add(&run.summary);
            runs[idx] = None;
            leave(&mut pool.borrow_mut(), idx, now);
        }
        let (process, is_changed) = {
            let member = &pool.borrow().members[idx];
            (member.process, !member.is_there || member.policy.as_peer() != before)
        };
        // Members of its own process see the change at once.
        if is_changed {
            for (other, run) in runs.iter_mut().enumerate() {
                let is_near = pool.borrow().members[other].process == process;
                if let Some(run) = run.as_mut().filter(|_| is_near && other != idx) {
                    run.on_budget_changed(now);
                }
            }
        }
        let open = runs.iter().flatten().map(Run::open_count).sum();
        pool.borrow().check(now, open);
    }
    let pool = pool.borrow();
    assert!(pool.slots.iter().all(Option::is_none), "{pool:#?}");
    (summary.recalls, summary.lowered) = (pool.recalls, pool.lowered);
    summary
}

fn join(
    random: &mut SimRandom,
    pool: &Rc<RefCell<Pool>>,
    (streams_max, process): (u64, usize),
    now: Timestamp,
) -> Run {
    let member = pool.borrow().members.len();
    let streams_max = usize::try_from(streams_max).unwrap();
    let readers = random.range(1, 12);
    let mut run = Run::new(SimRandom::new(random.next()), streams_max, readers);
    pool.borrow_mut().members.push(Member {
        policy: BudgetMember::new(member as u64, streams_max),
        process,
        is_there: true,
        seen: Vec::new(),
        starved_since: None,
        is_recalled: false,
    });
    run.join(Share { pool: Rc::clone(pool), member, told: None }, now);
    run.begin();
    run
}

fn leave(pool: &mut Pool, idx: usize, now: Timestamp) {
    let Pool { slots, members, .. } = pool;
    members[idx].policy.leave(&mut Slots { slots, member: idx });
    members[idx].is_there = false;
    members[idx].starved_since = None;
    pool.update_budget(now);
}
