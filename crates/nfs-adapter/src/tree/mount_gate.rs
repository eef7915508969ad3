//! Whether MOUNT calls are answered.

use std::sync::{Mutex, PoisonError};

/// Counts answered MOUNT calls, until it is closed.
#[derive(Debug, Default)]
pub(crate) struct NfsMountGate {
    /// Held for one change, so that no call passes after the closing.
    state: Mutex<GateState>,
}

#[derive(Debug, Default)]
struct GateState {
    answered: u32,
    is_closed: bool,
}

impl NfsMountGate {
    /// Counts a call that is to be answered with a handle. Returns whether it may be.
    pub(super) fn pass(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.is_closed {
            state.answered = state.answered.saturating_add(1);
        }
        !state.is_closed
    }

    /// Lets no further call pass. Returns how many have passed.
    pub(crate) fn close(&self) -> u32 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_closed = true;
        state.answered
    }
}
