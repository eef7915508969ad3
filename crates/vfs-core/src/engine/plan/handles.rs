//! State of open handles, from open to release.
//!
//! State is kept only while the handle is open. A read may end, or even begin, after the release of
//! its handle. Such a read is not recorded: handles are never reused, so nothing would remove the
//! entry again.

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

    /// Returns the access pattern of an open handle that was read.
    pub(super) fn access(&self, handle: HandleId) -> Option<&Access> {
        self.accesses.get(&handle)
    }

    /// Returns the access pattern of a handle, to record a read; `None` if it is not open.
    pub(super) fn access_mut(&mut self, handle: HandleId) -> Option<&mut Access> {
        self.is_open(handle).then(|| self.accesses.entry(handle).or_default())
    }

    /// Returns the meter of a handle, to record an answer; `None` if it is not open.
    pub(super) fn meter_mut(&mut self, handle: HandleId) -> Option<&mut ReaderMeter> {
        self.is_open(handle).then(|| self.meters.entry(handle).or_default())
    }

    /// Returns the meters of the handles that were read.
    pub(super) fn meters(&self) -> impl Iterator<Item = (HandleId, &ReaderMeter)> {
        self.meters.iter().map(|(handle, meter)| (*handle, meter))
    }

    /// Returns all handles for which there is an entry.
    #[cfg(test)]
    pub(super) fn known(&self) -> BTreeSet<HandleId> {
        let read = self.accesses.keys().chain(self.meters.keys());
        read.chain(&self.open).copied().collect()
    }
}
