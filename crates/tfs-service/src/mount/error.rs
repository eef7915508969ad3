//! Why a mount does not start.

use vfs_core::SourceError;

#[cfg(feature = "embedded")]
use super::EmbeddedDirError;
use super::{ServerDown, ServerDownCause};
use crate::{AddError, ConnectError, FrontError, MountError, MountpointError};

/// Why a mount did not start. Everything that was started has been undone.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The mount point cannot be used.
    #[error(transparent)]
    Mountpoint(#[from] MountpointError),
    /// A server cannot be used.
    #[error(transparent)]
    Server(#[from] ConnectError),
    /// A server answers, but does not list its torrents.
    #[error("cannot list the torrents")]
    List(#[source] SourceError),
    /// A server is down, and the mount [requires](super::MountSettings::requires_servers) it.
    #[error("{0}")]
    Down(ServerDown),
    /// The embedded server did not start.
    #[cfg(feature = "embedded")]
    #[error(transparent)]
    Embedded(#[from] rqbit_embedded::EmbeddedError),
    /// The directory of the embedded server cannot be used.
    #[cfg(feature = "embedded")]
    #[error(transparent)]
    EmbeddedDir(#[from] EmbeddedDirError),
    /// A torrent was not added.
    #[error(transparent)]
    Add(#[from] AddError),
    /// The kernel or fusermount3 refused the mount.
    #[error(transparent)]
    Mount(MountError),
    /// A front end cannot serve, and the library has no mount point.
    #[error(transparent)]
    Front(#[from] FrontError),
    /// A front end did not start, and the library has no mount point.
    #[error("{0}")]
    NotServed(String),
    /// The library has neither a mount point nor a front end.
    #[error("start a library that is neither mounted nor served")]
    NoPlace,
}

impl From<ServerDown> for StartError {
    fn from(down: ServerDown) -> Self {
        match down.cause {
            ServerDownCause::Server(error) => Self::Server(error),
            ServerDownCause::List(..)
            | ServerDownCause::Slow(..)
            | ServerDownCause::Incomplete { .. } => Self::Down(down),
        }
    }
}

impl From<MountError> for StartError {
    fn from(error: MountError) -> Self {
        if let MountError::Mountpoint(error) = error {
            return Self::Mountpoint(error);
        }
        Self::Mount(error)
    }
}
