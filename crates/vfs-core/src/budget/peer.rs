//! What a member of a budget knows of the others.

use std::time::Duration;

/// One member of a budget, as it last said of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetPeer {
    /// Different for each member of the budget.
    pub id: u64,
    /// The most streams that it wants open on the server, of all members together.
    pub streams_max: usize,
    /// How many slots it holds.
    pub held: usize,
    /// How many of them may wait for missing pieces.
    pub held_missing: usize,
    /// Since when its readers wait for a slot for bytes that are there, or since it last got one.
    pub waits_here: Option<Duration>,
    /// The same for missing bytes.
    pub waits_missing: Option<Duration>,
    /// Whether it said so a moment ago. A process that was stopped holds its slots, but takes none.
    pub is_fresh: bool,
}

/// All other members of a budget, as one member sees them.
#[derive(Debug, Clone, Copy)]
pub struct BudgetView<'a> {
    /// The member that looks.
    pub own_id: u64,
    /// All others.
    pub peers: &'a [BudgetPeer],
}

impl BudgetView<'_> {
    /// Returns the budget: the smallest wish of all members, at least 1.
    #[must_use]
    pub fn budget(&self, streams_max: usize) -> usize {
        let wishes = self.peers.iter().map(|peer| peer.streams_max);
        wishes.chain([streams_max]).min().unwrap_or(streams_max).max(1)
    }

    pub(super) fn fresh(&self) -> impl Iterator<Item = &BudgetPeer> {
        self.peers.iter().filter(|peer| peer.is_fresh)
    }

    /// Returns how many peers take a slot before a member that holds `held` and has waited since
    /// `since`: who holds fewer comes first, then who has waited longer.
    pub(super) fn count_before(
        &self,
        (held, since): (usize, Duration),
        key: impl Fn(&BudgetPeer) -> Option<(usize, Duration)>,
    ) -> usize {
        let own = (held, since, self.own_id);
        let keys = self.fresh().filter_map(|peer| Some((key(peer)?, peer.id)));
        keys.filter(|((held, since), id)| (*held, *since, *id) < own).count()
    }

    /// Returns how many slots may be free of `count`, of which this member holds `own`.
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
