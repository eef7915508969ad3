//! The seam to the disk of this machine: files of a source that can be read without it.

use std::error::Error as StdError;
use std::fmt;
use std::os::fd::BorrowedFd;

use std::sync::Arc;

use bytes::Bytes;

use crate::handle::OpenFile;
use crate::{Bitfield, ByteRange, Geometry, HandleId, TorrentSource, Vfs};

/// A file of a torrent on the disk of this machine, proven to be the one that the source has.
///
/// What it holds where pieces are missing is anything: zeros, or half of a piece. Whoever reads
/// knows which pieces are there.
pub trait LocalFile: fmt::Debug + Send + Sync + 'static {
    /// Returns all bytes of a range, or `None` if the disk would have to be waited for. Never
    /// waits.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn try_read(&self, range: ByteRange) -> Result<Option<Bytes>, LocalError>;

    /// Returns all bytes of a range, which is not empty and lies inside the file. May wait for the
    /// disk, and so is called on threads for that.
    ///
    /// # Errors
    /// If the file is not what it was, or the disk fails. It is of no use afterwards.
    fn read(&self, range: ByteRange) -> Result<Bytes, LocalError>;

    /// Returns the open file for a front end that can have the kernel read it, but only if nothing
    /// is missing in it. It is valid as long as `self`.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;
}

/// Why a file on this machine cannot be read any more.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// It was changed, cut or replaced since it was proven.
    #[error("the file on this machine is not what it was")]
    Changed,
    /// The disk failed.
    #[error("the file on this machine cannot be read")]
    Disk(#[source] std::io::Error),
}

/// What is wanted of a file on this machine.
#[derive(Debug, Clone)]
pub struct LocalWanted {
    /// The length of the file.
    pub len: u64,
    /// Where it lies among the pieces.
    pub geometry: Geometry,
    /// What the source has of it: only this can be proven.
    pub pieces: LocalPieces,
    /// What was proven of it the last time, if anything was: a proof is wanted of what is new.
    pub proven: Option<LocalPieces>,
    /// Whether pieces may be hashed. If not, only a complete file counts that was verified before
    /// and has not changed since: the source does not say at the moment which pieces it has.
    pub may_verify: bool,
}

/// Which pieces of a file are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalPieces {
    /// All of them.
    All,
    /// These pieces of its torrent.
    Some(Bitfield),
}

impl LocalPieces {
    /// Returns whether a piece is there.
    #[must_use]
    pub fn has(&self, piece_idx: u32) -> bool {
        match self {
            Self::All => true,
            Self::Some(have) => have.has(piece_idx),
        }
    }

    /// Returns where the bytes end that are there from the start of `range` on.
    pub(crate) fn have_until(&self, geometry: Geometry, range: ByteRange) -> u64 {
        match self {
            Self::All => range.end(),
            Self::Some(have) => geometry.have_until(have, range),
        }
    }

    /// Returns where the bytes end that are missing from the start of `range` on.
    pub(crate) fn missing_until(&self, geometry: Geometry, range: ByteRange) -> u64 {
        match self {
            Self::All => range.start(),
            Self::Some(have) => geometry.missing_until(have, range),
        }
    }
}

/// Why a file is not read from this machine's disk.
#[derive(Debug, thiserror::Error)]
pub enum NoLocalFile {
    /// Nobody wants that, or the source has no files on any disk.
    #[error("files of this server are not looked for on this machine")]
    Off,
    /// Nothing of it is there yet by which it could be proven.
    #[error("nothing of it is downloaded yet that could prove it")]
    NotYet,
    /// The source could not say what is needed to find or prove it.
    #[error("the server does not say what is needed to prove it")]
    Unknown(#[source] Box<dyn StdError + Send + Sync>),
    /// It was proven once, and is not what it was then. It has to be proven anew.
    #[error("it is not what it was when it was proven")]
    Changed,
    /// It is not there, or not the same.
    #[error("{0}")]
    Refused(Box<dyn StdError + Send + Sync>),
}

impl<S: TorrentSource> Vfs<S> {
    /// Returns the file on this machine's disk behind an open file, if all of it is there and it is
    /// open. Costs two short locks.
    #[must_use]
    pub fn whole_local_file(&self, handle: HandleId) -> Option<Arc<dyn LocalFile>> {
        let OpenFile::Torrent(file) = self.handles.get(handle).ok()? else { return None };
        self.engine.whole_local(file.id)
    }

    /// Returns whether [`find_local`](Self::find_local) needs no proof and nothing from the source:
    /// the file was complete when it was verified, and the source does not say otherwise. It says
    /// nothing while it checks a torrent, and of one that failed.
    #[must_use]
    pub fn is_local_known(&self, handle: HandleId) -> bool {
        let Ok(OpenFile::Torrent(file)) = self.handles.get(handle) else { return false };
        let states = self.tree().file_states(file.id);
        states.into_iter().any(|(server, state)| {
            let source = self.source_of(server).filter(|_| state.may_be_whole(file.len));
            source.is_some_and(|source| source.is_local_known(file.id))
        })
    }

    /// Opens the file on this machine's disk behind an open file, if it
    /// [is known](Self::is_local_known). Resolves when that was done or tried.
    ///
    /// # Cancel safety
    /// Nothing is lost; the file is opened all the same.
    pub async fn find_local(&self, handle: HandleId) {
        let Ok(OpenFile::Torrent(file)) = self.handles.get(handle) else { return };
        let states = self.tree().file_states(file.id);
        for (server, state) in states {
            if self.source_of(server).is_some_and(|source| source.is_local_known(file.id)) {
                self.engine.find_local(server, file, state).await;
            }
        }
    }
}
