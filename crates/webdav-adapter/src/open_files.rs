//! Open files between requests.
//!
//! A player asks for a file in many ranges, often with a new connection for each. A file that is
//! opened anew for each of them would look like a new reader each time: its streams at the server
//! would be closed with it. A file is used by one request at a time, as two positions in one file
//! would look like random reads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use vfs_core::{Export, ExportFile, Ino, ReaderOrigin, TorrentSource, VfsError};

/// How long a file stays open without a request. It is a reader of the status meanwhile, and keeps
/// the tree busy.
const IDLE_TIME_MAX: Duration = Duration::from_secs(3);

/// Interval of the check for idle files.
const CLEAN_INTERVAL: Duration = Duration::from_secs(1);

/// Maximum number of idle files.
const IDLE_FILES_MAX: usize = 128;

/// Keeps files open for the next request of the same reader.
#[derive(Debug)]
pub(crate) struct OpenFiles<S: TorrentSource> {
    export: Export<S>,
    /// The files that no request reads, the oldest first. Held for one search.
    idle: Mutex<Vec<IdleFile<S>>>,
}

#[derive(Debug)]
struct IdleFile<S: TorrentSource> {
    opened: OpenedFile<S>,
    since: Instant,
}

/// A file that one request reads.
#[derive(Debug)]
pub(crate) struct OpenedFile<S: TorrentSource> {
    ino: Ino,
    origin: Arc<ReaderOrigin>,
    pub(crate) file: Arc<ExportFile<S>>,
    /// Where its last read ended.
    pub(crate) position: u64,
}

impl<S: TorrentSource> OpenFiles<S> {
    pub(crate) fn new(export: Export<S>) -> Self {
        Self { export, idle: Mutex::default() }
    }

    /// Opens a file for a reader who begins at `start`. Of the files that the reader left open, it
    /// takes the one that was read up to there, or else the newest.
    pub(crate) fn open(
        &self,
        ino: Ino,
        origin: &Arc<ReaderOrigin>,
        start: u64,
    ) -> Result<OpenedFile<S>, VfsError> {
        // A file of a torrent that is gone must not be served from here.
        let id = self.export.file_id(ino)?;
        let found = {
            let mut idle = self.idle();
            let is_it = |idle: &&IdleFile<S>| {
                let opened = &idle.opened;
                opened.ino == ino && opened.origin == *origin && opened.file.id() == id
            };
            let exact = |it: &IdleFile<S>| is_it(&it) && it.opened.position == start;
            let at =
                idle.iter().rposition(exact).or_else(|| idle.iter().rposition(|it| is_it(&it)));
            at.map(|at| idle.remove(at).opened)
        };
        if let Some(opened) = found {
            return Ok(OpenedFile { position: start, ..opened });
        }
        let file = Arc::new(self.export.open(ino, origin)?);
        Ok(OpenedFile { ino, origin: Arc::clone(origin), file, position: start })
    }

    /// Keeps a file for the next request.
    pub(crate) fn keep(&self, opened: OpenedFile<S>) {
        let mut idle = self.idle();
        let oldest = (idle.len() >= IDLE_FILES_MAX).then(|| idle.remove(0));
        idle.push(IdleFile { opened, since: Instant::now() });
        drop(idle);
        // Files are closed after the lock is free.
        drop(oldest);
    }

    /// Closes files that were idle for a while, for ever.
    pub(crate) async fn keep_clean(&self) {
        loop {
            sleep(CLEAN_INTERVAL).await;
            self.close_idle();
        }
    }

    fn close_idle(&self) {
        let now = Instant::now();
        let is_old = |idle: &mut IdleFile<S>| now.duration_since(idle.since) >= IDLE_TIME_MAX;
        let closed: Vec<_> = self.idle().extract_if(.., is_old).collect();
        drop(closed);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<IdleFile<S>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
