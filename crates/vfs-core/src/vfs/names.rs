//! Notifies of changes, and counts those of names.

use std::sync::atomic::Ordering;

use super::Vfs;
use crate::tree::{Invalidation, tell};
use crate::{InvalidationSink, TorrentSource};

impl<S: TorrentSource> Vfs<S> {
    /// Returns a number that increases whenever names appear, change or go, also with the first
    /// listing. Costs nothing.
    #[must_use]
    pub fn names_version(&self) -> u64 {
        self.names_version.load(Ordering::Acquire)
    }

    /// Notifies the sink, whose lock the caller holds.
    pub(super) fn tell(&self, notices: &[Invalidation], sink: Option<&dyn InvalidationSink>) {
        let is_about_names = |notice: &Invalidation| match notice {
            Invalidation::Added { .. } | Invalidation::Removed { .. } => true,
            Invalidation::AttrChanged { .. } => false,
        };
        if notices.iter().any(is_about_names) {
            self.names_version.fetch_add(1, Ordering::AcqRel);
        }
        tell(notices, sink);
    }
}
