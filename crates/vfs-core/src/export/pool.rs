//! Open files by inode and reader, for protocols without open and close.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Export, ExportFile};
use crate::{Ino, ReaderOrigin, TorrentSource, VfsError};

/// The reader of a file, as the key of a pool.
type PoolKey = (Ino, Arc<ReaderOrigin>);

#[derive(Debug)]
struct PooledFile<S: TorrentSource> {
    file: Arc<ExportFile<S>>,
    used_at: Instant,
}

/// Keeps files open between reads. Without it, each read of NFS would open a stream at the server.
///
/// A file is closed by [`close_idle`](Self::close_idle), once no read has used it for the idle
/// time, and earlier if too many are open. A file in use stays open: its user closes it by
/// dropping it, if the pool no longer has it. Time is that of tokio.
#[derive(Debug)]
pub struct FilePool<S: TorrentSource> {
    export: Export<S>,
    idle_max: Duration,
    files_max: usize,
    /// Protects the open files; held for one access.
    open: Mutex<HashMap<PoolKey, PooledFile<S>>>,
}

impl<S: TorrentSource> FilePool<S> {
    /// Returns a pool that closes files after `idle_max`, and keeps at most `files_max` open, at
    /// least one. More are open only while more are in use.
    #[must_use]
    pub fn new(export: Export<S>, idle_max: Duration, files_max: usize) -> Self {
        Self { export, idle_max, files_max: files_max.max(1), open: Mutex::default() }
    }

    /// Returns the file `ino`, which one reader has open once. Its idle time begins at the last
    /// call of this or of [`close_idle`](Self::close_idle) before the result is dropped.
    ///
    /// # Errors
    /// As [`Export::open`].
    pub fn open(
        &self,
        ino: Ino,
        origin: &Arc<ReaderOrigin>,
    ) -> Result<Arc<ExportFile<S>>, VfsError> {
        let now = Instant::now();
        let mut open = self.files();
        let key = (ino, Arc::clone(origin));
        if let Some(pooled) = open.get_mut(&key) {
            pooled.used_at = now;
            return Ok(Arc::clone(&pooled.file));
        }
        let file = Arc::new(self.export.open(ino, origin)?);
        let closed = take_oldest(&mut open, self.files_max.saturating_sub(1));
        open.insert(key, PooledFile { file: Arc::clone(&file), used_at: now });
        drop(open);
        // Files are closed after the lock is free.
        drop(closed);
        Ok(file)
    }

    /// Closes the files that were idle for the idle time.
    pub fn close_idle(&self) {
        let now = Instant::now();
        let is_idle = |pooled: &mut PooledFile<S>| {
            if pooled.is_in_use() {
                pooled.used_at = now;
                return false;
            }
            now.duration_since(pooled.used_at) >= self.idle_max
        };
        // Files are closed after the lock is free.
        let closed: Vec<_> = self.files().extract_if(|_key, pooled| is_idle(pooled)).collect();
        drop(closed);
    }

    /// Closes the files of a reader. Those in use are closed when their reads end.
    pub fn close_reader(&self, origin: &ReaderOrigin) {
        let is_of = |(_, reader): &PoolKey| **reader == *origin;
        let closed: Vec<_> = self.files().extract_if(|key, _| is_of(key)).collect();
        drop(closed);
    }

    /// Returns the number of open files.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.files().len()
    }

    fn files(&self) -> MutexGuard<'_, HashMap<PoolKey, PooledFile<S>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: TorrentSource> PooledFile<S> {
    fn is_in_use(&self) -> bool {
        // The pool hands out files under its lock only.
        Arc::strong_count(&self.file) > 1
    }
}

/// Removes the files that were unused for the longest time until `files_max` are left. Those in use
/// stay.
fn take_oldest<S: TorrentSource>(
    open: &mut HashMap<PoolKey, PooledFile<S>>,
    files_max: usize,
) -> Vec<PooledFile<S>> {
    let mut taken = Vec::new();
    while open.len() > files_max {
        let unused = open.iter().filter(|(_, pooled)| !pooled.is_in_use());
        let oldest = unused.min_by_key(|(_, pooled)| pooled.used_at).map(|(key, _)| key.clone());
        let Some(oldest) = oldest.and_then(|key| open.remove(&key)) else { break };
        taken.push(oldest);
    }
    taken
}
