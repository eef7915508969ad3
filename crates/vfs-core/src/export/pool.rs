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
/// A file is closed once it was idle for the idle time, at the next call of
/// [`close_idle`](Self::close_idle), and earlier if too many are open.
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
    /// least one; files in use are not counted.
    #[must_use]
    pub fn new(export: Export<S>, idle_max: Duration, files_max: usize) -> Self {
        Self { export, idle_max, files_max: files_max.max(1), open: Mutex::default() }
    }

    /// Returns the file `ino`, which one reader has open once. Its idle time begins when the result
    /// is dropped.
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
        if open.len() >= self.files_max {
            close_oldest(&mut open);
        }
        open.insert(key, PooledFile { file: Arc::clone(&file), used_at: now });
        Ok(file)
    }

    /// Closes the files that were idle for the idle time.
    pub fn close_idle(&self) {
        let now = Instant::now();
        let is_idle = |pooled: &mut PooledFile<S>| {
            if Arc::strong_count(&pooled.file) > 1 {
                pooled.used_at = now;
            }
            now.duration_since(pooled.used_at) >= self.idle_max
        };
        // Files are closed after the lock is free.
        let closed: Vec<_> = self.files().extract_if(|_key, pooled| is_idle(pooled)).collect();
        drop(closed);
    }

    /// Closes the files of a reader, except those in use.
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

/// Removes the file that was unused for the longest time, of those that no read uses.
fn close_oldest<S: TorrentSource>(open: &mut HashMap<PoolKey, PooledFile<S>>) {
    let unused = open.iter().filter(|(_, pooled)| Arc::strong_count(&pooled.file) == 1);
    let oldest = unused.min_by_key(|(_, pooled)| pooled.used_at).map(|(key, _)| key.clone());
    if let Some(key) = oldest {
        open.remove(&key);
    }
}
