//! Shows what is known from the last run.

use tfs_state::KnownTree;
use vfs_core::TorrentSource;

use super::Discovery;

/// The number of torrents from which a mount with a known tree does not wait for the first list. A
/// list of five thousand takes a tenth of a second on this machine.
const LARGE_TREE_TORRENTS: usize = 5000;

impl<S: TorrentSource> Discovery<S> {
    /// Reserves the names of the last known tree. Must be called for all servers before the
    /// torrents of the first are shown.
    pub(crate) fn remember(&mut self, known: &KnownTree) {
        let KnownTree { changed_at, remembered, absences, numbers, .. } = known;
        self.vfs.remember(self.server, *changed_at, remembered.iter().cloned());
        self.vfs.remember_numbers(self.server, numbers.iter().copied());
        self.is_recorded = changed_at.is_some();
        self.absence.restore(absences);
        self.absences_kept.clone_from(absences);
    }

    /// Shows the last known torrents, if there are any. An empty tree is not shown: its torrents
    /// may be missing by mistake.
    pub(crate) fn restore(&mut self, known: KnownTree) {
        let KnownTree { changed_at, listing, details, early, selections, .. } = known;
        self.early = early;
        if let Some(changed_at) = changed_at.filter(|_| !listing.is_empty()) {
            self.metadata.add(&details);
            self.restore_selections(&details, selections);
            let known: Vec<_> = listing.iter().map(|summary| summary.info_hash).collect();
            self.telling_names(|it| it.vfs.apply(it.server, listing, details, changed_at));
            self.note_finished_since(&known, None);
        }
        self.report();
    }

    /// Returns whether the tree contains this server.
    pub(crate) fn is_tree_known(&self) -> bool {
        self.vfs.is_server_known(self.server)
    }

    /// Leaves the first poll to the [loop](Self::poll_loop) if the tree is known, and the poll may
    /// take longer than a user likes to wait. Returns whether it is.
    pub(crate) fn puts_off_first_poll(&mut self) -> bool {
        self.is_poll_due =
            self.is_tree_known() && self.vfs.counts().torrents >= LARGE_TREE_TORRENTS;
        self.is_poll_due
    }
}
