//! Stream budget of one server, shared by all filesystems that read from it.
//!
//! A budget of `n` streams is `n` numbered slots. Slot 0 is for present bytes; the others may also
//! wait for missing pieces, so that one stream of all filesystems together stays available for
//! present bytes. A budget of one has one slot for both.
//!
//! ```text
//! Engine --StreamDemand--> StreamBudget, a pool outside of the core
//!        <--StreamPermits--   `--> BudgetMember (pure)
//!                                   |- BudgetPeer: the other members
//!                                   `- StreamSlots: the locks
//! ```
//!
//! The policy is pure: [`BudgetMember`] decides which slots it takes and returns, from the state of
//! its peers. A pool does the locking and distributes the state of members.
//!
//! # Invariants
//! 1. A slot has one holder. A member returns no slot that its streams need.
//! 2. The smallest `streams_max` of all members is the budget. A slot beyond it is returned at the
//!    end of a time slice.
//! 3. A member that holds fewer slots than another and has waiting readers gets one of them at the
//!    end of a time slice. Slots without a stream, idle streams and preloads are returned first.

mod member;
mod peer;

use std::fmt;
use std::sync::Weak;

pub use self::member::BudgetMember;
pub use self::peer::BudgetPeer;
use self::peer::BudgetView;

/// Current demand of a filesystem for streams of its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamDemand {
    /// Streams that are open, opening or closing, and inline reads.
    pub used: usize,
    /// Streams among them that wait for missing pieces.
    pub used_missing: usize,
    /// Whether a read of present bytes waits for a permit.
    pub waits_here: bool,
    /// Whether a read of possibly missing bytes waits for a permit.
    pub waits_missing: bool,
    /// Whether a preload waits for a permit.
    pub waits_preload: bool,
}

impl StreamDemand {
    /// Returns whether another permit would be used.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.waits_here || self.waits_missing || self.waits_preload
    }
}

/// The permits of a filesystem for streams of its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamPermits {
    /// Number of permits.
    pub held: usize,
    /// Number of them that may wait for missing pieces.
    pub missing: usize,
    /// Number to return at the end of time slices, whatever they are used for.
    pub recalled_here: usize,
    /// Likewise, of those that may wait for missing pieces.
    pub recalled_missing: usize,
    /// Whether a reader of another filesystem waits for present bytes.
    pub is_wanted_here: bool,
    /// Whether a reader of another filesystem waits for missing bytes.
    pub is_wanted_missing: bool,
}

impl StreamPermits {
    /// Returns the permits of a filesystem that does not share its server: all but one may wait for
    /// missing pieces; a single one may too.
    #[must_use]
    pub fn unshared(streams_max: usize) -> Self {
        let missing = streams_max.saturating_sub(1).max(1);
        Self { held: streams_max, missing, ..Self::default() }
    }

    /// Returns how many permits may be used from now on.
    #[must_use]
    pub fn usable(&self) -> usize {
        self.held.saturating_sub(self.recalled_here).saturating_sub(self.recalled_missing)
    }

    /// Returns how many of these may wait for missing pieces.
    #[must_use]
    pub fn usable_missing(&self) -> usize {
        self.missing.saturating_sub(self.recalled_missing).min(self.usable())
    }
}

/// Share of one filesystem in the streams of a server. Dropping it returns all slots.
pub trait StreamBudget: Send + Sync + fmt::Debug + 'static {
    /// Updates the demand of the filesystem, and returns its permits: more than before if a slot
    /// was free, fewer if others wait and `demand` leaves some unused. Never waits for another
    /// filesystem; may make a few non-blocking system calls.
    fn update(&self, demand: StreamDemand) -> StreamPermits;

    /// Sets the listener that is called when [`update`](Self::update) may return another result.
    fn set_listener(&self, listener: Weak<dyn BudgetListener>);
}

/// Listener for changes of a budget.
pub trait BudgetListener: Send + Sync {
    /// Calls [`StreamBudget::update`] with the current demand. Called without a lock of the budget.
    fn on_budget_changed(&self);
}

/// Slots of a budget. Slots of other members, also in other processes, cannot be taken.
pub trait StreamSlots {
    /// Takes a slot if it is free. Does not block.
    fn try_take(&mut self, slot: usize) -> bool;

    /// Returns a slot that was taken.
    fn give_back(&mut self, slot: usize);
}
