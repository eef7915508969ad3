//! What is known of open handles, from open to release.
//!
//! A handle is known only while it is open. A read may end after the release of its handle, or
//! even begin then: nothing is noted of it, as nothing would ever remove that again. Handles are
//! never reused, so each entry that is put back is memory that stays.

use std::collections::{BTreeMap, BTreeSet};

use super::access::Access;
use super::readers::ReaderMeter;
use crate::HandleId;

/// The open handles of all files.
#[derive(Debug, Default)]
pub(super) struct OpenHandles {
    open: BTreeSet<HandleId>,
    /// At most one for each open handle, as in `meters`.
    accesses: BTreeMap<HandleId, Access>,
    meters: BTreeMap<HandleId, ReaderMeter>,
}

impl OpenHandles {
    pub(super) fn open(&mut self, handle: HandleId) {
        self.open.insert(handle);
    }

    pub(super) fn release(&mut self, handle: HandleId) {
        self.open.remove(&handle);
        self.accesses.remove(&handle);
        self.meters.remove(&handle);
    }

    pub(super) fn is_open(&self, handle: HandleId) -> bool {
        self.open.contains(&handle)
    }

    /// Returns how an open handle is read, if it was read.
    pub(super) fn access(&self, handle: HandleId) -> Option<&Access> {
        self.accesses.get(&handle)
    }

    /// Returns how a handle is read, to take note of a read; `None` if it is not open.
    pub(super) fn access_mut(&mut self, handle: HandleId) -> Option<&mut Access> {
        self.is_open(handle).then(|| self.accesses.entry(handle).or_default())
    }

    /// Returns the meter of a handle, to take note of an answer; `None` if it is not open.
    pub(super) fn meter_mut(&mut self, handle: HandleId) -> Option<&mut ReaderMeter> {
        self.is_open(handle).then(|| self.meters.entry(handle).or_default())
    }

    /// Returns the meters of the handles that were read.
    pub(super) fn meters(&self) -> impl Iterator<Item = (HandleId, &ReaderMeter)> {
        self.meters.iter().map(|(handle, meter)| (*handle, meter))
    }

    /// Returns all handles of which anything is known.
    #[cfg(test)]
    pub(super) fn known(&self) -> BTreeSet<HandleId> {
        let read = self.accesses.keys().chain(self.meters.keys());
        read.chain(&self.open).copied().collect()
    }
}
