//! The state of a server as version 0.1.0 wrote it, which is read once and taken into the log.
//!
//! ```text
//! index.json                 which torrents there are and were, their names and times
//! progress.json              what was last listed of them
//! torrents/<info hash>.json  what never changes
//! proofs/<info hash>.json    its files on this machine that were verified
//! ```

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use vfs_core::InfoHash;

use super::contents::Contents;
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

/// What the index is called once it is in the log. 0.1.0 goes on with it if it gets its name back.
const INDEX_TAKEN: &str = "index-0.1.0.json";

/// The files of version 0.1.0 in the directory of a server.
#[derive(Debug)]
pub(super) struct Version1<'a> {
    dir: &'a Path,
    server: &'a str,
}

/// Where the records of an import go.
struct Import<'a> {
    contents: &'a mut Contents,
    log: &'a mut StateLog,
    lines: Vec<u8>,
    /// What kept the log from taking them.
    failed: io::Result<()>,
}

impl<'a> Version1<'a> {
    /// Returns the files in the directory of a server, if there are any.
    pub(super) fn find(dir: &'a Path, server: &'a str) -> Option<Self> {
        let it = Self { dir, server };
        let is_there = it.index().exists() || hashes_in(&it.torrents()).next().is_some();
        is_there.then_some(it)
    }

    /// Takes what the log lacks of the files into `contents` and the log, and syncs that. A crash
    /// in between costs nothing: the files are looked at again. After it they can be
    /// [removed](Self::remove).
    ///
    /// # Errors
    /// If the files cannot be read, a later version wrote them, or the log cannot be written.
    pub(super) fn import(&self, contents: &mut Contents, log: &mut StateLog) -> io::Result<()> {
        let index = self.read_index()?.unwrap_or_default();
        let named = contents.named();
        let had_tree = contents.has_tree();
        // A log that exists is caught up with; where it cannot be made, what is known still counts.
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
                // A crash may have come between the two records of an entry.
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
        // The last record: without it, all is looked at again.
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
            // Those of the log are newer, unless a crash ended an import.
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

    /// Reads the index. One of another server, which only a hash in common can bring here, counts
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

    /// Removes what the log has, which takes seconds for a large library, and no lock. The index
    /// goes last, and stays under another name. Ends early once `is_given_up`; then the next mount
    /// goes on.
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
            // What was set aside stays, and the directory with it.
            drop(fs::remove_dir(&dir));
        }
        is_gone(fs::remove_file(self.progress()))?;
        let taken = self.dir.join(INDEX_TAKEN);
        is_gone(if taken.exists() {
            // One that a 0.1.0 began which was still running then. The other has more in it.
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
    /// Takes over the records that were put, if they have more than `bytes_max` bytes.
    fn take(&mut self, bytes_max: usize) -> io::Result<()> {
        if self.lines.len() <= bytes_max {
            return Ok(());
        }
        for line in self.lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let applied = LogRecord::parse(line).and_then(|record| self.contents.apply(&record));
            applied.map_err(io::Error::other)?;
        }
        if self.failed.is_ok() {
            self.failed = self.log.append(&self.lines);
        }
        self.lines.clear();
        Ok(())
    }
}

/// Takes it for success that another process has removed a file already.
fn is_gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Returns whether a file is about the torrent that it is named after; else sets it aside.
fn is_of(path: &Path, info_hash: InfoHash, torrent: InfoHash) -> bool {
    if info_hash != torrent {
        set_aside(path);
    }
    info_hash == torrent
}

/// Returns the info hashes that the files of a directory are named after. Files that were set aside
/// have other names.
fn hashes_in(dir: &Path) -> impl Iterator<Item = InfoHash> {
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".json")?.parse().ok())
}
