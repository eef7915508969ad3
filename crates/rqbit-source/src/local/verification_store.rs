//! Proofs that outlive the process: with them a file is read without its server, also after a
//! restart.
//!
//! A proof is kept as the folder that the server named, the path below it, and the
//! [`FileIdentity`] that the file had. Where the folder is on this machine, the settings of today
//! say; so what they do not cover any more is not looked at, and the way to the file is guarded as
//! that to any other.
//!
//! Why hashes of pieces are not kept: `docs/dev/adr/0011-keep-verifications-not-hashes.md`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use vfs_core::FileId;

use super::file::ProvenFile;
use super::place::{LocalPaths, OutputFolder, relative_path};
use crate::buffers::Buffers;

/// How old the last change of a file has to be before its proof is kept. Filesystems tell times
/// apart by up to two seconds: until then another change may leave no trace.
pub(super) const SETTLED_AGE_MIN: Duration = Duration::from_secs(2);

/// What tells a file from what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity {
    /// The device that it is on.
    pub dev: u64,
    /// Its number there.
    pub ino: u64,
    /// Its length in bytes.
    pub len: u64,
    /// When its content was last changed, in seconds since 1970 and nanoseconds.
    pub modified: (i64, u64),
    /// When anything about it was last changed, which nobody can set back.
    pub changed: (i64, u64),
}

/// A complete file that was proven, in words that mean the same in the next run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedFileRecord {
    /// The folder of its torrent, as the server calls it.
    pub folder: String,
    /// The path below that.
    pub below: String,
    /// What the file was when it was proven.
    pub identity: FileIdentity,
}

/// Keeps proofs for the next run. What it is told comes from whatever thread; it must not wait.
pub trait VerificationStore: fmt::Debug + Send + Sync + 'static {
    /// Keeps the proof of a file, in place of an older one.
    fn keep(&self, file: FileId, proof: &VerifiedFileRecord);

    /// Lets go of this proof of a file, which does not hold any more.
    fn discard(&self, file: FileId, proof: &VerifiedFileRecord);
}

impl FileIdentity {
    /// Returns how long it takes from `now` on until a change of the file is sure to show. `None`
    /// of a file from the future, of which nobody can tell.
    pub(super) fn settles_in(&self, now: SystemTime) -> Option<Duration> {
        let (seconds, nanoseconds) = (u64::try_from(self.changed.0).ok()?, self.changed.1);
        let changed =
            Duration::from_secs(seconds).checked_add(Duration::from_nanos(nanoseconds))?;
        let now = now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let wait = changed.saturating_add(SETTLED_AGE_MIN).saturating_sub(now);
        (wait <= SETTLED_AGE_MIN).then_some(wait)
    }
}

impl VerifiedFileRecord {
    /// Returns the proof of a file below a folder. `None` if its path is no text, which that of a
    /// torrent always is.
    pub(super) fn new(folder: &str, below: &Path, identity: FileIdentity) -> Option<Self> {
        Some(Self { folder: folder.to_owned(), below: below.to_str()?.to_owned(), identity })
    }

    /// Opens the file of `len` bytes. `None` if it cannot be had.
    pub(super) fn open(
        &self,
        paths: &LocalPaths,
        len: u64,
        buffers: &Arc<Buffers>,
    ) -> Option<ProvenFile> {
        let folder = OutputFolder::open(paths.folder(&self.folder).ok()?).ok()?;
        let fd = folder.open_file(&self.path()?, len).ok()?;
        Some(ProvenFile::new(fd, self.identity, true, buffers))
    }

    /// Returns the path below the folder, if it is one: it comes from a file that anybody may have
    /// written to.
    pub(super) fn path(&self) -> Option<PathBuf> {
        relative_path(&self.below.split('/').map(str::to_owned).collect::<Vec<_>>())
    }
}
