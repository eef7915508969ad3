//! The state of one server on disk. Every call waits for the disk.
//!
//! ```text
//! lock                       held while the index is read and replaced, never for long
//! index.json                 which torrents there are and were, their names and times
//! progress.json              what was last listed of them; its loss costs figures only
//! torrents/<info hash>.json  what never changes; the same bytes, whoever writes them
//! ```

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use vfs_core::{InfoHash, Remembered, TorrentDetails, TorrentSummary};

use super::envelope::Fault;
use super::file::{check_is_ours, make_dir, read, remove_temporary, set_aside, sync_dir, write};
use super::index::{Event, Index};
use super::place::{Identity, server_dir};
use super::wire::{WireDetails, WireProgress, WireSummary, to_summary, to_time};

/// The kinds of files.
const INDEX: &str = "index";
const PROGRESS: &str = "progress";
const TORRENT: &str = "torrent";

/// How long another tfs may hold the lock. It holds it for milliseconds, unless it was stopped in
/// the middle.
const LOCK_TIME_MAX: Duration = Duration::from_secs(5);

/// How often the lock is tried meanwhile.
const LOCK_INTERVAL: Duration = Duration::from_millis(10);

/// How many threads write details at a time. Each waits for the disk for some milliseconds a file,
/// and a file system has those who wait together wait once: ten thousand files take 47 s one by one
/// and 9 s so.
const WRITERS_MAX: usize = 16;

/// What was known when tfs ended.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct KnownTree {
    /// When the set of torrents last changed, in seconds since 1970; `None` if nothing is known.
    pub(crate) changed_at: Option<i64>,
    /// All torrents that are or were there.
    pub(crate) remembered: Vec<Remembered>,
    /// What was last listed of those that are there, in the order of the root directory.
    pub(crate) listing: Vec<TorrentSummary>,
    /// Their details.
    pub(crate) details: Vec<TorrentDetails>,
}

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) events: Vec<Event>,
    /// When the set of torrents last changed, in seconds since 1970.
    pub(super) changed_at: Option<i64>,
    pub(super) details: Vec<TorrentDetails>,
    pub(super) progress: Option<Vec<TorrentSummary>>,
}

#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
    identity: Identity,
    /// Whether nobody waits for a write any more.
    is_given_up: AtomicBool,
}

impl Store {
    /// Makes the directories, if they are not there; those that are have to be this user's alone.
    pub(super) fn open(state_dir: &Path, identity: Identity) -> io::Result<Self> {
        let dir = server_dir(state_dir, &identity);
        let store = Self { dir, identity, is_given_up: AtomicBool::new(false) };
        make_dir(&store.torrents())?;
        // From the innermost to the one of all servers.
        let torrents = store.torrents();
        let mut ours = torrents.ancestors().take_while(|path| path.starts_with(state_dir));
        ours.try_for_each(check_is_ours)?;
        remove_temporary(&store.dir);
        remove_temporary(&store.torrents());
        Ok(store)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Reads what was known. What is damaged is left out and set aside.
    pub(super) fn load(&self) -> io::Result<KnownTree> {
        let _lock = self.lock()?;
        let Some(index) = self.read_index()? else { return Ok(KnownTree::default()) };
        let progress: Option<WireProgress> = read(&self.dir.join("progress.json"), PROGRESS)?;
        let progress = progress.into_iter().flat_map(|progress| progress.torrents);
        let mut progress: HashMap<_, _> =
            progress.map(|summary| (summary.info_hash, summary)).collect();

        let mut known =
            KnownTree { changed_at: index.changed_at.map(to_time), ..KnownTree::default() };
        for (position, entry) in index.present().enumerate() {
            let Some(details) = self.details(entry.info_hash) else { continue };
            let summary = progress.remove(&entry.info_hash);
            known.listing.push(to_summary(&details, position, summary));
            known.details.push(details);
        }
        let remembered = index.torrents.into_iter().map(|entry| Remembered {
            info_hash: entry.info_hash,
            name: entry.name,
            first_seen: to_time(entry.first_seen),
        });
        known.remembered = remembered.collect();
        Ok(known)
    }

    /// Reads the details of a torrent, if they are there and of use.
    pub(super) fn details(&self, info_hash: InfoHash) -> Option<TorrentDetails> {
        let path = self.torrent(info_hash);
        let details: Option<WireDetails> = read(&path, TORRENT).unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "a state file cannot be read");
            None
        });
        let details = TorrentDetails::from(details?);
        if details.info_hash != info_hash {
            set_aside(&path, Fault::Damaged);
            return None;
        }
        Some(details)
    }

    /// Writes a batch, and forgets what is gone for long.
    pub(super) fn write(&self, batch: &Batch, now: i64) -> io::Result<()> {
        // Before the index: what it names is there.
        self.write_details(&batch.details)?;
        let mut expired = Vec::new();
        if batch.changed_at.is_some() {
            let _lock = self.lock()?;
            let mut index = self.read_index()?.unwrap_or_default();
            index.identity = self.identity.as_str().to_owned();
            index.merge(&batch.events);
            index.changed_at = batch.changed_at;
            expired = index.expire(now);
            write(&self.dir.join("index.json"), INDEX, &index)?;
            sync_dir(&self.dir)?;
        }
        for info_hash in expired {
            // A file too many costs a few kilobytes.
            drop(fs::remove_file(self.torrent(info_hash)));
        }
        if let Some(progress) = &batch.progress {
            let progress =
                WireProgress { torrents: progress.iter().map(WireSummary::from).collect() };
            write(&self.dir.join("progress.json"), PROGRESS, &progress)?;
        }
        Ok(())
    }

    /// Ends a write that is under way, and those to come, before the next file.
    pub(super) fn give_up(&self) {
        self.is_given_up.store(true, Ordering::Relaxed);
    }

    fn write_details(&self, details: &[TorrentDetails]) -> io::Result<()> {
        if details.is_empty() {
            return Ok(());
        }
        thread::scope(|scope| {
            let parts = details.chunks(details.len().div_ceil(WRITERS_MAX));
            let writers: Vec<_> = parts.map(|part| scope.spawn(|| self.write_part(part))).collect();
            let panicked = |_panic| Err(io::Error::other("a writer panicked"));
            writers.into_iter().try_for_each(|writer| writer.join().unwrap_or_else(panicked))
        })?;
        sync_dir(&self.torrents())
    }

    fn write_part(&self, details: &[TorrentDetails]) -> io::Result<()> {
        for details in details {
            if self.is_given_up.load(Ordering::Relaxed) {
                return Err(io::Error::other("the mount has ended"));
            }
            let path = self.torrent(details.info_hash);
            if !path.exists() {
                write(&path, TORRENT, &WireDetails::from(details))?;
            }
        }
        Ok(())
    }

    /// Reads the index. One of another server, which only a hash in common can bring here, counts
    /// as damaged.
    fn read_index(&self) -> io::Result<Option<Index>> {
        let path = self.dir.join("index.json");
        let index: Option<Index> = read(&path, INDEX)?;
        if index.as_ref().is_some_and(|index| index.identity != self.identity.as_str()) {
            set_aside(&path, Fault::Damaged);
            return Ok(None);
        }
        Ok(index)
    }

    /// Waits for the lock, which ends when the file is closed.
    fn lock(&self) -> io::Result<File> {
        let path = self.dir.join("lock");
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if start.elapsed() < LOCK_TIME_MAX => {
                    thread::sleep(LOCK_INTERVAL);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn torrents(&self) -> PathBuf {
        self.dir.join("torrents")
    }

    fn torrent(&self, info_hash: InfoHash) -> PathBuf {
        self.torrents().join(format!("{info_hash}.json"))
    }
}
