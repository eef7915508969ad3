//! A batch of preloaded files with bounded concurrency; stalled files move to the end of the queue.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::sleep;
use vfs_core::{FileParts, PreloadError, PreloadProgress, TorrentFile, TorrentSource, Vfs};

use super::running::{Noted, Preloads};

/// Maximum number of files that wait for the preload stream concurrently. With more than one, a
/// file without peers delays the next for seconds, not for a minute.
const FILES_AT_ONCE: usize = 4;

/// Retry interval for a file whose torrent the tree shows and the server does not know.
const GONE_INTERVAL: Duration = Duration::from_secs(1);

type RunningPreload<'a> = BoxFuture<'a, (TorrentFile, Result<(), PreloadError>)>;

/// Called with the progress of each file, a few times per second.
pub(super) type ProgressReport = dyn Fn(&TorrentFile, PreloadProgress) + Send + Sync;

/// Files to preload.
pub(super) struct PreloadBatch<'a, S> {
    vfs: Arc<Vfs<S>>,
    parts: FileParts,
    report: &'a ProgressReport,
    /// Bounded by the number of files in the mount.
    waiting: VecDeque<TorrentFile>,
    running: FuturesUnordered<RunningPreload<'a>>,
    /// Progress of the batch, for the status.
    noted: Arc<Noted>,
}

impl<'a, S: TorrentSource> PreloadBatch<'a, S> {
    pub(super) fn new(
        vfs: Arc<Vfs<S>>,
        parts: FileParts,
        report: &'a ProgressReport,
        preloads: &Preloads,
    ) -> Self {
        Self {
            vfs,
            parts,
            report,
            waiting: VecDeque::new(),
            running: FuturesUnordered::new(),
            noted: Arc::new(preloads.begin()),
        }
    }

    pub(super) fn push(&mut self, file: TorrentFile) {
        self.noted.on_wait(self.parts.bytes_of(file.len));
        self.waiting.push_back(file);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    /// Resolves when a file has ended, or has stalled and will be retried after the others. Returns
    /// `None` when no file is left.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(super) async fn next(&mut self) -> Option<(TorrentFile, Result<(), PreloadError>)> {
        while self.running.len() < FILES_AT_ONCE
            && let Some(file) = self.waiting.pop_front()
        {
            self.running.push(self.start(file));
        }
        let (file, ended) = self.running.next().await?;
        self.noted.on_end(file.id);
        if matches!(ended, Err(PreloadError::Stalled)) {
            self.push(file.clone());
        }
        Some((file, ended))
    }

    fn start(&self, file: TorrentFile) -> RunningPreload<'a> {
        let (vfs, parts, report) = (Arc::clone(&self.vfs), self.parts, self.report);
        let noted = Arc::clone(&self.noted);
        noted.on_start(&file, parts.bytes_of(file.len));
        Box::pin(async move {
            loop {
                let told = |progress| {
                    noted.on_progress(file.id, progress);
                    report(&file, progress);
                };
                let ended = vfs.preload(&file, parts, told).await;
                // A server that has just started does not know all of its torrents yet; the tree
                // keeps them until their removal is certain.
                if !matches!(ended, Err(PreloadError::Gone)) || !is_shown(&*vfs, &file) {
                    return (file, ended);
                }
                sleep(GONE_INTERVAL).await;
            }
        })
    }
}

fn is_shown<S: TorrentSource>(vfs: &Vfs<S>, file: &TorrentFile) -> bool {
    vfs.files_below(&file.path).is_ok_and(|files| files.iter().any(|shown| shown.id == file.id))
}

impl<S> fmt::Debug for PreloadBatch<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { waiting, running, .. } = self;
        f.debug_struct("Batch").field("waiting", waiting).field("running", running).finish()
    }
}
