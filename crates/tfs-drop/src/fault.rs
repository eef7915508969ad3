//! Errors of operations.

/// Why an operation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DropFault {
    /// There is no such name or inode.
    #[error("it does not exist")]
    NotFound,
    /// The folder never does this, or not with these settings.
    #[error("it is not permitted here")]
    NotPermitted,
    /// The name is taken.
    #[error("the name is taken")]
    Exists,
    /// The file is refused.
    #[error("the file is refused")]
    Invalid,
    /// The name is not UTF-8, or has control characters.
    #[error("the name is invalid")]
    BadName,
    /// The name is too long.
    #[error("the name is too long")]
    NameTooLong,
    /// A limit of the folder is reached, or the disk is full.
    #[error("there is no space")]
    NoSpace,
    /// The file would exceed its limit.
    #[error("the file is too large")]
    TooLarge,
    /// It is a directory.
    #[error("it is a directory")]
    IsDirectory,
    /// It is not a directory.
    #[error("it is not a directory")]
    NotDirectory,
    /// The server did not answer in time.
    #[error("the server did not answer in time")]
    TimedOut,
    /// The server or the disk failed.
    #[error("it failed")]
    Io,
    /// Another operation on the file is not finished.
    #[error("it is in use")]
    Busy,
}
