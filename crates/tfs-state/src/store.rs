//! The state of one server on disk. All functions block on the disk.
//!
//! ```text
//! lock        held while the log is read or written, for seconds at most
//! state.log   the state of the server, see log.rs
//! ```

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use vfs_core::{InfoHash, TorrentDetails};

use super::batch::WriteBatch;
use super::file::{keep_damaged, lock, make_private_below, remove_temporary, set_aside};
use super::known::KnownTree;
use super::log::{Damage, StateLog};
use super::log_file::{APPEND_BYTES, is_forbidden};
use super::place::{ServerIdentity, server_dir};
use super::record::{RecordKind, put};
use super::version1::Version1;
use super::wire::{WireDetails, WireSummary};

/// The state of one server.
#[derive(Debug)]
pub(super) struct StateStore {
    dir: PathBuf,
    identity: ServerIdentity,
    /// Held while the log is read or written.
    log: Mutex<StateLog>,
    /// Whether pending writes are abandoned.
    is_given_up: AtomicBool,
    /// Whether there are files of version 0.1.0 whose content the log has.
    has_old_files: AtomicBool,
}

impl StateStore {
    /// Creates the directories if they do not exist. Existing ones must belong to this user only.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn open(state_dir: &Path, identity: ServerIdentity) -> io::Result<Self> {
        let dir = server_dir(state_dir, &identity);
        make_private_below(state_dir, &dir)?;
        remove_temporary(&dir);
        let log = Mutex::new(StateLog::new(&dir, identity.as_str()));
        let [is_given_up, has_old_files] = [false, false].map(AtomicBool::new);
        Ok(Self { dir, identity, log, is_given_up, has_old_files })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the last known tree. `now` is in seconds since 1970. Damaged parts are skipped and
    /// saved to a backup. Files of version 0.1.0 are imported.
    ///
    /// # Errors
    /// Those of the system, and [`ErrorKind::Unsupported`] if a later version wrote the state; then
    /// no file is changed.
    pub(super) fn load(&self, now: i64) -> io::Result<KnownTree> {
        // A directory without write access can still be read.
        let lock = match self.lock() {
            Ok(lock) => Some(lock),
            Err(error) if is_forbidden(&error) => None,
            Err(error) => return Err(error),
        };
        let mut log = self.log();
        // The message names the directory, which the user does not know.
        let named = |error: io::Error| {
            if error.kind() == ErrorKind::Unsupported {
                return io::Error::new(error.kind(), format!("{}: {error}", self.dir.display()));
            }
            error
        };
        let (mut contents, mut damage) = log.load().map_err(named)?;
        let server = self.identity.as_str();
        if contents.server.as_ref().is_some_and(|known| known != server) {
            // Another server's log can only be here after a hash collision.
            set_aside(&log.path());
            (contents, damage) = log.load()?;
        }
        if damage.line_count > 0 {
            self.repair(&mut log, &damage, now);
        }
        if let Some(files) = Version1::find(&self.dir, server) {
            match files.import(&mut contents, &mut log) {
                Ok(()) => self.has_old_files.store(true, Ordering::Relaxed),
                Err(error) if error.kind() == ErrorKind::Unsupported => return Err(named(error)),
                Err(error) => {
                    let dir = self.dir.display();
                    tracing::warn!(%dir, %error, "the state of version 0.1.0 stays as it is");
                }
            }
        }
        drop(lock);
        Ok(contents.into_known(now))
    }

    /// Removes the files of version 0.1.0 that [`load`](Self::load) imported, if there were any.
    pub(super) fn remove_old_files(&self) {
        if !self.has_old_files.swap(false, Ordering::Relaxed) {
            return;
        }
        let files = Version1::find(&self.dir, self.identity.as_str());
        if let Some(Err(error)) = files.map(|files| files.remove(&self.is_given_up)) {
            let dir = self.dir.display();
            tracing::debug!(%dir, %error, "files of version 0.1.0 are left for the next mount");
        }
    }

    /// Saves damaged lines to a backup, and rewrites the log without them.
    fn repair(&self, log: &mut StateLog, damage: &Damage, now: i64) {
        let (path, count) = (log.path(), damage.line_count);
        let kept = keep_damaged(&path, &damage.bytes).and_then(|aside| {
            log.catch_up()?;
            log.checkpoint(now)?;
            Ok(aside)
        });
        let path = path.display();
        match kept {
            Ok(aside) => {
                let now = aside.display();
                tracing::warn!(%path, count, %now, "damaged records of the state are set aside");
            }
            Err(error) => {
                tracing::warn!(%path, count, %error, "damaged records of the state are left out");
            }
        }
    }

    /// Reads the details of a torrent, if the log has them.
    pub(super) fn details(&self, torrent: InfoHash) -> Option<TorrentDetails> {
        self.log().read_details(torrent)
    }

    /// Appends a batch. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// Those of the system, and [`ErrorKind::Unsupported`] if a later version has written the log
    /// since.
    pub(super) fn write(&self, batch: &WriteBatch, now: i64) -> io::Result<()> {
        // The file lock first: a thread that reads details takes only the mutex, and never waits
        // for another process.
        let lock = self.lock()?;
        let mut log = self.log();
        log.catch_up()?;
        let mut lines = Vec::new();
        // Before the events, which refer to them.
        for details in &batch.details {
            let wire = WireDetails::from(details);
            if put(&mut lines, RecordKind::Torrent, Some(details.info_hash), &wire).is_none() {
                tracing::debug!(torrent = %details.info_hash, "too many files to be kept");
            }
            self.append_if_many(&mut log, &mut lines)?;
        }
        batch.put_small(&mut lines);
        for summary in &batch.progress {
            put(
                &mut lines,
                RecordKind::Progress,
                Some(summary.info_hash),
                &WireSummary::from(summary),
            );
            self.append_if_many(&mut log, &mut lines)?;
        }
        log.append(&lines)?;
        if log.is_outdated()
            && let Err(error) = log.checkpoint(now)
        {
            // The log is complete, only too long; the next write tries again.
            tracing::debug!(dir = %self.dir.display(), %error, "the log stays long");
        }
        let file = log.file()?;
        drop(log);
        drop(lock);
        // Without a sync, only a crash of the machine loses data. Names and times cannot be
        // requested again, so they are synced at once.
        if batch.changed_at.is_some() { file.sync_data() } else { Ok(()) }
    }

    fn append_if_many(&self, log: &mut StateLog, lines: &mut Vec<u8>) -> io::Result<()> {
        if lines.len() < APPEND_BYTES {
            return Ok(());
        }
        if self.is_given_up.load(Ordering::Relaxed) {
            return Err(io::Error::other("the mount has ended"));
        }
        log.append(lines)?;
        lines.clear();
        Ok(())
    }

    /// Ends the current write before its next part, and all later ones.
    pub(super) fn give_up(&self) {
        self.is_given_up.store(true, Ordering::Relaxed);
    }

    fn log(&self) -> MutexGuard<'_, StateLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the lock. Closing the file releases it.
    fn lock(&self) -> io::Result<File> {
        lock(&self.dir.join("lock"))
    }
}
