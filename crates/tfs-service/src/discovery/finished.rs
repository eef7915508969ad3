//! Records when torrents were first seen complete.

use std::collections::HashSet;

use vfs_core::{Changes, InfoHash, TorrentSource};

use super::Discovery;

impl<S: TorrentSource> Discovery<S> {
    /// Records which of the changed torrents are complete since `at`, in seconds since 1970. Those
    /// that were complete when they were first seen finished then.
    pub(super) fn note_finished(&self, changes: &Changes, at: i64) {
        let added: HashSet<_> = changes.added.iter().map(|(info_hash, _)| *info_hash).collect();
        let is_added = |info_hash: &InfoHash| added.contains(info_hash);
        let (added, others): (Vec<_>, Vec<_>) =
            changes.progress.iter().copied().partition(is_added);
        self.note_finished_since(&added, None);
        self.note_finished_since(&others, Some(at));
    }

    /// Records which torrents are complete since `at`; `None` is when each was first seen.
    pub(super) fn note_finished_since(&self, torrents: &[InfoHash], at: Option<i64>) {
        let finished = self.vfs.note_finished(self.server, torrents, at);
        self.tell_finished(&finished);
        if let Some(recorder) = self.recorder.as_ref().filter(|_| !finished.is_empty()) {
            recorder.record_finished(finished);
        }
    }
}
