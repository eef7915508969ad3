//! Results and failures, and the only table of statuses.

use nfs3_types::nfs3::{Nfs3Result, nfsstat3};
use nfs3_types::xdr_codec::Pack;
use vfs_core::{SourceErrorKind, VfsError};

use crate::wire::packed;

/// An answer: the results of a procedure.
#[derive(Debug)]
pub(crate) struct NfsAnswer {
    pub(crate) results: Vec<u8>,
    /// Why it can be another one soon, or is a refusal.
    pub(crate) quality: AnswerQuality,
}

/// What an answer is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerQuality {
    /// It stands.
    Final,
    /// Torrents are not listed yet: the answer can be another one soon.
    Early,
    /// The handle, or the path, is not one of this server.
    Foreign,
}

/// The status of a failed procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NfsFailure {
    pub(crate) status: nfsstat3,
    quality: AnswerQuality,
}

impl NfsAnswer {
    pub(crate) fn empty() -> Self {
        Self { results: Vec::new(), quality: AnswerQuality::Final }
    }

    /// Packs results, or a failure with what `on_failure` has for the client's cache.
    pub(super) fn with<T: Pack, E: Pack>(
        outcome: Result<T, NfsFailure>,
        on_failure: impl FnOnce() -> E,
    ) -> Self {
        match outcome {
            Ok(results) => {
                let results = packed(&Nfs3Result::<T, E>::Ok(results));
                Self { results, quality: AnswerQuality::Final }
            }
            Err(NfsFailure { status, quality }) => {
                let results = packed(&Nfs3Result::<T, E>::Err((status, on_failure())));
                Self { results, quality }
            }
        }
    }

    pub(super) fn of<T: Pack, E: Pack + Default>(outcome: Result<T, NfsFailure>) -> Self {
        Self::with(outcome, E::default)
    }
}

impl NfsFailure {
    pub(crate) fn new(status: nfsstat3) -> Self {
        let is_foreign = status == nfsstat3::NFS3ERR_BADHANDLE;
        Self {
            status,
            quality: if is_foreign { AnswerQuality::Foreign } else { AnswerQuality::Final },
        }
    }

    /// Returns the failure for a node that a valid handle has named. Numbers are not reused, so an
    /// unknown one is that of a removed torrent.
    pub(crate) fn of_handle(error: VfsError) -> Self {
        if matches!(error, VfsError::NotFound) {
            return Self::new(nfsstat3::NFS3ERR_STALE);
        }
        Self::from(error)
    }
}

/// The table of statuses. `NFS3ERR_JUKEBOX` is not in it: only a READ that waits has it.
///
/// | error | status |
/// |---|---|
/// | `NotFound` | `NOENT`; `STALE` if a handle names the node |
/// | `NotDirectory` | `NOTDIR` |
/// | `IsDirectory`, `NotSymlink` | `INVAL`, as RFC 1813 has it for READ and READLINK |
/// | `Stale` | `STALE` |
/// | `NoTree` | `IO`, after a short wait for the list of torrents |
/// | `WouldBlock`, `TimedOut`, `ShuttingDown`, most of `Source` | `IO` |
/// | `Source`, denied | `ACCES` |
/// | the others, which are bugs | `SERVERFAULT` |
impl From<VfsError> for NfsFailure {
    fn from(error: VfsError) -> Self {
        Self::new(match error {
            VfsError::NotFound => nfsstat3::NFS3ERR_NOENT,
            VfsError::NotDirectory => nfsstat3::NFS3ERR_NOTDIR,
            VfsError::IsDirectory | VfsError::NotSymlink => nfsstat3::NFS3ERR_INVAL,
            VfsError::Stale => nfsstat3::NFS3ERR_STALE,
            VfsError::NoTree => {
                return Self { status: nfsstat3::NFS3ERR_IO, quality: AnswerQuality::Early };
            }
            VfsError::WouldBlock | VfsError::TimedOut | VfsError::ShuttingDown => {
                nfsstat3::NFS3ERR_IO
            }
            VfsError::Source(source) => match source.kind {
                SourceErrorKind::Denied => nfsstat3::NFS3ERR_ACCES,
                SourceErrorKind::NotFound
                | SourceErrorKind::TimedOut
                | SourceErrorKind::Unreachable
                | SourceErrorKind::Protocol
                | SourceErrorKind::Failed => nfsstat3::NFS3ERR_IO,
            },
            VfsError::BadHandle
            | VfsError::NoAttribute
            | VfsError::NothingThere
            | VfsError::Partial => nfsstat3::NFS3ERR_SERVERFAULT,
        })
    }
}

#[cfg(test)]
mod tests {
    use vfs_core::SourceError;

    use super::*;

    #[test]
    fn every_error_has_its_status() {
        let source = |kind| VfsError::Source(SourceError::new(kind, "read"));
        for (error, want) in [
            (VfsError::NotFound, nfsstat3::NFS3ERR_NOENT),
            (VfsError::NotDirectory, nfsstat3::NFS3ERR_NOTDIR),
            (VfsError::IsDirectory, nfsstat3::NFS3ERR_INVAL),
            (VfsError::NotSymlink, nfsstat3::NFS3ERR_INVAL),
            (VfsError::Stale, nfsstat3::NFS3ERR_STALE),
            (VfsError::NoTree, nfsstat3::NFS3ERR_IO),
            (VfsError::WouldBlock, nfsstat3::NFS3ERR_IO),
            (VfsError::TimedOut, nfsstat3::NFS3ERR_IO),
            (VfsError::ShuttingDown, nfsstat3::NFS3ERR_IO),
            (VfsError::BadHandle, nfsstat3::NFS3ERR_SERVERFAULT),
            (source(SourceErrorKind::Denied), nfsstat3::NFS3ERR_ACCES),
            (source(SourceErrorKind::Unreachable), nfsstat3::NFS3ERR_IO),
        ] {
            let name = error.to_string();
            assert_eq!(NfsFailure::from(error).status, want, "{name}");
        }
        assert_eq!(NfsFailure::of_handle(VfsError::NotFound).status, nfsstat3::NFS3ERR_STALE);
        assert_eq!(NfsFailure::from(VfsError::NoTree).quality, AnswerQuality::Early);
    }
}
