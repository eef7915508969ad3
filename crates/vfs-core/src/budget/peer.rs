//! State of the other members of a budget.

use crate::Timestamp;

/// One member of a budget, as it last reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetPeer {
    /// Unique among the members of the budget.
    pub id: u64,
    /// Maximum number of streams of all members together that it wants open on the server.
    pub streams_max: usize,
    /// Number of slots that it holds.
    pub held: usize,
    /// Number of them that may wait for missing pieces.
    pub held_missing: usize,
    /// When its readers began to wait for a slot for present bytes, or last got one.
    pub waits_here: Option<Timestamp>,
    /// The same for missing bytes.
    pub waits_missing: Option<Timestamp>,
    /// Whether the report is recent. A stopped process holds its slots, but takes none.
    pub is_fresh: bool,
}

/// All other members of a budget, from the view of one member.
#[derive(Debug, Clone, Copy)]
pub(super) struct BudgetView<'a> {
    /// The id of that member.
    pub(super) own_id: u64,
    /// All others.
    pub(super) peers: &'a [BudgetPeer],
}

impl BudgetView<'_> {
    /// Returns the budget: the smallest `streams_max` of all members, at least 1.
    pub(super) fn budget(&self, streams_max: usize) -> usize {
        let wishes = self.peers.iter().map(|peer| peer.streams_max);
        wishes.chain([streams_max]).min().unwrap_or(streams_max).max(1)
    }

    pub(super) fn fresh(&self) -> impl Iterator<Item = &BudgetPeer> {
        self.peers.iter().filter(|peer| peer.is_fresh)
    }

    /// Returns how many peers have priority over a member that holds `held` slots and has waited
    /// since `since`: fewer slots first, then the longer wait.
    pub(super) fn count_before(
        &self,
        held: usize,
        since: Timestamp,
        key: impl Fn(&BudgetPeer) -> Option<(usize, Timestamp)>,
    ) -> usize {
        let own = (held, since, self.own_id);
        let keys = self.fresh().filter_map(|peer| Some((key(peer)?, peer.id)));
        keys.filter(|((held, since), id)| (*held, *since, *id) < own).count()
    }

    /// Returns how many of `count` slots may be free; this member holds `own` of them.
    pub(super) fn free_count(
        &self,
        count: usize,
        own: usize,
        held: impl Fn(&BudgetPeer) -> usize,
    ) -> usize {
        let theirs = self.peers.iter().map(held).fold(0, usize::saturating_add);
        count.saturating_sub(own).saturating_sub(theirs)
    }
}
