//! Reasons of failed reads.

use crate::{SourceErrorKind, VfsError};

/// Why a read failed, as counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureReason {
    /// The bytes did not arrive in time.
    TimedOut,
    /// The bytes are missing, and the read must not wait for them or they cannot arrive.
    Missing,
    /// The torrent was removed.
    Removed,
    /// The server cannot be reached.
    Unreachable,
    /// The server refuses access.
    Denied,
    /// The server says that it does not have the torrent, although its list has it.
    NotFound,
    /// The server sent an invalid answer, such as bytes of another offset.
    Protocol,
    /// The server failed for another reason.
    Failed,
    /// A signal to the reader ended the wait.
    Interrupted,
    /// The filesystem is being shut down.
    ShuttingDown,
    /// The file is not open.
    BadHandle,
    /// Any other error, which is a bug.
    Internal,
}

impl FailureReason {
    /// All reasons, in the order of their values.
    pub const ALL: [Self; 12] = [
        Self::TimedOut,
        Self::Missing,
        Self::Removed,
        Self::Unreachable,
        Self::Denied,
        Self::NotFound,
        Self::Protocol,
        Self::Failed,
        Self::Interrupted,
        Self::ShuttingDown,
        Self::BadHandle,
        Self::Internal,
    ];

    /// Returns the reason of an error.
    pub(crate) fn of(error: &VfsError) -> Self {
        match error {
            VfsError::TimedOut => Self::TimedOut,
            VfsError::WouldBlock => Self::Missing,
            VfsError::Stale => Self::Removed,
            VfsError::ShuttingDown => Self::ShuttingDown,
            VfsError::BadHandle => Self::BadHandle,
            VfsError::Source(error) => match error.kind {
                SourceErrorKind::Unreachable => Self::Unreachable,
                SourceErrorKind::TimedOut => Self::TimedOut,
                SourceErrorKind::Denied => Self::Denied,
                SourceErrorKind::NotFound => Self::NotFound,
                SourceErrorKind::Protocol => Self::Protocol,
                SourceErrorKind::Failed => Self::Failed,
            },
            VfsError::NotFound
            | VfsError::NotDirectory
            | VfsError::IsDirectory
            | VfsError::NotSymlink
            | VfsError::NoAttribute
            | VfsError::NothingThere
            | VfsError::NoTree
            | VfsError::Partial => Self::Internal,
        }
    }

    /// Returns the reason in one word with `_`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TimedOut => "timed_out",
            Self::Missing => "missing",
            Self::Removed => "removed",
            Self::Unreachable => "unreachable",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::Protocol => "protocol",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::ShuttingDown => "shutting_down",
            Self::BadHandle => "bad_handle",
            Self::Internal => "internal",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_place_and_its_own_word() {
        for (place, reason) in FailureReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
            let same = FailureReason::ALL.iter().filter(|it| it.as_str() == reason.as_str());
            assert_eq!(same.count(), 1, "{reason:?}");
        }
    }
}
