//! The state of one server on disk. Every call waits for the disk.
//!
//! ```text
//! lock                       held while the index is read and replaced, never for long
//! index.json                 which torrents there are and were, their names and times
//! progress.json              what was last listed of them; its loss costs figures only
//! torrents/<info hash>.json  its details; also of torrents that the index does not have yet
//! proofs/<info hash>.json    its files on this machine that were proven; under the lock
//! absences.json              which torrents the server's listing lacked
//! ```

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rqbit_source::KeptProof;
use vfs_core::{FileId, InfoHash, Remembered, TorrentDetails, TorrentSummary};

use super::absences::Absences;
use super::envelope::Fault;
use super::file::{check_is_ours, make_dir, read, remove_temporary, set_aside, sync_dir, write};
use super::index::{Event, Index};
use super::place::{Identity, server_dir};
use super::proofs::{ProofEvent, Proofs};
use super::wire::{WireDetails, WireProgress, WireSummary, to_summary, to_time};

/// The kinds of files.
const INDEX: &str = "index";
const PROGRESS: &str = "progress";
const TORRENT: &str = "torrent";
const PROOFS: &str = "proofs";
const ABSENCES: &str = "absences";

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
    /// Details of torrents that were never shown: they were recorded before the first tree was
    /// complete.
    pub(crate) early: Vec<TorrentDetails>,
    /// Which torrents the server's listing lacked.
    pub(crate) absences: Absences,
    /// Their files on this machine that were proven.
    pub(crate) proofs: Vec<(FileId, KeptProof)>,
}

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) events: Vec<Event>,
    /// When the set of torrents last changed, in seconds since 1970.
    pub(super) changed_at: Option<i64>,
    pub(super) details: Vec<TorrentDetails>,
    pub(super) progress: Option<Vec<TorrentSummary>>,
    pub(super) absences: Option<Absences>,
    /// What last became of the proofs of files.
    pub(super) proofs: BTreeMap<FileId, ProofEvent>,
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
        for dir in [store.torrents(), store.proofs()] {
            make_dir(&dir)?;
            // From the innermost to the one of all servers.
            let mut ours = dir.ancestors().take_while(|path| path.starts_with(state_dir));
            ours.try_for_each(check_is_ours)?;
            remove_temporary(&dir);
        }
        remove_temporary(&store.dir);
        Ok(store)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Reads what was known. What is damaged is left out and set aside.
    pub(super) fn load(&self) -> io::Result<KnownTree> {
        let _lock = self.lock()?;
        let index = self.read_index()?.unwrap_or_default();
        let progress: Option<WireProgress> = read(&self.dir.join("progress.json"), PROGRESS)?;
        let progress = progress.into_iter().flat_map(|progress| progress.torrents);
        let mut progress: HashMap<_, _> =
            progress.map(|summary| (summary.info_hash, summary)).collect();

        let mut known =
            KnownTree { changed_at: index.changed_at.map(to_time), ..KnownTree::default() };
        known.absences = read(&self.dir.join("absences.json"), ABSENCES)?.unwrap_or_default();
        known.early = self.load_early(&index);
        for (position, entry) in index.present().enumerate() {
            let Some(details) = self.details(entry.info_hash) else { continue };
            let summary = progress.remove(&entry.info_hash);
            known.listing.push(to_summary(&details, position, summary));
            known.details.push(details);
        }
        let present: HashSet<_> = known.details.iter().map(|details| details.info_hash).collect();
        known.proofs = self.load_proofs(&present);
        let remembered = index.torrents.into_iter().map(|entry| Remembered {
            info_hash: entry.info_hash,
            name: entry.name,
            first_seen: to_time(entry.first_seen),
        });
        known.remembered = remembered.collect();
        Ok(known)
    }

    /// Reads the details of torrents that the index does not have.
    fn load_early(&self, index: &Index) -> Vec<TorrentDetails> {
        let indexed: HashSet<_> = index.torrents.iter().map(|entry| entry.info_hash).collect();
        hashes_in(&self.torrents())
            .filter(|info_hash| !indexed.contains(info_hash))
            .filter_map(|info_hash| self.details(info_hash))
            .collect()
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
        // After the index: those of a torrent that it does not name are removed at the next start.
        self.write_proofs(batch)?;
        if let Some(progress) = &batch.progress {
            let progress =
                WireProgress { torrents: progress.iter().map(WireSummary::from).collect() };
            write(&self.dir.join("progress.json"), PROGRESS, &progress)?;
        }
        if let Some(absences) = &batch.absences {
            write(&self.dir.join("absences.json"), ABSENCES, absences)?;
        }
        Ok(())
    }

    /// Reads the proofs of torrents that are there, and removes those of others.
    fn load_proofs(&self, present: &HashSet<InfoHash>) -> Vec<(FileId, KeptProof)> {
        let mut kept = Vec::new();
        for info_hash in hashes_in(&self.proofs()) {
            if present.contains(&info_hash) {
                let proofs = self.read_proofs(info_hash);
                kept.extend(proofs.into_iter().flat_map(Proofs::into_kept));
            } else {
                self.remove_proofs(info_hash);
            }
        }
        kept
    }

    /// Reads the proofs of a torrent. What cannot be read costs another proof.
    fn read_proofs(&self, info_hash: InfoHash) -> Option<Proofs> {
        let path = self.proofs_of(info_hash);
        let proofs: Option<Proofs> = read(&path, PROOFS).unwrap_or_else(|error| {
            tracing::warn!(path = %path.display(), %error, "a state file cannot be read");
            None
        });
        if proofs.as_ref().is_some_and(|proofs| proofs.info_hash != info_hash) {
            set_aside(&path, Fault::Damaged);
            return None;
        }
        proofs
    }

    /// Writes what became of the proofs of files, and removes those of torrents that are gone.
    fn write_proofs(&self, batch: &Batch) -> io::Result<()> {
        let gone: Vec<_> = batch.events.iter().filter(|event| event.name.is_none()).collect();
        if batch.proofs.is_empty() && gone.is_empty() {
            return Ok(());
        }
        // Another mount of this server writes the same files.
        let _lock = self.lock()?;
        gone.iter().for_each(|event| self.remove_proofs(event.info_hash));
        let mut torrents: BTreeMap<InfoHash, Proofs> = BTreeMap::new();
        for (file, event) in &batch.proofs {
            let of = file.torrent;
            let known = || self.read_proofs(of).unwrap_or_else(|| Proofs::new(of));
            torrents.entry(of).or_insert_with(known).merge(file.index, event);
        }
        for (info_hash, proofs) in &torrents {
            if proofs.is_empty() {
                self.remove_proofs(*info_hash);
            } else {
                write(&self.proofs_of(*info_hash), PROOFS, proofs)?;
            }
        }
        sync_dir(&self.proofs())
    }

    fn remove_proofs(&self, info_hash: InfoHash) {
        let path = self.proofs_of(info_hash);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                // It is looked at before it is believed, and costs some hundred bytes until then.
                tracing::debug!(path = %path.display(), %error, "proofs are not removed");
            }
            Ok(()) | Err(_) => {}
        }
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
            let known = self.details(details.info_hash);
            if known.is_none_or(|known| is_improvement(&known, details)) {
                let path = self.torrent(details.info_hash);
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

    fn proofs(&self) -> PathBuf {
        self.dir.join("proofs")
    }

    fn proofs_of(&self, info_hash: InfoHash) -> PathBuf {
        self.proofs().join(format!("{info_hash}.json"))
    }

    fn torrent(&self, info_hash: InfoHash) -> PathBuf {
        self.torrents().join(format!("{info_hash}.json"))
    }
}

/// Returns the info hashes that the files of a directory are named after. Files that were set aside
/// and temporary ones have other names.
fn hashes_in(dir: &Path) -> impl Iterator<Item = InfoHash> {
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".json")?.parse().ok())
}

/// Returns whether details are kept over those that are known. Details that came without metadata
/// do not replace those that came with it: another mount of the server may have it already.
fn is_improvement(known: &TorrentDetails, new: &TorrentDetails) -> bool {
    new.piece_len.is_some() || known.piece_len.is_none()
}
