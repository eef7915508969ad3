//! Servers of a filesystem, and their listings.

use std::collections::{HashMap, HashSet};

use tfs_types::map_parallel;

use super::Vfs;
use crate::tree::{
    Changes, Difference, FolderId, Invalidation, ListingPart, RestoredTorrent, TorrentTree,
};
use crate::{
    InfoHash, InvalidationSink, NumberRange, ServerId, TorrentDetails, TorrentSource,
    TorrentSummary,
};

/// Number of torrents of a listing that are compared or written before the lock of the tree is
/// released: some tenths of a millisecond. A long read-only pass also delays all others, since
/// waiting writers have priority over later readers.
pub(super) const PART_TORRENTS: usize = 1024;

impl<S: TorrentSource> Vfs<S> {
    /// Returns the source of a server; `None` for an unknown id.
    #[must_use]
    pub fn source(&self, server: ServerId) -> Option<&S> {
        self.engine.source(server)
    }

    /// Returns all servers.
    pub fn servers(&self) -> impl Iterator<Item = ServerId> + use<S> {
        (0..self.engine.count()).filter_map(|position| u16::try_from(position).ok()).map(ServerId)
    }

    /// Returns the name and failure of a failed torrent, from the first server that reports one.
    #[must_use]
    pub fn listed_failure(&self, torrent: InfoHash) -> Option<(Option<String>, String)> {
        self.servers().find_map(|server| {
            let source = self.source(server)?;
            Some((source.listed_name(torrent), source.listed_failure(torrent)?))
        })
    }

    /// Returns whether a listing of a server was ever applied.
    #[must_use]
    pub fn is_server_known(&self, server: ServerId) -> bool {
        self.tree().is_server_known(server)
    }

    /// Returns when the directory of a server's torrents was last modified, in seconds since 1970.
    #[must_use]
    pub fn changed_at(&self, server: ServerId) -> i64 {
        self.tree().changed_at(server)
    }

    /// Returns the torrents of a server's listing that can be shown, but that the tree does not
    /// have from that server, in the listing's order.
    #[must_use]
    pub fn unknown_torrents(&self, server: ServerId, listing: &[TorrentSummary]) -> Vec<InfoHash> {
        let parts = listing.chunks(PART_TORRENTS).flat_map(|part| {
            let tree = self.tree();
            let resolved = part.iter().filter(|summary| summary.is_resolved);
            let hashes = resolved.map(|summary| summary.info_hash);
            hashes.filter(|info_hash| !tree.contains(server, *info_hash)).collect::<Vec<_>>()
        });
        parts.collect()
    }

    /// Restores persisted state of a server, so that names and times stay the same. Must be called
    /// before the first listing of any server is applied.
    ///
    /// `changed_at` is when the set of torrents last changed, the time of their directory.
    /// `torrents` are all torrents known from before, including removed ones: a torrent that is
    /// added gets its earlier name, unless another torrent has it. Nothing becomes visible yet. To
    /// show the last known tree, apply it as a listing with [`apply`](Self::apply).
    pub fn remember(
        &self,
        server: ServerId,
        changed_at: Option<i64>,
        torrents: impl IntoIterator<Item = RestoredTorrent>,
    ) {
        if self.is_server(server) {
            self.tree_mut().remember(server, changed_at, torrents);
        }
    }

    /// Restores the inode numbers of a server's torrents, with
    /// [`InodeNumbers::Bits32`](crate::InodeNumbers::Bits32). Must be called before the first
    /// listing of any server is applied. If two torrents claim a number, the first gets it.
    pub fn remember_numbers(
        &self,
        server: ServerId,
        ranges: impl IntoIterator<Item = (InfoHash, NumberRange)>,
    ) {
        if self.is_server(server) {
            self.tree_mut().remember_numbers(server, ranges);
        }
    }

    /// Returns the inode numbers of a server's torrent in the tree, to be persisted for
    /// [`remember_numbers`](Self::remember_numbers). `None` if numbers are hashes.
    #[must_use]
    pub fn numbers_of(&self, server: ServerId, info_hash: InfoHash) -> Option<NumberRange> {
        self.tree().numbers_of(server, info_hash)
    }

    /// Returns the last summaries of a server's torrents in the tree that its listing lacks, in the
    /// order of their directory; of all torrents, for an empty listing.
    #[must_use]
    pub fn summaries_not_in(
        &self,
        server: ServerId,
        listing: &[TorrentSummary],
    ) -> Vec<TorrentSummary> {
        let listed: HashSet<_> = listing.iter().map(|summary| summary.info_hash).collect();
        let hashes: Vec<_> = listed.iter().copied().collect();
        let kept = hashes.chunks(PART_TORRENTS).map(|part| {
            let tree = self.tree();
            part.iter().filter(|info_hash| tree.contains(server, **info_hash)).count()
        });
        self.unlisted(server, &listed, kept.sum())
    }

    /// Returns the last summaries of those torrents that the tree has from a server. If a summary
    /// has no progress, because the torrent is being checked or has failed, it gets the earlier
    /// progress. Meant to be persisted: when it is shown after a restart, files have their block
    /// counts again.
    #[must_use]
    pub fn last_summaries(&self, server: ServerId, torrents: &[InfoHash]) -> Vec<TorrentSummary> {
        let parts = torrents.chunks(PART_TORRENTS).flat_map(|part| {
            let tree = self.tree();
            let last = part.iter().filter_map(|torrent| tree.last_summary(server, *torrent));
            last.collect::<Vec<_>>()
        });
        parts.collect()
    }

    /// Applies a complete listing of a server.
    ///
    /// Removes torrents that no server has any more. Adds new ones if their details are given;
    /// otherwise they stay unknown until a later call. Updates the progress of all. The state of
    /// other servers does not change. `seen_at` is the current time, in seconds since 1970: the
    /// first-seen time of new torrents. Then notifies the sink of changes that a front end may have
    /// cached.
    ///
    /// A listing of an unknown server id changes nothing, and is logged as a bug.
    pub fn apply(
        &self,
        server: ServerId,
        listing: Vec<TorrentSummary>,
        details: Vec<TorrentDetails>,
        seen_at: i64,
    ) -> Changes {
        self.update(server, details, seen_at, || self.difference(server, listing))
    }

    /// Updates torrents of a server that the tree has and that its listing still contains. Torrents
    /// that the tree lacks stay unknown. Then notifies the sink.
    pub fn apply_progress(&self, server: ServerId, changed: Vec<TorrentSummary>) -> Changes {
        self.update(server, Vec::new(), 0, || self.compare(server, changed))
    }

    /// Writes a difference to the tree, and notifies the sink. An unknown server changes nothing.
    pub(super) fn update(
        &self,
        server: ServerId,
        details: Vec<TorrentDetails>,
        seen_at: i64,
        difference: impl FnOnce() -> Difference,
    ) -> Changes {
        if !self.is_server(server) {
            return Changes::default();
        }
        // Before the lock is taken: building the layout of a hundred thousand files takes a while.
        let layouts = self.layouts(server, details, seen_at);
        let sink = self.sink();
        let (changes, mut notices) = self.write(server, difference(), layouts, seen_at);
        let added = changes.added.iter().chain(&changes.removed).chain(&changes.left);
        let changed = added.map(|(info_hash, _)| *info_hash);
        let changed = changed.chain(changes.joined.iter().map(|joined| joined.info_hash));
        notices.extend(self.arrange(changed.collect(), (seen_at > 0).then_some(seen_at)));
        self.announce(server, &changes, &notices, sink.as_deref());
        changes
    }

    /// Returns whether a server has this id. An unknown id is a bug of the caller, and would add a
    /// torrent without a server to read from.
    pub(super) fn is_server(&self, server: ServerId) -> bool {
        let is_server = self.engine.is_server(server);
        if !is_server {
            tracing::error!(server = server.0, count = self.engine.count(), "no such server");
        }
        is_server
    }

    /// Returns the directory of a server's torrents, and the name of its server.
    pub(super) fn folder_of(&self, server: ServerId) -> (FolderId, Option<String>) {
        let tree = self.tree();
        let (folder, name) = tree.place_of(server);
        (folder, name.map(str::to_owned))
    }

    /// Builds the layouts of a server's torrents. Holds the lock of the tree only briefly.
    fn layouts(
        &self,
        server: ServerId,
        details: Vec<TorrentDetails>,
        seen_at: i64,
    ) -> HashMap<InfoHash, TorrentTree> {
        let (folder, name) = self.folder_of(server);
        let first_seen = |info_hash| self.tree().first_seen(server, info_hash).unwrap_or(seen_at);
        let layouts = map_parallel(details, |details| {
            let first_seen = first_seen(details.info_hash);
            let layout = TorrentTree::in_folder(&details, first_seen, folder, name.as_deref());
            (details.info_hash, self.tree().dated(layout, first_seen))
        });
        layouts.into_iter().collect()
    }

    /// Propagates written changes to reads, the control directory, and the sink, whose lock the
    /// caller holds.
    fn announce(
        &self,
        server: ServerId,
        changes: &Changes,
        notices: &[Invalidation],
        sink: Option<&dyn InvalidationSink>,
    ) {
        // First, so that reads of removed files do not delay the notified callers.
        self.engine.update(|file| self.tree().file_states(file));
        // Before notified callers look up again.
        let added = {
            let tree = self.tree();
            let added = changes.added.iter();
            added.filter_map(|(info_hash, _)| tree.added(server, *info_hash)).collect()
        };
        self.control.update(added, self.folder_of(server).0, changes);
        self.tell(notices, sink);
    }

    /// Writes the difference between a server's listing and the tree. No other thread writes
    /// torrents meanwhile: the caller holds the lock of the sink.
    fn write(
        &self,
        server: ServerId,
        mut difference: Difference,
        layouts: HashMap<InfoHash, TorrentTree>,
        seen_at: i64,
    ) -> (Changes, Vec<Invalidation>) {
        let changed = std::mem::take(&mut difference.changed);
        let is_known = self.is_server_known(server);
        let has_names = !difference.gone.is_empty() || !layouts.is_empty();
        let (mut changes, mut notices) = if has_names || !is_known {
            self.tree_mut().apply_names(server, difference, layouts, seen_at)
        } else {
            (Changes::default(), Vec::new())
        };
        changes.progress.extend(changes.added.iter().map(|(info_hash, _)| *info_hash));
        let mut rest = changed.into_iter();
        loop {
            let part: Vec<_> = rest.by_ref().take(PART_TORRENTS).collect();
            if part.is_empty() {
                return (changes, notices);
            }
            self.tree_mut().apply_progress(server, part, (&mut changes, &mut notices));
        }
    }

    /// Returns the changes by a listing. Of two entries for one torrent, the first counts.
    fn difference(&self, server: ServerId, listing: Vec<TorrentSummary>) -> Difference {
        let mut listed = HashSet::with_capacity(listing.len());
        let rest = listing.into_iter().filter(|summary| listed.insert(summary.info_hash));
        let mut difference = self.compare(server, rest);
        let gone = self.unlisted(server, &listed, difference.kept_count);
        difference.gone = gone.into_iter().map(|summary| summary.info_hash).collect();
        difference
    }

    /// Returns the changes of listed torrents, each given once. Holds the lock of the tree for a
    /// part of them at a time.
    pub(super) fn compare(
        &self,
        server: ServerId,
        summaries: impl IntoIterator<Item = TorrentSummary>,
    ) -> Difference {
        let mut difference = Difference::default();
        let mut rest = summaries.into_iter();
        loop {
            let part: Vec<_> = rest.by_ref().take(PART_TORRENTS).collect();
            if part.is_empty() {
                break;
            }
            self.tree().compare(server, part, &mut difference);
        }
        difference.sort();
        difference
    }

    /// Returns the last summaries of a server's torrents that are not listed, in the order of their
    /// directory. `kept_count` is the number of listed ones in the tree.
    fn unlisted(
        &self,
        server: ServerId,
        listed: &HashSet<InfoHash>,
        kept_count: usize,
    ) -> Vec<TorrentSummary> {
        let mut unlisted = Vec::new();
        if self.tree().torrent_count(server) == kept_count {
            return unlisted;
        }
        let mut cookie = 0;
        loop {
            let part = ListingPart { after: cookie, count: PART_TORRENTS };
            match self.tree().unlisted_after(server, listed, part, &mut unlisted) {
                Some(last) => cookie = last,
                None => return unlisted,
            }
        }
    }
}
