//! What can be preloaded, and the way from a path to it.

use crate::engine::{FileFacts, FileParts, PreloadError, PreloadProgress, PreloadStep};
use crate::{FileId, ServerId, TorrentSource, TorrentState, Vfs, VfsError};

/// A file of a torrent and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TorrentFile {
    /// Which file.
    pub id: FileId,
    /// Its length in bytes.
    pub len: u64,
    /// Its path from the root, without a slash before it.
    pub path: String,
}

impl<S: TorrentSource> Vfs<S> {
    /// Returns the file at a path from the root, or all files below a directory, torrent by
    /// torrent and in the order of their names. Symbolic links are not followed.
    ///
    /// # Errors
    /// `NotFound`, `NotDirectory`, or `NoTree`.
    pub fn files_below(&self, path: &str) -> Result<Vec<TorrentFile>, VfsError> {
        // The names of a million files take a while: not under the lock.
        let places = self.tree().places(path)?;
        let mut files = Vec::new();
        for (tree, idx, name) in places {
            tree.push_files(idx, &name, &mut files);
        }
        Ok(files)
    }

    /// Resolves when parts of a file are on the server, all of them. `progress` is told how far
    /// that is, at the beginning, now and then, and at the end.
    ///
    /// What is there needs no stream; what is missing is streamed over and not kept, with one
    /// stream for all preloads of a source, below all readers: while one waits for its bytes no
    /// preload takes part. Failures of the source that may pass cost only time. Of several servers
    /// each part is fetched by one, and goes on at another when that one is down or cannot.
    ///
    /// # Errors
    /// [`PreloadError`].
    ///
    /// # Cancel safety
    /// Dropping the future ends the preload and frees its stream. What came stays, so that the
    /// same preload goes on from there.
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

    /// Returns the servers that can be asked for a file, and what each says of it; the first if
    /// nobody has said anything yet.
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
