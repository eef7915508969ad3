//! The only errno table: maps errors of the core to errnos.

use fuser::Errno;
use vfs_core::{SourceErrorKind, VfsError};

use crate::MissingErrno;

/// Why a read ends early, for a reason other than its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// The thread has a pending signal to handle.
    Pending,
    /// The thread was interrupted less than a second ago and repeats the read.
    Retried,
    /// The read is a read-ahead, and its thread now reads elsewhere.
    Abandoned,
}

/// Returns the errno for a read that is interrupted, see [`interrupts`](crate::interrupts).
pub(crate) fn errno_of_interrupt(interrupt: Interrupt) -> Errno {
    match interrupt {
        Interrupt::Pending => Errno::EINTR,
        Interrupt::Retried | Interrupt::Abandoned => Errno::ECANCELED,
    }
}

/// Returns the errno for an error of the core.
///
/// `missing` is the errno for data that is unavailable or must not be waited for. Never returns
/// `EINTR`: programs repeat such a call without end.
pub(crate) fn errno(error: &VfsError, missing: MissingErrno) -> Errno {
    match error {
        VfsError::NotFound => Errno::ENOENT,
        VfsError::NotDirectory => Errno::ENOTDIR,
        VfsError::IsDirectory => Errno::EISDIR,
        VfsError::NotSymlink => Errno::EINVAL,
        VfsError::BadHandle => Errno::EBADF,
        VfsError::NoAttribute => Errno::ENODATA,
        VfsError::NothingThere => Errno::ENXIO,
        VfsError::Stale => Errno::ESTALE,
        // No program sees `Partial`: the kernel asks again for each page.
        VfsError::NoTree | VfsError::ShuttingDown | VfsError::Partial => Errno::EIO,
        VfsError::TimedOut => Errno::ETIMEDOUT,
        VfsError::WouldBlock => match missing {
            MissingErrno::Eio => Errno::EIO,
            MissingErrno::Eagain => Errno::EAGAIN,
            MissingErrno::Enodata => Errno::ENODATA,
        },
        VfsError::Source(source) => match source.kind {
            SourceErrorKind::Denied => Errno::EACCES,
            // The core maps the first two to `Stale` and `TimedOut` where they concern a file.
            SourceErrorKind::NotFound
            | SourceErrorKind::TimedOut
            | SourceErrorKind::Unreachable
            | SourceErrorKind::Protocol
            | SourceErrorKind::Failed => Errno::EIO,
        },
    }
}

#[cfg(test)]
mod tests {
    use vfs_core::SourceError;

    use super::*;

    #[test]
    fn every_error_has_its_errno() {
        let source = |kind| VfsError::Source(SourceError::new(kind, "read"));
        for (error, want) in [
            (VfsError::NotFound, Errno::ENOENT),
            (VfsError::NotDirectory, Errno::ENOTDIR),
            (VfsError::IsDirectory, Errno::EISDIR),
            (VfsError::NotSymlink, Errno::EINVAL),
            (VfsError::BadHandle, Errno::EBADF),
            (VfsError::NoAttribute, Errno::ENODATA),
            (VfsError::NothingThere, Errno::ENXIO),
            (VfsError::Stale, Errno::ESTALE),
            (VfsError::NoTree, Errno::EIO),
            (VfsError::Partial, Errno::EIO),
            (VfsError::TimedOut, Errno::ETIMEDOUT),
            (VfsError::WouldBlock, Errno::EIO),
            (VfsError::ShuttingDown, Errno::EIO),
            (source(SourceErrorKind::NotFound), Errno::EIO),
            (source(SourceErrorKind::Unreachable), Errno::EIO),
            (source(SourceErrorKind::TimedOut), Errno::EIO),
            (source(SourceErrorKind::Denied), Errno::EACCES),
            (source(SourceErrorKind::Protocol), Errno::EIO),
            (source(SourceErrorKind::Failed), Errno::EIO),
        ] {
            assert_eq!(errno(&error, MissingErrno::Eio), want, "{error:?}");
        }
        for (missing, want) in
            [(MissingErrno::Eagain, Errno::EAGAIN), (MissingErrno::Enodata, Errno::ENODATA)]
        {
            assert_eq!(errno(&VfsError::WouldBlock, missing), want);
            assert_eq!(errno(&VfsError::TimedOut, missing), Errno::ETIMEDOUT);
        }
        assert_eq!(errno_of_interrupt(Interrupt::Pending), Errno::EINTR);
        assert_eq!(errno_of_interrupt(Interrupt::Retried), Errno::ECANCELED);
        assert_eq!(errno_of_interrupt(Interrupt::Abandoned), Errno::ECANCELED);
    }
}
