//! Files that are preloaded, some at a time; what is stuck goes to the end of the queue.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::sleep;
use vfs_core::{FileParts, PreloadError, PreloadProgress, TorrentFile, TorrentSource, Vfs};

use super::running::{Noted, Preloads};

/// How many files have a place in the queue for the stream at a time. More than one, so that a
/// file without peers holds up the next for seconds and not for a minute.
const FILES_AT_ONCE: usize = 4;

/// How often a file is tried again whose torrent the server does not know but the tree shows.
const GONE_INTERVAL: Duration = Duration::from_secs(1);

type RunningPreload<'a> = BoxFuture<'a, (TorrentFile, Result<(), PreloadError>)>;

/// Told how far each file is, a few times a second.
pub(super) type ProgressReport = dyn Fn(&TorrentFile, PreloadProgress) + Send + Sync;

/// Files that are to be on the server.
pub(super) struct PreloadBatch<'a, S> {
    vfs: Arc<Vfs<S>>,
    parts: FileParts,
    report: &'a ProgressReport,
    /// At most as many as the mount has files.
    waiting: VecDeque<TorrentFile>,
    running: FuturesUnordered<RunningPreload<'a>>,
    /// Told of all of them.
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

    /// Resolves when a file has ended, or is stuck and tried again after the others; to `None`
    /// when there is none left.
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
                // A server that has just started does not know all of its torrents; the tree keeps
                // them until it is sure.
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
