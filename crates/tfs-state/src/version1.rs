//! Imports the state files of version 0.1.0 into the log, once.
//!
//! ```text
//! index.json                 present and removed torrents, their names and times
//! progress.json              the last listing
//! torrents/<info hash>.json  the immutable properties of a torrent
//! proofs/<info hash>.json    its verified local files
//! ```

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use vfs_core::InfoHash;

use super::contents::{Contents, DecodedRecord};
use super::file::{read, set_aside};
use super::index::StateIndex;
use super::log::{StateLog, put_entry};
use super::log_file::APPEND_BYTES;
use super::proofs::KeptVerifications;
use super::record::{LogRecord, RecordKind, put};
use super::wire::{WireAt, WireDetails, WireProgress};

/// The kinds of files.
const INDEX: &str = "index";
const PROGRESS: &str = "progress";
const TORRENT: &str = "torrent";
const PROOFS: &str = "proofs";

/// The name of the index after its import. If it is renamed back, 0.1.0 can use it again.
const INDEX_TAKEN: &str = "index-0.1.0.json";

/// The files of version 0.1.0 in the directory of a server.
#[derive(Debug)]
pub(super) struct Version1<'a> {
    dir: &'a Path,
    server: &'a str,
}

/// Destination of the imported records.
struct Import<'a> {
    contents: &'a mut Contents,
    log: &'a mut StateLog,
    lines: Vec<u8>,
    /// The first error of the log.
    failed: io::Result<()>,
}

impl<'a> Version1<'a> {
    /// Returns the files in the directory of a server, if there are any.
    pub(super) fn find(dir: &'a Path, server: &'a str) -> Option<Self> {
        let it = Self { dir, server };
        let is_there = it.index().exists() || hashes_in(&it.torrents()).next().is_some();
        is_there.then_some(it)
    }

    /// Imports what the log lacks into `contents` and the log, and syncs the log. After a crash
    /// during the import, the next load imports again. Afterwards the files can be
    /// [removed](Self::remove).
    ///
    /// # Errors
    /// If the files cannot be read, a later version wrote them, or the log cannot be written.
    pub(super) fn import(&self, contents: &mut Contents, log: &mut StateLog) -> io::Result<()> {
        let index = self.read_index()?.unwrap_or_default();
        let named = contents.named();
        let had_tree = contents.has_tree();
        // If the log cannot be created, the import into `contents` continues.
        let failed = log.catch_up();
        let mut import = Import { contents, log, lines: Vec::new(), failed };
        for torrent in hashes_in(&self.torrents()) {
            if import.log.has_details(torrent) {
                continue;
            }
            if let Some(details) = self.read_details(torrent)? {
                put(&mut import.lines, RecordKind::Torrent, Some(torrent), &details);
                import.take(APPEND_BYTES)?;
            }
        }
        for entry in &index.torrents {
            if !named.contains(&entry.info_hash) {
                put_entry(&mut import.lines, entry);
            } else if let Some(at) = entry.removed_at.filter(|_| !had_tree) {
                // A crash may have left the first of the two records only.
                put(&mut import.lines, RecordKind::Went, Some(entry.info_hash), &WireAt { at });
            }
        }
        self.import_proofs(&index, had_tree, &mut import)?;
        if !had_tree {
            let progress: Option<WireProgress> = read(&self.progress(), PROGRESS)?;
            for summary in progress.into_iter().flat_map(|progress| progress.torrents) {
                put(&mut import.lines, RecordKind::Progress, Some(summary.info_hash), &summary);
                import.take(APPEND_BYTES)?;
            }
        }
        // The last record: without it, the next load imports everything again.
        if let Some(at) = index.changed_at.filter(|_| !had_tree) {
            put(&mut import.lines, RecordKind::Changed, None, &WireAt { at });
        }
        import.take(0)?;
        import.failed?;
        log.file()?.sync_data()?;
        File::open(self.dir)?.sync_all()
    }

    fn import_proofs(
        &self,
        index: &StateIndex,
        had_tree: bool,
        import: &mut Import<'_>,
    ) -> io::Result<()> {
        let present: HashSet<_> = index.present().map(|entry| entry.info_hash).collect();
        for torrent in hashes_in(&self.proofs()).filter(|torrent| present.contains(torrent)) {
            // The log has newer ones, unless a crash interrupted an import.
            if had_tree && import.contents.has_proofs(torrent) {
                continue;
            }
            let path = self.proofs().join(format!("{torrent}.json"));
            let proofs: Option<KeptVerifications> = read(&path, PROOFS)?;
            let Some(proofs) = proofs.filter(|proofs| is_of(&path, proofs.info_hash, torrent))
            else {
                continue;
            };
            for verified in proofs.to_wire() {
                put(&mut import.lines, RecordKind::Verified, Some(torrent), &verified);
            }
        }
        Ok(())
    }

    /// Reads the index. The index of another server, possible only after a hash collision, counts
    /// as damaged.
    fn read_index(&self) -> io::Result<Option<StateIndex>> {
        let path = self.index();
        let index: Option<StateIndex> = read(&path, INDEX)?;
        if index.as_ref().is_some_and(|index| index.identity != self.server) {
            set_aside(&path);
            return Ok(None);
        }
        Ok(index)
    }

    fn read_details(&self, torrent: InfoHash) -> io::Result<Option<WireDetails>> {
        let path = self.torrents().join(format!("{torrent}.json"));
        let details: Option<WireDetails> = read(&path, TORRENT)?;
        Ok(details.filter(|details| is_of(&path, details.info_hash, torrent)))
    }

    /// Removes the imported files. It needs no lock, and takes seconds for a large library. The
    /// index is removed last, by renaming it. Ends early once `is_given_up`; then the next mount
    /// continues.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn remove(&self, is_given_up: &AtomicBool) -> io::Result<()> {
        for dir in [self.torrents(), self.proofs()] {
            for torrent in hashes_in(&dir) {
                if is_given_up.load(Ordering::Relaxed) {
                    return Ok(());
                }
                is_gone(fs::remove_file(dir.join(format!("{torrent}.json"))))?;
            }
            // Backups of damaged files stay, and their directory with them.
            drop(fs::remove_dir(&dir));
        }
        is_gone(fs::remove_file(self.progress()))?;
        let taken = self.dir.join(INDEX_TAKEN);
        is_gone(if taken.exists() {
            // A renamed index already exists, as a 0.1.0 that was still running has created a new
            // one. The renamed one has more content.
            fs::remove_file(self.index())
        } else {
            fs::rename(self.index(), taken)
        })
    }

    fn index(&self) -> PathBuf {
        self.dir.join("index.json")
    }

    fn progress(&self) -> PathBuf {
        self.dir.join("progress.json")
    }

    fn torrents(&self) -> PathBuf {
        self.dir.join("torrents")
    }

    fn proofs(&self) -> PathBuf {
        self.dir.join("proofs")
    }
}

impl Import<'_> {
    /// Applies the collected records, if they have more than `bytes_max` bytes.
    fn take(&mut self, bytes_max: usize) -> io::Result<()> {
        if self.lines.len() <= bytes_max {
            return Ok(());
        }
        for line in self.lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let applied = LogRecord::parse(line)
                .and_then(|record| self.contents.apply(&record, DecodedRecord::of(&record)?));
            applied.map_err(io::Error::other)?;
        }
        if self.failed.is_ok() {
            self.failed = self.log.append(&self.lines);
        }
        self.lines.clear();
        Ok(())
    }
}

/// Ignores the error if another process has already removed the file.
fn is_gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Returns whether a file's content matches the info hash in its name; otherwise renames it.
fn is_of(path: &Path, info_hash: InfoHash, torrent: InfoHash) -> bool {
    if info_hash != torrent {
        set_aside(path);
    }
    info_hash == torrent
}

/// Returns the info hashes in the file names of a directory. Backups have other names.
fn hashes_in(dir: &Path) -> impl Iterator<Item = InfoHash> {
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".json")?.parse().ok())
}
