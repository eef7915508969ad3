//! The slots of a server as locked files, and the records of the processes that share them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{
    AtFlags, FlockOperation, Mode, OFlags, flock, fstat, ftruncate, openat, statat, unlinkat,
};
use rustix::io::{Errno, pread, pwrite};
use tfs_sys::runtime_dir::{RuntimeDir, RuntimeDirError};

use super::record::ProcessRecord;

/// File name extension of records.
const RECORD_EXTENSION: &str = "json";

/// Maximum size of a record: a thousand mounts.
const RECORD_BYTES_MAX: usize = 512 * 1024;

/// Number of records that this process has created.
static RECORD_COUNT: AtomicU64 = AtomicU64::new(0);

/// Maximum number of attempts to open a directory that others remove concurrently.
const TRIES_MAX: usize = 5;

/// The open directory of one server, with the record of this process.
///
/// # Invariants
/// 1. A record is locked while its process lives. Records are created, and those of dead processes
///    removed, under the lock of the directory.
/// 2. Only a process with a record opens slots. So a process that finds no other record may remove
///    the directory.
#[derive(Debug)]
pub(super) struct SlotDir {
    dir: RuntimeDir,
    record_name: String,
    record: OwnedFd,
    /// Slots that were ever tried. Their locks are taken and released.
    slots: BTreeMap<usize, OwnedFd>,
}

/// The records of all other live processes.
#[derive(Debug, Default)]
pub(super) struct Others {
    pub(super) records: Vec<ProcessRecord>,
    /// Number of records that could not be parsed.
    pub(super) unknown: usize,
}

impl SlotDir {
    /// Opens the directory `name` in `parent`. Creates both if they do not exist.
    ///
    /// # Errors
    /// [`RuntimeDirError`].
    pub(super) fn open(parent: &Path, name: &str) -> Result<Self, RuntimeDirError> {
        if let Some(runtime_dir) = parent.parent() {
            RuntimeDir::make_at(runtime_dir)?;
        }
        RuntimeDir::make_at(parent)?;
        let path = parent.join(name);
        let mut tries = 0;
        loop {
            tries += 1;
            let dir = RuntimeDir::make_at(&path)?;
            let record_name =
                format!("{}-{}.{RECORD_EXTENSION}", std::process::id(), unique_name());
            match dir.locked(|| make_record(&dir, &record_name)) {
                Ok(record) => {
                    return Ok(Self { dir, record_name, record, slots: BTreeMap::new() });
                }
                // The last process that used it has removed it in between.
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES_MAX => {}
                Err(source) => return Err(RuntimeDirError::Io { path, source }),
            }
        }
    }

    /// Returns the records of the processes that share a server's streams, for a process that does
    /// not take part.
    ///
    /// # Errors
    /// [`RuntimeDirError`].
    pub(super) fn scan(parent: &Path, name: &str) -> Result<Others, RuntimeDirError> {
        let path = parent.join(name);
        let Some(dir) = RuntimeDir::find_at(&path)? else { return Ok(Others::default()) };
        read_records(&dir, None, false).map_err(|source| RuntimeDirError::Io { path, source })
    }

    /// Locks a slot if no other process has. This process must not hold it.
    ///
    /// # Errors
    /// If the directory can no longer be used.
    pub(super) fn try_lock(&mut self, slot: usize) -> io::Result<bool> {
        let fd = match self.slots.remove(&slot) {
            Some(fd) => fd,
            None => open_in(&self.dir, &format!("slot.{slot}"), OFlags::CREATE | OFlags::RDWR)?,
        };
        let result = flock(&fd, FlockOperation::NonBlockingLockExclusive);
        self.slots.insert(slot, fd);
        match result {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Unlocks a slot.
    pub(super) fn unlock(&self, slot: usize) {
        if let Some(fd) = self.slots.get(&slot)
            && let Err(error) = flock(fd, FlockOperation::Unlock)
        {
            tracing::warn!(%error, slot, "cannot unlock a stream slot");
        }
    }

    /// Returns whether new processes would open the same files: the directory may have been removed
    /// with the user's session, and files by a cleaner.
    pub(super) fn is_current(&self, held: impl IntoIterator<Item = usize>) -> bool {
        let is_linked = |fd: &OwnedFd| fstat(fd).is_ok_and(|stat| stat.st_nlink > 0);
        self.is_here()
            && is_linked(&self.record)
            && held.into_iter().filter_map(|slot| self.slots.get(&slot)).all(is_linked)
    }

    /// Writes the record of this process.
    ///
    /// # Errors
    /// Those of the system, for example if the file system is full.
    pub(super) fn write(&self, record: &ProcessRecord) -> io::Result<()> {
        let text = serde_json::to_vec(record)?;
        // One call, so that a concurrent reader gets the whole record, or invalid JSON.
        let count = pwrite(&self.record, &text, 0)?;
        ftruncate(&self.record, count as u64)?;
        Ok(())
    }

    /// Returns the records of all other processes. Removes those of dead processes.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub(super) fn others(&self) -> io::Result<Others> {
        read_records(&self.dir, Some(&self.record_name), true)
    }
}

impl Drop for SlotDir {
    fn drop(&mut self) {
        if flock(self.dir.fd(), FlockOperation::NonBlockingLockExclusive).is_err() {
            // The next process that checks removes the rest.
            return;
        }
        _ = unlinkat(self.dir.fd(), &self.record_name, AtFlags::empty());
        let entries = entries(self.dir.path()).unwrap_or_default();
        if self.is_here() && entries.iter().all(|path| !is_record(path)) {
            for path in entries {
                drop(fs::remove_file(path));
            }
            drop(fs::remove_dir(self.dir.path()));
        }
    }
}

impl SlotDir {
    /// Returns whether the path still refers to the open directory.
    fn is_here(&self) -> bool {
        let there = statat(rustix::fs::CWD, self.dir.path(), AtFlags::SYMLINK_NOFOLLOW);
        matches!((fstat(self.dir.fd()), there), (Ok(here), Ok(there))
            if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino))
    }
}

fn make_record(dir: &RuntimeDir, name: &str) -> io::Result<OwnedFd> {
    let fd = open_in(dir, name, OFlags::CREATE | OFlags::EXCL | OFlags::RDWR)?;
    flock(&fd, FlockOperation::NonBlockingLockExclusive)?;
    Ok(fd)
}

/// Opens a file of the directory, with close-on-exec.
fn open_in(dir: &RuntimeDir, name: &str, flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(openat(dir.fd(), name, flags, Mode::RUSR | Mode::WUSR)?)
}

fn read_records(dir: &RuntimeDir, own: Option<&str>, removes: bool) -> io::Result<Others> {
    let mut others = Others::default();
    for path in entries(dir.path())?.into_iter().filter(|path| is_record(path)) {
        let Some(name) = path.file_name().and_then(OsStr::to_str) else { continue };
        if Some(name) == own {
            continue;
        }
        let Ok(fd) = open_in(dir, name, OFlags::RDONLY) else { continue };
        if flock(&fd, FlockOperation::NonBlockingLockShared).is_ok() {
            if removes {
                remove_dead(dir, name);
            }
            continue;
        }
        match read(&fd).ok().and_then(|text| ProcessRecord::parse(&text)) {
            Some(record) => others.records.push(record),
            None => others.unknown += 1,
        }
    }
    Ok(others)
}

/// Removes the record of a dead process. The lock of the directory excludes a record that is being
/// created and is not locked yet.
fn remove_dead(dir: &RuntimeDir, name: &str) {
    if flock(dir.fd(), FlockOperation::NonBlockingLockExclusive).is_err() {
        return;
    }
    let is_dead = open_in(dir, name, OFlags::RDONLY)
        .is_ok_and(|fd| flock(&fd, FlockOperation::NonBlockingLockShared).is_ok());
    if is_dead {
        _ = unlinkat(dir.fd(), name, AtFlags::empty());
    }
    _ = flock(dir.fd(), FlockOperation::Unlock);
}

fn read(fd: &OwnedFd) -> io::Result<Vec<u8>> {
    let len = usize::try_from(fstat(fd)?.st_size).unwrap_or(0);
    let mut text = vec![0; len.min(RECORD_BYTES_MAX)];
    let count = pread(fd, &mut text, 0)?;
    text.truncate(count);
    Ok(text)
}

fn entries(path: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect()
}

fn is_record(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.as_bytes() == RECORD_EXTENSION.as_bytes())
}

/// Returns a unique name: several records of one process differ, and so do those of processes with
/// the same id in two containers.
fn unique_name() -> String {
    let nth = RECORD_COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{nth}", super::now().since_start().as_nanos())
}
