//! The servers of a filesystem, and what each of them says of its torrents.

use std::collections::{HashMap, HashSet};

use crate::tree::{Changes, Difference, FolderId, Invalidation, RestoredTorrent, TorrentTree};
use crate::{
    InfoHash, InvalidationSink, NumberRange, ServerId, TorrentDetails, TorrentSource,
    TorrentSummary, Vfs,
};

/// How many torrents of a listing are looked at, or written, before others get the lock of the
/// tree: some tenths of a millisecond. Also a long pass that only reads holds up all others, since
/// whoever wants to write comes before those who read after it.
const PART_TORRENTS: usize = 1024;

impl<S: TorrentSource> Vfs<S> {
    /// Returns the first source that was given.
    #[must_use]
    pub fn source(&self) -> &S {
        self.engine.first_source()
    }

    /// Returns the source of a server; `None` of an id that no server has.
    #[must_use]
    pub fn source_of(&self, server: ServerId) -> Option<&S> {
        self.engine.source(server)
    }

    /// Returns all servers.
    pub fn servers(&self) -> impl Iterator<Item = ServerId> + use<S> {
        (0..self.engine.count()).filter_map(|position| u16::try_from(position).ok()).map(ServerId)
    }

    /// Returns the name of a torrent that failed, as a server has it, and why it failed, of the
    /// first server that says why.
    #[must_use]
    pub fn listed_failure(&self, torrent: InfoHash) -> Option<(Option<String>, String)> {
        self.servers().find_map(|server| {
            let source = self.source_of(server)?;
            Some((source.listed_name(torrent), source.listed_failure(torrent)?))
        })
    }

    /// Returns whether a listing of a server was ever taken over.
    #[must_use]
    pub fn is_server_known(&self, server: ServerId) -> bool {
        self.tree().is_server_known(server)
    }

    /// Returns when the directory in which the torrents of a server are was last modified, in
    /// seconds since 1970.
    #[must_use]
    pub fn changed_at(&self, server: ServerId) -> i64 {
        self.tree().changed_at(server)
    }

    /// Returns the torrents of a listing of a server that can be shown, but that the tree does not
    /// have from that server, in the listing's order.
    #[must_use]
    pub fn unknown_torrents_of(
        &self,
        server: ServerId,
        listing: &[TorrentSummary],
    ) -> Vec<InfoHash> {
        let parts = listing.chunks(PART_TORRENTS).flat_map(|part| {
            let tree = self.tree();
            let resolved = part.iter().filter(|summary| summary.is_resolved);
            let hashes = resolved.map(|summary| summary.info_hash);
            hashes.filter(|info_hash| !tree.contains(server, *info_hash)).collect::<Vec<_>>()
        });
        parts.collect()
    }

    /// Does what [`unknown_torrents_of`](Self::unknown_torrents_of) does for the first server.
    #[must_use]
    pub fn unknown_torrents(&self, listing: &[TorrentSummary]) -> Vec<InfoHash> {
        self.unknown_torrents_of(ServerId::FIRST, listing)
    }

    /// Takes over what somebody kept of a server from before, so that names and times stay: to be
    /// called before the first listing of any server is taken over.
    ///
    /// `changed_at` is when the set of torrents last changed, the time of their directory, and
    /// `torrents` are all that are known to have been there, also those that are gone: whoever is
    /// added gets its name again unless somebody else has it by now. Nothing is shown yet. To show
    /// a tree as it was last known, [`apply_of`](Self::apply_of) it as a listing.
    pub fn remember_of(
        &self,
        server: ServerId,
        changed_at: Option<i64>,
        torrents: impl IntoIterator<Item = RestoredTorrent>,
    ) {
        if self.is_server(server) {
            self.tree_mut().remember(server, changed_at, torrents);
        }
    }

    /// Does what [`remember_of`](Self::remember_of) does for the first server.
    pub fn remember(
        &self,
        changed_at: Option<i64>,
        torrents: impl IntoIterator<Item = RestoredTorrent>,
    ) {
        self.remember_of(ServerId::FIRST, changed_at, torrents);
    }

    /// Takes over which inode numbers torrents of a server had, with
    /// [`InodeNumbers::Bits32`](crate::InodeNumbers::Bits32): to be called before the first listing
    /// of any server is taken over. Where two torrents claim a number, the first has it.
    pub fn remember_numbers_of(
        &self,
        server: ServerId,
        ranges: impl IntoIterator<Item = (InfoHash, NumberRange)>,
    ) {
        if self.is_server(server) {
            self.tree_mut().remember_numbers(server, ranges);
        }
    }

    /// Returns the inode numbers of a torrent that the tree has from a server, to be kept for
    /// [`remember_numbers_of`](Self::remember_numbers_of). `None` with numbers that are hashes.
    #[must_use]
    pub fn numbers_of(&self, server: ServerId, info_hash: InfoHash) -> Option<NumberRange> {
        self.tree().numbers_of(server, info_hash)
    }

    /// Returns what is known of the torrents that the tree has from a server and a listing of it
    /// lacks, in the order of their directory; of all torrents, for an empty listing.
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

    /// Returns what a server last said of all its torrents, with the progress that it said before
    /// where it says none now, since it checks them or they have failed. It is for keeping: shown
    /// after a restart, files have their blocks again.
    #[must_use]
    pub fn last_summaries_of(&self, server: ServerId) -> Vec<TorrentSummary> {
        let mut summaries = self.summaries_not_in(server, &[]);
        let silent = summaries.iter_mut().filter(|summary| summary.file_progress.is_none());
        for summary in silent {
            summary.file_progress = self.tree().last_progress(server, summary.info_hash);
        }
        summaries
    }

    /// Takes over a complete listing of a server.
    ///
    /// Torrents that no server has any more disappear; those that are new appear if their details
    /// are given, and otherwise stay unknown until a later call; progress is taken over for all.
    /// What the other servers have stays as they last said. `seen_at` is now, in seconds since
    /// 1970: when torrents that were never there before are first seen. Then the sink is told of
    /// what a front end may not know.
    ///
    /// A listing of an id that no server has changes nothing, and is logged as a bug.
    pub fn apply_of(
        &self,
        server: ServerId,
        listing: Vec<TorrentSummary>,
        details: Vec<TorrentDetails>,
        seen_at: i64,
    ) -> Changes {
        if !self.is_server(server) {
            return Changes::default();
        }
        // Before the lock is taken: a torrent of a hundred thousand files takes a while.
        let layouts = self.layouts(server, details, seen_at);
        let sink = self.sink();
        let difference = self.difference(server, listing);
        let (changes, notices) = self.write(server, difference, layouts, seen_at);
        self.announce(server, &changes, &notices, sink.as_deref());
        changes
    }

    /// Does what [`apply_of`](Self::apply_of) does for the first server.
    pub fn apply(
        &self,
        listing: Vec<TorrentSummary>,
        details: Vec<TorrentDetails>,
        seen_at: i64,
    ) -> Changes {
        self.apply_of(ServerId::FIRST, listing, details, seen_at)
    }

    /// Returns whether a server has this id. What comes from one that has not is a bug of the
    /// caller, and would be a torrent that nobody can be asked for.
    pub(crate) fn is_server(&self, server: ServerId) -> bool {
        let is_server = self.engine.is_server(server);
        if !is_server {
            tracing::error!(server = server.0, count = self.engine.count(), "no such server");
        }
        is_server
    }

    /// Returns the directory in which the torrents of a server are, and whose it is.
    pub(crate) fn folder_of(&self, server: ServerId) -> (FolderId, Option<String>) {
        let tree = self.tree();
        let (folder, name) = tree.place_of(server);
        (folder, name.map(str::to_owned))
    }

    /// Lays torrents of a server out. Holds the lock of the tree for moments only.
    pub(crate) fn layouts(
        &self,
        server: ServerId,
        details: Vec<TorrentDetails>,
        seen_at: i64,
    ) -> HashMap<InfoHash, TorrentTree> {
        let (folder, name) = self.folder_of(server);
        let first_seen = |info_hash| self.tree().first_seen(server, info_hash).unwrap_or(seen_at);
        let layouts = details.into_iter().map(|details| {
            let first_seen = first_seen(details.info_hash);
            let layout = TorrentTree::in_folder(&details, first_seen, (folder, name.as_deref()));
            (details.info_hash, layout)
        });
        layouts.collect()
    }

    /// Passes on what was written: to reads, views, and the sink, whose lock the caller holds.
    pub(crate) fn announce(
        &self,
        server: ServerId,
        changes: &Changes,
        notices: &[Invalidation],
        sink: Option<&dyn InvalidationSink>,
    ) {
        // First, so that reads of what is gone do not hold up those who are told.
        self.engine.update(|file| self.tree().file_states(file));
        // Before those who are told look again.
        let added = {
            let tree = self.tree();
            let added = changes.added.iter();
            added.filter_map(|(info_hash, _)| tree.added(server, *info_hash)).collect()
        };
        self.views.update(added, self.folder_of(server).0, changes);
        if let Some(sink) = sink {
            notices.iter().for_each(|notice| notice.tell(sink));
        }
    }

    /// Writes what a server says otherwise than the tree. No other thread writes torrents
    /// meanwhile: the caller holds the lock of the sink.
    pub(crate) fn write(
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
        let mut rest = changed.into_iter();
        loop {
            let part: Vec<_> = rest.by_ref().take(PART_TORRENTS).collect();
            if part.is_empty() {
                return (changes, notices);
            }
            self.tree_mut().apply_progress(server, part, (&mut changes, &mut notices));
        }
    }

    /// Finds what a listing changes. Of two that it has of one torrent the first counts.
    fn difference(&self, server: ServerId, listing: Vec<TorrentSummary>) -> Difference {
        let mut difference = Difference::default();
        let mut listed = HashSet::with_capacity(listing.len());
        let mut rest = listing.into_iter().filter(|summary| listed.insert(summary.info_hash));
        loop {
            let part: Vec<_> = rest.by_ref().take(PART_TORRENTS).collect();
            if part.is_empty() {
                break;
            }
            self.tree().compare(server, part, &mut difference);
        }
        drop(rest);
        let gone = self.unlisted(server, &listed, difference.kept_count);
        difference.gone = gone.into_iter().map(|summary| summary.info_hash).collect();
        difference.sort();
        difference
    }

    /// Returns what a server last said of its torrents that are not listed, in the order of their
    /// directory. `kept_count` is how many are.
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
            let part = (cookie, PART_TORRENTS);
            match self.tree().unlisted_after(server, listed, part, &mut unlisted) {
                Some(last) => cookie = last,
                None => return unlisted,
            }
        }
    }
}
