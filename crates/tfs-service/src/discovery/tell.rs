//! Tells others what discovery finds.

use std::collections::HashSet;

use tfs_api::wire::EventKind;
use vfs_core::{Changes, InfoHash, TorrentSource, TorrentSummary};

use super::Discovery;
use crate::events::EventTorrent;

impl<S: TorrentSource> Discovery<S> {
    /// Changes the tree, and tells if names have changed.
    pub(super) fn telling_names<T>(&mut self, change: impl FnOnce(&mut Self) -> T) -> T {
        let result = change(self);
        self.events.tell_names(self.vfs.names_version());
        result
    }

    /// Tells which torrents appeared and went.
    pub(super) fn tell_changes(&mut self, changes: &Changes) {
        if self.events.wants(EventKind::TorrentAdded) {
            for (info_hash, name) in &changes.added {
                if !self.events.is_quiet(*info_hash) {
                    let path = self.vfs.torrent_path(self.server, *info_hash);
                    self.tell(EventKind::TorrentAdded, *info_hash, Some(name.clone()), path);
                }
            }
        }
        if self.events.wants(EventKind::TorrentRemoved) {
            for (info_hash, name) in &changes.removed {
                let path = self.events.left(*info_hash);
                self.tell(EventKind::TorrentRemoved, *info_hash, Some(name.clone()), path);
            }
        }
    }

    /// Tells which torrents have finished.
    pub(super) fn tell_finished(&self, finished: &[(InfoHash, i64)]) {
        if !self.events.wants(EventKind::TorrentFinished) {
            return;
        }
        for (info_hash, _) in finished {
            if !self.events.is_quiet(*info_hash) {
                let name = self.vfs.shown_name(self.server, *info_hash);
                let path = self.vfs.torrent_path(self.server, *info_hash);
                self.tell(EventKind::TorrentFinished, *info_hash, name, path);
            }
        }
    }

    /// Notes the paths of torrents that are about to leave the tree: those that are absent, and not
    /// kept.
    pub(super) fn note_leaving(&mut self, absent: &[TorrentSummary], kept: &HashSet<InfoHash>) {
        if !self.events.wants(EventKind::TorrentRemoved) {
            return;
        }
        let gone = absent.iter().map(|summary| summary.info_hash);
        let gone = gone.filter(|info_hash| !kept.contains(info_hash));
        let path = |info_hash| Some((info_hash, self.vfs.torrent_path(self.server, info_hash)?));
        let leaving = gone.filter_map(path).collect();
        self.events.set_leaving(leaving);
    }

    fn tell(
        &self,
        kind: EventKind,
        info_hash: InfoHash,
        name: Option<String>,
        path: Option<String>,
    ) {
        self.events.tell(kind, EventTorrent { info_hash, name, path });
    }
}
