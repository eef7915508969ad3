//! The streams that one server can bear, shared by all filesystems that read from it.
//!
//! A budget of `n` streams is `n` numbered slots. Slot 0 is for bytes that are there; the others
//! may also wait for missing pieces, so that of all filesystems together one stream stays for what
//! is there. A budget of one has one slot for both.
//!
//! ```text
//! Engine --StreamDemand--> StreamBudget, a pool outside of the core
//!        <--StreamPermits--   `--> BudgetMember (pure)
//!                                   |- BudgetPeer: the other members
//!                                   `- StreamSlots: the locks
//! ```
//!
//! The policy is here and pure: [`BudgetMember`] decides which slots it takes and gives back by
//! what it knows of its peers. A pool does the locking and carries news between members.
//!
//! # Invariants
//! 1. A slot has one holder. A member gives back no slot that its streams need.
//! 2. The smallest `streams_max` of all members is the budget. A slot beyond it is given back at
//!    the end of a turn.
//! 3. A member that holds fewer slots than another and has readers that wait gets one of them at
//!    the end of a turn. Slots without a stream, idle streams and preloads go first.

mod member;
mod peer;

use std::fmt;
use std::sync::Weak;

pub use self::member::BudgetMember;
pub use self::peer::{BudgetPeer, BudgetView};

/// What a filesystem needs of its server at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamDemand {
    /// Streams that are open, opening or closing, and direct reads.
    pub used: usize,
    /// Those of them that wait for missing pieces.
    pub used_missing: usize,
    /// Whether a read of bytes that are there waits for a permit.
    pub waits_here: bool,
    /// Whether a read of bytes that may be missing waits for a permit.
    pub waits_missing: bool,
    /// Whether a preload waits for a permit.
    pub waits_preload: bool,
}

impl StreamDemand {
    /// Returns whether one more permit would be used.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.waits_here || self.waits_missing || self.waits_preload
    }
}

/// The permits of a filesystem for streams of its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamPermits {
    /// How many there are.
    pub held: usize,
    /// How many of them may wait for missing pieces.
    pub missing: usize,
    /// How many are to be given back at the end of turns, whatever they are used for.
    pub recalled_here: usize,
    /// How many that may wait for missing pieces are to be given back so too.
    pub recalled_missing: usize,
    /// Whether a reader of another filesystem waits for bytes that are there.
    pub is_wanted_here: bool,
    /// Whether a reader of another filesystem waits for missing bytes.
    pub is_wanted_missing: bool,
}

impl StreamPermits {
    /// Returns the permits of a filesystem that shares its server with no other: all but one may
    /// wait for missing pieces; of one, that one.
    #[must_use]
    pub fn unshared(streams_max: usize) -> Self {
        let missing = streams_max.saturating_sub(1).max(1);
        Self { held: streams_max, missing, ..Self::default() }
    }

    /// Returns how many may be used from now on.
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

/// The share of one filesystem in the streams of a server. Dropping it gives all slots back.
pub trait StreamBudget: Send + Sync + fmt::Debug + 'static {
    /// Takes what the filesystem needs, and returns its permits: more than before where a slot was
    /// free, fewer where others wait and `demand` leaves some unused. Never waits for another
    /// filesystem; may make a few system calls that do not block.
    fn update(&self, demand: StreamDemand) -> StreamPermits;

    /// Has `listener` called from now on when [`update`](Self::update) may give another result.
    fn set_listener(&self, listener: Weak<dyn BudgetListener>);
}

/// Hears that a budget has changed.
pub trait BudgetListener: Send + Sync {
    /// Calls [`StreamBudget::update`] with what is needed now. Called without a lock of the budget.
    fn on_budget_changed(&self);
}

/// The slots of a budget. Slots of other members, be they of other processes, cannot be taken.
pub trait StreamSlots {
    /// Takes a slot if it is free. Never waits.
    fn try_take(&mut self, slot: usize) -> bool;

    /// Gives back a slot that was taken.
    fn give_back(&mut self, slot: usize);
}
