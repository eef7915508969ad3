//! The log of one server: an append-only file. When more than half of it is outdated, a shorter
//! file replaces it.
//!
//! The first line is `tfs-state 2`, the format and its version. Each other line is a
//! [record](super::record). Several processes may append. Each does so only while it holds the lock
//! file of the directory, after it has read what the others appended. All functions here except
//! [`StateLog::read_details`] require that lock.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use vfs_core::{InfoHash, NumberRange, TorrentDetails};

use super::contents::{Contents, DecodedRecord, Small};
use super::file::temporary_of;
use super::index::TorrentRecord;
use super::log_file::{APPEND_BYTES, StateLogFile, head};
use super::record::{RecordKind, put};
use super::selection::WireSelection;
use super::wire::{WireAt, WireCame, WireNumbers};

/// The file name of the log in the directory of a server.
pub(super) const LOG_NAME: &str = "state.log";

/// Maximum size of the backup of damaged lines, in bytes.
const DAMAGED_BYTES_MAX: usize = 16 << 20;

/// Minimum size of outdated data before the log is rewritten, in bytes, besides being more than
/// half of the log. Less is not worth rewriting the whole file.
const OUTDATED_BYTES_MIN: u64 = 1 << 20;

/// The damaged lines of a log.
#[derive(Debug, Default)]
pub(super) struct Damage {
    pub(super) line_count: usize,
    /// The lines, up to [`DAMAGED_BYTES_MAX`].
    pub(super) bytes: Vec<u8>,
}

/// A log, and this process's index of it.
#[derive(Debug)]
pub(super) struct StateLog {
    dir: PathBuf,
    server: String,
    file: Option<StateLogFile>,
}

impl StateLog {
    /// Returns the log of a server in a directory, without opening it.
    pub(super) fn new(dir: &Path, server: &str) -> Self {
        Self { dir: dir.to_owned(), server: server.to_owned(), file: None }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.dir.join(LOG_NAME)
    }

    /// Reads the log from its start; empty if there is none. Skips damaged lines.
    ///
    /// # Errors
    /// Those of the system, and [`ErrorKind::Unsupported`] if a later version wrote the log.
    pub(super) fn load(&mut self) -> io::Result<(Contents, Damage)> {
        let mut contents = Contents::default();
        let mut damage = Damage::default();
        self.file = None;
        let Some(mut file) = StateLogFile::open(&self.path())? else {
            return Ok((contents, damage));
        };
        file.read_on(DecodedRecord::of, |found, decoded| {
            if let (Some(record), Some(decoded)) = (&found.record, decoded) {
                return contents.apply(record, decoded?);
            }
            damage.line_count += 1;
            if damage.bytes.len() + found.bytes.len() < DAMAGED_BYTES_MAX {
                damage.bytes.extend_from_slice(found.bytes);
                damage.bytes.push(b'\n');
            }
            Ok(())
        })?;
        self.file = Some(file);
        Ok((contents, damage))
    }

    /// Prepares the log for [`append`](Self::append). Creates the file if there was none. Reads
    /// what other processes appended, or the whole file if it was replaced. Cuts off a partial
    /// record that a killed process left.
    ///
    /// # Errors
    /// As [`load`](Self::load), and [`ErrorKind::NotFound`] if a log that this process has read was
    /// removed. A new log with only the pending changes would be taken for the whole tree.
    pub(super) fn catch_up(&mut self) -> io::Result<()> {
        let path = self.path();
        let current = match fs::metadata(&path) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == ErrorKind::NotFound && self.file.is_none() => None,
            Err(error) => return Err(error),
        };
        let is_it = |file: &StateLogFile| {
            let known = file.file().metadata().map(|known| (known.dev(), known.ino()));
            current.as_ref().is_some_and(|current| {
                let is_same = known.is_ok_and(|known| known == (current.dev(), current.ino()));
                is_same && file.end() <= current.len()
            })
        };
        let known = self.file.take().filter(|file| file.is_writable() && is_it(file));
        let mut file = match known {
            Some(file) => file,
            None => StateLogFile::open_or_create(&path)?,
        };
        file.read_on(|_record| (), |_found, _decoded| Ok(()))?;
        file.cut_rest()?;
        if file.end() == 0 {
            file.append(&self.head())?;
        }
        self.file = Some(file);
        Ok(())
    }

    /// Appends lines of records, after [`catch_up`](Self::catch_up). Skips records that the log
    /// already contains.
    ///
    /// # Errors
    /// Those of the system. Then the log is unchanged.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.file.as_mut().ok_or_else(not_open)?.append(lines)
    }

    /// Returns the file, to be synced without the lock.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn file(&self) -> io::Result<File> {
        self.file.as_ref().ok_or_else(not_open)?.file().try_clone()
    }

    /// Returns whether more than half of the log is outdated.
    pub(super) fn is_outdated(&self) -> bool {
        self.file.as_ref().is_some_and(|file| {
            let live_bytes = file.places().live_bytes();
            file.end() > live_bytes.saturating_mul(2).saturating_add(OUTDATED_BYTES_MIN)
        })
    }

    /// Replaces the log, after [`catch_up`](Self::catch_up), with one that contains only the
    /// current records at `now`, in seconds since 1970. The new file is synced before it is
    /// renamed, so a crash leaves one of them.
    ///
    /// # Errors
    /// Those of the system. Then the log is unchanged.
    pub(super) fn checkpoint(&mut self, now: i64) -> io::Result<()> {
        let old = self.file.as_ref().ok_or_else(not_open)?;
        let temporary = &temporary_of(&self.path());
        // Left by a process that was killed; usually there is none.
        drop(fs::remove_file(temporary));
        let written = self.write_checkpoint(old, now, temporary).and_then(|new| {
            fs::rename(temporary, self.path())?;
            Ok(new)
        });
        match written {
            Ok(new) => self.file = Some(new),
            Err(error) => {
                // The file may not exist; the first error is returned.
                drop(fs::remove_file(temporary));
                return Err(error);
            }
        }
        File::open(&self.dir)?.sync_all()
    }

    fn write_checkpoint(
        &self,
        old: &StateLogFile,
        now: i64,
        temporary: &Path,
    ) -> io::Result<StateLogFile> {
        let mut contents = Contents::default();
        let mut with_details = Vec::new();
        old.each(
            0,
            |_record| (),
            |found, _decoded| {
                let Some(record) = &found.record else { return Ok(()) };
                if record.kind == RecordKind::Torrent
                    && old.places().is_last(record, found.place.offset)
                {
                    with_details.push(record.torrent()?);
                }
                contents.apply_small(record)
            },
        )?;
        let small = contents.into_small(now);
        let keeps = small.keeps(&with_details);
        let mut new = StateLogFile::create(temporary)?;
        let mut lines = self.head();
        put_small(&mut lines, &small);
        let mut appended = Ok(());
        old.each(
            0,
            |_record| (),
            |found, _decoded| {
                let Some(record) = &found.record else { return Ok(()) };
                if keeps.has(record) && old.places().is_last(record, found.place.offset) {
                    lines.extend_from_slice(found.bytes);
                    lines.push(b'\n');
                }
                if lines.len() >= APPEND_BYTES && appended.is_ok() {
                    appended = new.append(&lines);
                    lines.clear();
                }
                Ok(())
            },
        )?;
        appended?;
        new.append(&lines)?;
        new.file().sync_all()?;
        Ok(new)
    }

    /// Reads the details of a torrent that this process has indexed. Requires no lock: the open
    /// file only grows.
    pub(super) fn read_details(&self, torrent: InfoHash) -> Option<TorrentDetails> {
        self.file.as_ref()?.read_details(torrent)
    }

    /// Returns whether the log has details of a torrent.
    pub(super) fn has_details(&self, torrent: InfoHash) -> bool {
        self.file.as_ref().is_some_and(|file| file.places().torrent(torrent).is_some())
    }

    fn head(&self) -> Vec<u8> {
        let mut lines = head();
        put(&mut lines, RecordKind::Server, None, &self.server);
        lines
    }
}

/// Appends the records of the smaller parts to `lines`.
fn put_small(lines: &mut Vec<u8>, small: &Small) {
    for entry in &small.index.torrents {
        put_entry(lines, entry);
    }
    if let Some(at) = small.changed_at {
        put(lines, RecordKind::Changed, None, &WireAt { at });
    }
    for proofs in &small.proofs {
        for verified in proofs.to_wire() {
            put(lines, RecordKind::Verified, Some(proofs.info_hash), &verified);
        }
    }
    for (info_hash, NumberRange { first, count }) in &small.numbers {
        let numbers = WireNumbers { first: *first, count: *count };
        put(lines, RecordKind::Numbers, Some(*info_hash), &numbers);
    }
    for (info_hash, at) in &small.finished {
        put(lines, RecordKind::Finished, Some(*info_hash), &WireAt { at: *at });
    }
    for (info_hash, selection) in &small.selections {
        let selection = WireSelection::from(selection);
        put(lines, RecordKind::Selected, Some(*info_hash), &selection);
    }
    put(lines, RecordKind::Absences, None, &small.absences);
}

/// Appends the records of an index entry to `lines`.
pub(super) fn put_entry(lines: &mut Vec<u8>, entry: &TorrentRecord) {
    let came = WireCame { name: entry.name.clone(), at: entry.first_seen };
    put(lines, RecordKind::Came, Some(entry.info_hash), &came);
    if let Some(at) = entry.removed_at {
        put(lines, RecordKind::Went, Some(entry.info_hash), &WireAt { at });
    }
}

fn not_open() -> io::Error {
    io::Error::other("the log is not open")
}
