//! Preloads: resolves paths to files, and runs the preload.

use std::collections::HashSet;

use super::Vfs;
use crate::engine::{FileFacts, FileParts, PreloadError, PreloadProgress, PreloadStep};
use crate::{FileId, ServerId, TorrentFile, TorrentSource, TorrentState, VfsError};

impl<S: TorrentSource> Vfs<S> {
    /// Returns the file at a path from the root, or all files below a directory, by torrent and
    /// then by name. Symbolic links are not followed. In a root with views only, a file in several
    /// views is returned once.
    ///
    /// # Errors
    /// `NotFound`, `NotDirectory`, or `NoTree`.
    pub fn files_below(&self, path: &str) -> Result<Vec<TorrentFile>, VfsError> {
        // Collecting the names of a million files takes a while, so it is not done under the lock.
        let (places, is_in_views) = {
            let tree = self.tree();
            (tree.places(path)?, tree.has_views_only())
        };
        let mut files = Vec::new();
        for (tree, idx, name) in places {
            tree.push_files(idx, &name, &mut files);
        }
        if is_in_views {
            let mut seen = HashSet::new();
            files.retain(|file| seen.insert(file.id));
        }
        Ok(files)
    }

    /// Resolves when all parts of a file are on the server. Calls `progress` with the current state
    /// at the start, periodically, and at the end.
    ///
    /// Present data needs no stream. Missing data is streamed and discarded, with one stream for
    /// all preloads of a source. Readers have priority: no preload runs while a reader waits for
    /// bytes. Retryable failures of the source only cost time. With several servers, each part is
    /// fetched from one, with failover to another.
    ///
    /// # Errors
    /// [`PreloadError`].
    ///
    /// # Cancel safety
    /// Dropping the future ends the preload and closes its stream. Downloaded data stays, so that a
    /// repeated preload continues from there.
    pub async fn preload(
        &self,
        file: &TorrentFile,
        parts: FileParts,
        mut progress: impl FnMut(PreloadProgress),
    ) -> Result<(), PreloadError> {
        let ranges = parts.ranges(file.len);
        let bytes_total = ranges.iter().map(|range| range.len()).sum();
        let mut bytes_done = 0;
        let mut ranges = ranges.into_iter();
        while let Some(range) = ranges.next() {
            let places = self.places_of(file).ok_or(PreloadError::Gone)?;
            let report = |server, PreloadStep { bytes_there, wait }| {
                let here = |range| self.engine.bytes_here(file.id, &places, server, range);
                let later = ranges.as_slice().iter().copied().map(here).sum::<u64>();
                let bytes_there = bytes_done + bytes_there + later;
                progress(PreloadProgress { bytes_there, bytes_total, wait });
            };
            if !range.is_empty() {
                let preloaded = self.engine.preload(file.id, &places, range, report).await;
                preloaded.map_err(|error| PreloadError::of(error, self.torrent_state(file.id)))?;
            }
            bytes_done += range.len();
        }
        progress(PreloadProgress { bytes_there: bytes_total, bytes_total, wait: None });
        Ok(())
    }

    /// Returns the servers that have a file, with their facts; the first server if none has
    /// reported yet.
    fn places_of(&self, file: &TorrentFile) -> Option<Vec<(ServerId, FileFacts)>> {
        let tree = self.tree();
        let geometry = tree.geometry(file.id)?;
        let facts = |state| FileFacts { len: file.len, geometry, state };
        let states = tree.file_states(file.id).into_iter();
        let mut places: Vec<_> = states.map(|(id, state)| (id, facts(Some(state)))).collect();
        if places.is_empty() {
            places.push((ServerId::FIRST, facts(None)));
        }
        Some(places)
    }

    fn torrent_state(&self, file: FileId) -> TorrentState {
        let state = self.tree().file_state(file);
        state.map_or(TorrentState::Paused, |state| state.torrent)
    }
}
