//! Preloads by configuration: files that match a pattern, when their torrent appears.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tfs_sys::blocking;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use vfs_core::{FileId, FileParts, PreloadError, Query, TorrentFile, TorrentSource, Vfs};

use super::batch::PreloadBatch;
use super::running::Preloads;

/// Retry interval of failed files: a paused torrent may be running by then.
const RETRY_INTERVAL: Duration = Duration::from_secs(300);

/// The files to preload automatically.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PreloadSettings {
    /// Globs with the syntax of a search: for names, or for paths if they contain a slash. An
    /// invalid one is skipped with a warning.
    pub patterns: Vec<String>,
    /// Number of bytes at the beginning of each file; the whole file if neither limit is set.
    pub head_bytes: Option<u64>,
    /// Number of bytes at the end of each file.
    pub tail_bytes: Option<u64>,
}

/// State of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Preloaded, or queued.
    Seen,
    /// Failed, to be retried later.
    Failed,
}

/// Preloads the files that match the patterns.
#[derive(Debug)]
pub(crate) struct PatternPreloads<S> {
    vfs: Arc<Vfs<S>>,
    queries: Arc<[Query]>,
    parts: FileParts,
    /// Notified when torrents were added.
    added: Arc<Notify>,
    fates: HashMap<FileId, Fate>,
    preloads: Preloads,
}

impl<S: TorrentSource> PatternPreloads<S> {
    /// Returns `None` if there are no patterns.
    pub(crate) fn new(
        vfs: &Arc<Vfs<S>>,
        settings: &PreloadSettings,
        added: Arc<Notify>,
        preloads: &Preloads,
    ) -> Option<Self> {
        let queries = settings.patterns.iter().filter_map(|pattern| {
            let query = Query::glob(pattern);
            query
                .inspect_err(|error| {
                    tracing::warn!(pattern, %error, "no files are preloaded");
                })
                .ok()
        });
        let queries: Arc<[_]> = queries.collect();
        let parts = FileParts { head: settings.head_bytes, tail: settings.tail_bytes };
        let (vfs, preloads, fates) = (Arc::clone(vfs), preloads.clone(), HashMap::new());
        (!queries.is_empty()).then_some(Self { vfs, queries, parts, added, fates, preloads })
    }

    /// Preloads existing files and new ones, until dropped.
    ///
    /// # Cancel safety
    /// Drop the future to end it. The next run checks incomplete files again.
    pub(crate) async fn run(mut self) {
        let report = |_: &TorrentFile, _| {};
        let mut batch =
            PreloadBatch::new(Arc::clone(&self.vfs), self.parts, &report, &self.preloads);
        let mut retry_at = None;
        self.find_new().await.into_iter().for_each(|file| batch.push(file));
        loop {
            let added = Arc::clone(&self.added);
            tokio::select! {
                Some((file, ended)) = batch.next(), if !batch.is_empty() => {
                    if !self.record(&file, &ended) {
                        retry_at.get_or_insert(Instant::now() + RETRY_INTERVAL);
                    }
                    continue;
                }
                () = added.notified() => {}
                () = sleep_until(retry_at.unwrap_or_else(Instant::now)), if retry_at.is_some() => {
                    retry_at = None;
                    self.fates.retain(|_, fate| *fate == Fate::Seen);
                }
            }
            self.find_new().await.into_iter().for_each(|file| batch.push(file));
        }
    }

    /// Returns the files to preload that were not seen before. Removes the files of removed
    /// torrents, so that they are preloaded when they come back.
    async fn find_new(&mut self) -> Vec<TorrentFile> {
        let (vfs, queries) = (Arc::clone(&self.vfs), Arc::clone(&self.queries));
        let hits = blocking(move || {
            let hits = queries.iter().flat_map(|query| vfs.search(query, usize::MAX));
            hits.collect::<Vec<_>>()
        })
        .await;
        let mut there = HashSet::new();
        let mut files = Vec::new();
        for hit in hits.into_iter().filter(|hit| hit.have_bytes < hit.size) {
            there.insert(hit.file);
            if self.fates.contains_key(&hit.file) {
                continue;
            }
            self.fates.insert(hit.file, Fate::Seen);
            files.push(TorrentFile { id: hit.file, len: hit.size, path: hit.path });
        }
        self.fates.retain(|file, _| there.contains(file));
        files
    }

    /// Records the result of a file. Returns false if it is to be retried later.
    fn record(&mut self, file: &TorrentFile, ended: &Result<(), PreloadError>) -> bool {
        let path = &file.path;
        match ended {
            Ok(()) => tracing::debug!(path, "preloaded"),
            Err(PreloadError::Stalled) => tracing::debug!(path, "no peer sends data yet"),
            Err(PreloadError::Gone | PreloadError::ShuttingDown) => {}
            Err(error @ (PreloadError::Stopped(_) | PreloadError::Source(_))) => {
                tracing::debug!(path, %error, "not preloaded");
                self.fates.insert(file.id, Fate::Failed);
                return false;
            }
        }
        true
    }
}
