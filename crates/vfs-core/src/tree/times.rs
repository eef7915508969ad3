//! The times of torrents, and which of them their files show.

use super::labels::is_selected;
use super::layout::TorrentTree;
use super::names::NameKey;
use super::node::NodeBody;
use super::{TorrentKey, Tree, TreeTorrent};
use crate::{FileIndex, InfoHash, ServerId};

/// Which time the files and directories of a torrent show as their last modification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TorrentTime {
    /// When the torrent was created, by its metadata; without a plausible date, as `Added`.
    #[default]
    Created,
    /// When it was first seen.
    Added,
    /// When it was first seen complete; until then, as `Added`.
    Finished,
}

impl Tree {
    /// Returns the same tree, whose torrents show these times.
    pub(crate) fn with_times(self, times: TorrentTime) -> Self {
        Self { times, ..self }
    }

    /// Returns a layout with the time that it shows. `first_seen` is in seconds since 1970.
    pub(crate) fn dated(&self, layout: TorrentTree, first_seen: i64) -> TorrentTree {
        match self.times {
            TorrentTime::Created => layout,
            TorrentTime::Added => layout.with_mtime(first_seen),
            TorrentTime::Finished => {
                let finished_at = self.finished_at(layout.key());
                layout.with_mtime(finished_at.unwrap_or(first_seen))
            }
        }
    }

    /// Returns when a torrent was first seen complete, in seconds since 1970.
    fn finished_at(&self, key: TorrentKey) -> Option<i64> {
        let past =
            || self.folder(key.folder)?.past.get(NameKey::torrent(key.info_hash))?.finished_at;
        self.torrents.get(&key).map_or_else(past, |torrent| torrent.finished_at)
    }

    /// Returns those of a server's torrents that are complete, and were not before. Costs O(files)
    /// of those that were not.
    pub(crate) fn newly_complete(&self, server: ServerId, torrents: &[InfoHash]) -> Vec<InfoHash> {
        let folder = self.layout.folder_of(server);
        let is_new = |info_hash: &&InfoHash| {
            let torrent = self.torrents.get(&TorrentKey { folder, info_hash: **info_hash });
            torrent.is_some_and(|it| it.finished_at.is_none() && self.is_complete(it))
        };
        torrents.iter().filter(is_new).copied().collect()
    }

    /// Records that torrents are complete since `at`, in seconds since 1970; `None` is when each
    /// was first seen. Returns their times, and their layouts if these show other times now.
    pub(crate) fn finish(
        &mut self,
        server: ServerId,
        torrents: &[InfoHash],
        at: Option<i64>,
    ) -> (Vec<(InfoHash, i64)>, Vec<TorrentTree>) {
        let folder = self.layout.folder_of(server);
        let (mut times, mut layouts) = (Vec::new(), Vec::new());
        for info_hash in torrents {
            let key = TorrentKey { folder, info_hash: *info_hash };
            let Some(torrent) = self.torrents.get_mut(&key) else { continue };
            let at = at.unwrap_or(torrent.first_seen).max(torrent.first_seen);
            torrent.finished_at = Some(at);
            times.push((*info_hash, at));
            let is_other = torrent.place.tree.mtime() != at.max(0);
            if self.times == TorrentTime::Finished && is_other {
                layouts.push(TorrentTree::clone(&torrent.place.tree).with_mtime(at));
            }
        }
        (times, layouts)
    }

    /// Returns whether all selected files are there. All files count of a torrent without any, and
    /// of an on-demand one, whose selection says what is read.
    fn is_complete(&self, torrent: &TreeTorrent) -> bool {
        let shown = torrent.standing.shown();
        if shown.file_progress.is_none() {
            return false;
        }
        let files = || {
            torrent.place.tree.indices().filter_map(|idx| match torrent.place.tree.node(idx).body {
                NodeBody::File { index, len } => Some((index, len)),
                NodeBody::Directory { .. } | NodeBody::Symlink { .. } => None,
            })
        };
        let is_there = |(index, len): (FileIndex, u64)| shown.have_bytes(index) >= len;
        let info_hash = torrent.place.tree.info_hash();
        let servers = || torrent.standing.all().map(|(server, _)| server);
        if servers().any(|server| self.labels.is_on_demand(server, info_hash)) {
            return files().all(is_there);
        }
        let selections = self.labels.selections(info_hash, servers());
        let mut wanted = files().filter(|(index, _)| is_selected(&selections, *index)).peekable();
        if wanted.peek().is_none() { files().all(is_there) } else { wanted.all(is_there) }
    }
}
