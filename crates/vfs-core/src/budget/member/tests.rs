//! Tables of slots that members take and return.

use super::*;

/// Slots identified only by their numbers.
#[derive(Debug)]
struct Table {
    owners: Vec<Option<u64>>,
}

struct Own<'a>(&'a mut Table, u64);

impl StreamSlots for Own<'_> {
    fn try_take(&mut self, slot: usize) -> bool {
        let owner = &mut self.0.owners[slot];
        let is_free = owner.is_none();
        *owner = owner.or(Some(self.1));
        is_free
    }

    fn give_back(&mut self, slot: usize) {
        assert_eq!(self.0.owners[slot].take(), Some(self.1));
    }
}

struct Fixture {
    table: Table,
    members: Vec<BudgetMember>,
    now: Timestamp,
}

/// Returns the demand of `used` streams, of which `used_missing` wait for missing pieces, with
/// these waits.
fn needs(used: usize, used_missing: usize, waits: &str) -> StreamDemand {
    StreamDemand {
        used,
        used_missing,
        waits_here: waits.contains('h'),
        waits_missing: waits.contains('m'),
        waits_preload: waits.contains('p'),
    }
}

impl Fixture {
    fn new(streams_max: &[usize]) -> Self {
        let members = (0..).zip(streams_max).map(|(id, max)| BudgetMember::new(id, *max));
        Self {
            table: Table { owners: vec![None; 8] },
            members: members.collect(),
            now: Timestamp::ZERO,
        }
    }

    fn update(&mut self, idx: usize, demand: StreamDemand) -> StreamPermits {
        self.now += TAKEN_TIME_MIN;
        let others = self.members.iter().enumerate().filter(|(other, _)| *other != idx);
        let peers: Vec<_> = others.map(|(_, member)| member.as_peer()).collect();
        let id = idx as u64;
        self.members[idx].update(self.now, demand, &peers, &mut Own(&mut self.table, id))
    }

    /// Lets a member take all slots that it can get for readers of missing data.
    fn fill(&mut self, idx: usize) -> usize {
        let mut used = 0;
        loop {
            let held = self.update(idx, needs(used, used, "m")).held;
            if held == used {
                return used;
            }
            used = held;
        }
    }
}

#[test]
fn of_all_members_one_stream_stays_for_what_is_there() {
    let mut fixture = Fixture::new(&[4, 4]);
    assert_eq!(fixture.fill(0), 3);
    assert_eq!(fixture.update(1, needs(0, 0, "m")).held, 0);
    let permits = fixture.update(1, needs(0, 0, "mh"));
    assert_eq!((permits.held, permits.missing), (1, 0));
}

#[test]
fn who_has_fewer_gets_one_at_the_end_of_a_turn() {
    let mut fixture = Fixture::new(&[4, 4]);
    assert_eq!(fixture.fill(0), 3);
    fixture.update(1, needs(0, 0, "m"));
    let permits = fixture.update(0, needs(3, 3, "m"));
    assert_eq!((permits.held, permits.usable()), (3, 2));
    // A time slice is over. The member that returned the slot does not take it again.
    assert_eq!(fixture.update(0, needs(2, 2, "m")).held, 2);
    assert_eq!(fixture.update(0, needs(2, 2, "m")).held, 2);
    assert_eq!(fixture.update(1, needs(0, 0, "m")).held, 1);
    // Two of three slots against one is fair, but the slots still rotate.
    let permits = fixture.update(0, needs(2, 2, "m"));
    fixture.update(1, needs(1, 1, "m"));
    assert_eq!((permits.held, permits.usable()), (2, 1));
    assert_eq!(fixture.update(0, needs(1, 1, "m")).held, 1);
    assert_eq!(fixture.update(1, needs(1, 1, "m")).held, 2);
}

#[test]
fn what_is_not_used_goes_at_once() {
    let mut fixture = Fixture::new(&[2, 2]);
    assert_eq!(fixture.fill(0), 1);
    fixture.update(1, needs(0, 0, "m"));
    assert_eq!(fixture.update(0, needs(0, 0, "")).held, 0);
    assert_eq!(fixture.update(1, needs(0, 0, "m")).held, 1);
    // Also after a while without demand from others.
    fixture.update(0, needs(0, 0, ""));
    assert_eq!(fixture.update(1, needs(0, 0, "")).held, 1);
    fixture.now += UNUSED_TIME_MAX;
    assert_eq!(fixture.update(1, needs(0, 0, "")).held, 0);
}

#[test]
fn a_preload_takes_only_what_no_reader_waits_for() {
    let mut fixture = Fixture::new(&[3, 3, 3]);
    assert_eq!(fixture.fill(0), 2);
    fixture.update(1, needs(0, 0, "m"));
    assert_eq!(fixture.update(0, needs(1, 1, "m")).held, 1);
    assert_eq!(fixture.update(2, needs(0, 0, "p")).held, 0);
    assert_eq!(fixture.update(1, needs(0, 0, "m")).held, 1);
}

#[test]
fn the_smallest_wish_counts_for_all() {
    let mut fixture = Fixture::new(&[4, 4]);
    assert_eq!(fixture.fill(0), 3);
    fixture.members[1] = BudgetMember::new(1, 2);
    fixture.update(1, needs(0, 0, ""));
    let permits = fixture.update(0, needs(3, 3, "m"));
    assert_eq!((permits.held, permits.usable()), (3, 1));
    let permits = fixture.update(0, needs(1, 1, "m"));
    assert_eq!((permits.held, fixture.members[0].held()), (1, &[1][..]));
}

#[test]
fn one_permit_goes_round() {
    let mut fixture = Fixture::new(&[1, 1, 1]);
    assert_eq!(fixture.fill(0), 1);
    fixture.update(1, needs(0, 0, "m"));
    fixture.update(2, needs(0, 0, "h"));
    let mut order = Vec::new();
    for _ in 0..9 {
        let holder = usize::try_from(fixture.table.owners[0].unwrap()).unwrap();
        order.push(holder);
        let waits = if holder == 2 { "h" } else { "m" };
        assert_eq!(fixture.update(holder, needs(1, usize::from(holder < 2), waits)).usable(), 0);
        assert_eq!(fixture.update(holder, needs(0, 0, waits)).held, 0);
        for other in 0..3 {
            fixture.update(other, needs(0, 0, if other == 2 { "h" } else { "m" }));
        }
    }
    for member in 0..3 {
        assert_eq!(order.iter().filter(|it| **it == member).count(), 3, "{order:?}");
    }
}

#[test]
fn a_member_that_was_stopped_keeps_its_slots_and_holds_up_nobody() {
    let mut fixture = Fixture::new(&[4, 4, 4]);
    assert_eq!(fixture.fill(0), 3);
    fixture.update(1, needs(0, 0, "m"));
    let mut stopped = fixture.members[1].as_peer();
    stopped.is_fresh = false;
    let peers = [stopped];
    let permits = fixture.members[0].update(
        fixture.now,
        needs(3, 3, "m"),
        &peers,
        &mut Own(&mut fixture.table, 0),
    );
    assert_eq!(permits.usable(), 3);
    assert!(!permits.is_wanted_missing);
}
