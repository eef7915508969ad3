//! Local files: files of a source that can be read from this machine's disk.

use std::error::Error as StdError;
use std::fmt;
use std::os::fd::BorrowedFd;

use bytes::Bytes;

use crate::{Bitfield, ByteRange, Geometry};

/// A file of a torrent on the local disk, verified to be the source's.
///
/// Its content at missing pieces is undefined: zeros, or part of a piece. The caller must know
/// which pieces are present.
pub trait LocalFile: fmt::Debug + Send + Sync + 'static {
    /// Returns all bytes of a range, or `None` if the read would wait for the disk. Never blocks.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn try_read(&self, range: ByteRange) -> Result<Option<Bytes>, LocalError>;

    /// Returns all bytes of a range, which is not empty and lies inside the file. May block on the
    /// disk, and so is called on blocking threads.
    ///
    /// # Errors
    /// If the file has changed, or a read from the disk fails. The file must not be used
    /// afterwards.
    fn read(&self, range: ByteRange) -> Result<Bytes, LocalError>;

    /// Returns the descriptor for passthrough, only if the file is complete. It is valid as long as
    /// `self`.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;
}

/// Why a local file can no longer be read.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The file was changed, truncated or replaced since its verification.
    #[error("the local file has changed")]
    Changed,
    /// A read from the disk failed.
    #[error("the local file cannot be read")]
    Disk(#[source] std::io::Error),
}

/// Request for a local file.
#[derive(Debug, Clone)]
pub struct LocalWanted {
    /// The length of the file.
    pub len: u64,
    /// Position of the file among the pieces.
    pub geometry: Geometry,
    /// Pieces that the source has: only these can be verified.
    pub pieces: LocalPieces,
    /// Pieces covered by the last verification, if any: new pieces have to be verified.
    pub proven: Option<LocalPieces>,
    /// Whether pieces may be hashed. If not, only a complete file that was verified before and is
    /// unchanged is accepted: the source does not currently report its pieces.
    pub may_verify: bool,
}

/// Present pieces of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalPieces {
    /// All of them.
    All,
    /// These pieces of its torrent.
    Some(Bitfield),
}

impl LocalPieces {
    /// Returns whether a piece is present.
    #[must_use]
    pub fn has(&self, piece_idx: u32) -> bool {
        match self {
            Self::All => true,
            Self::Some(have) => have.has(piece_idx),
        }
    }

    /// Returns the end of the present bytes at the start of `range`.
    pub(crate) fn have_until(&self, geometry: Geometry, range: ByteRange) -> u64 {
        match self {
            Self::All => range.end(),
            Self::Some(have) => geometry.have_until(have, range),
        }
    }

    /// Returns the end of the missing bytes at the start of `range`.
    pub(crate) fn missing_until(&self, geometry: Geometry, range: ByteRange) -> u64 {
        match self {
            Self::All => range.start(),
            Self::Some(have) => geometry.missing_until(have, range),
        }
    }
}

/// Why a file is not read from the local disk.
#[derive(Debug, thiserror::Error)]
pub enum NoLocalFile {
    /// Local files are disabled, or the source has none.
    #[error("local files are disabled for this server")]
    Off,
    /// No piece that could verify the file is present yet.
    #[error("no downloaded piece can verify it yet")]
    NotYet,
    /// The source could not provide the data required to find or verify the file.
    #[error("the server does not provide the data to verify it")]
    Unknown(#[source] Box<dyn StdError + Send + Sync>),
    /// The file has changed since its verification. It has to be verified again.
    #[error("it has changed since it was verified")]
    Changed,
    /// The file does not exist or is a different one.
    #[error("{0}")]
    Refused(Box<dyn StdError + Send + Sync>),
}
