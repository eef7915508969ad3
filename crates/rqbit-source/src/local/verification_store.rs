//! Persistent verifications: with them a file can be read without its server, also after a restart.
//!
//! A record holds the folder reported by the server, the path below it, and the [`FileIdentity`] of
//! the file. The current settings map the folder to this machine, so folders that they no longer
//! cover are not used. The path is opened with the same protection as any other.
//!
//! Why piece hashes are not persisted: `docs/dev/adr/0011-keep-verifications-not-hashes.md`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vfs_core::FileId;

use super::file::ProvenFile;
use super::identity::FileIdentity;
use super::place::{LocalPaths, OutputFolder, relative_path};
use crate::buffers::Buffers;

/// A verified complete file, in a form that is valid across runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedFileRecord {
    /// Folder of its torrent, as the server reports it.
    pub folder: String,
    /// Path below the folder.
    pub below: String,
    /// Identity of the file when it was verified.
    pub identity: FileIdentity,
}

/// Stores verifications for the next run. Methods are called on any thread and must not block.
pub trait VerificationStore: fmt::Debug + Send + Sync + 'static {
    /// Stores the verification of a file; replaces an older one.
    fn keep(&self, file: FileId, proof: &VerifiedFileRecord);

    /// Removes this verification of a file, which is no longer valid.
    fn discard(&self, file: FileId, proof: &VerifiedFileRecord);
}

impl VerifiedFileRecord {
    /// Returns the record of a file below a folder. `None` if its path is not UTF-8; paths of
    /// torrents always are.
    pub(super) fn new(folder: &str, below: &Path, identity: FileIdentity) -> Option<Self> {
        Some(Self { folder: folder.to_owned(), below: below.to_str()?.to_owned(), identity })
    }

    /// Opens the file of `len` bytes. `None` if it cannot be opened.
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

    /// Returns the path below the folder, if it is valid: it comes from a file that other programs
    /// may have changed.
    pub(super) fn path(&self) -> Option<PathBuf> {
        relative_path(&self.below.split('/').map(str::to_owned).collect::<Vec<_>>())
    }
}
