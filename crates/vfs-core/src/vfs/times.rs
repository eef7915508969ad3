//! Records when torrents were first seen complete.

use super::Vfs;
use crate::{InfoHash, ServerId, TorrentSource};

/// Number of torrents that are examined before the lock of the tree is released.
const PART_TORRENTS: usize = 1024;

impl<S: TorrentSource> Vfs<S> {
    /// Records which of a server's torrents are complete in the tree and were not before: all files
    /// that are selected are there, or all files if none is selected. With
    /// [`TorrentTime::Finished`](crate::TorrentTime::Finished) their files then show that time, and
    /// the sink is notified.
    ///
    /// `at` is when, in seconds since 1970; `None` is when each torrent was first seen. Returns the
    /// torrents with their times, to be persisted.
    pub fn note_finished(
        &self,
        server: ServerId,
        torrents: &[InfoHash],
        at: Option<i64>,
    ) -> Vec<(InfoHash, i64)> {
        let parts = torrents
            .chunks(PART_TORRENTS)
            .flat_map(|part| self.tree().newly_complete(server, part));
        let complete: Vec<_> = parts.collect();
        if complete.is_empty() {
            return Vec::new();
        }
        self.replace(server, |tree| tree.finish(server, &complete, at)).0
    }
}
