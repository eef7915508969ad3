//! Why a mount does not start.

use std::fmt;
#[cfg(feature = "embedded")]
use std::io;
#[cfg(feature = "embedded")]
use std::path::PathBuf;
use std::time::Duration;

use tfs_sys::clock::limit_text;
use vfs_core::SourceError;

use crate::discovery::with_root_cause;
use crate::{AddError, BaseUrl, ConnectError, FrontError, MountError, MountpointError};

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

/// Why a mount started without its server. It connects when the server comes up.
#[derive(Debug)]
pub struct ServerDown {
    /// The cause.
    pub cause: ServerDownCause,
    /// Whether the last known torrents are shown. Otherwise the root directory cannot be read until
    /// the server is up.
    pub is_tree_known: bool,
}

/// Why a server is down. It may recover by itself.
#[derive(Debug)]
pub enum ServerDownCause {
    /// It cannot be reached, or returns an error.
    Server(ConnectError),
    /// It answers, but does not list its torrents.
    List(BaseUrl, SourceError),
    /// It did not list its torrents in time.
    Slow(BaseUrl, Duration),
    /// It lists its torrents, but some details did not arrive in time. Those that arrived are kept.
    Incomplete {
        /// The server's URL.
        url: BaseUrl,
        /// Number of torrents whose details arrived.
        known: usize,
        /// Number of all torrents.
        all: usize,
    },
}

impl ServerDown {
    /// Returns the server's URL.
    #[must_use]
    pub fn url(&self) -> &BaseUrl {
        match &self.cause {
            ServerDownCause::Server(error) => &error.url,
            ServerDownCause::List(url, _)
            | ServerDownCause::Slow(url, _)
            | ServerDownCause::Incomplete { url, .. } => url,
        }
    }
}

impl fmt::Display for ServerDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            ServerDownCause::Server(error) => error.fmt(f),
            ServerDownCause::List(url, error) => {
                write!(f, "cannot use rqbit at {url}: cannot {}", with_root_cause(error))
            }
            ServerDownCause::Slow(url, time) => {
                write!(f, "cannot reach rqbit at {url}: no answer within {}", limit_text(*time))
            }
            ServerDownCause::Incomplete { url, known, all } => {
                write!(f, "rqbit at {url} is slow: details of {known} of {all} torrents so far")
            }
        }
    }
}

/// Why the directory of an embedded server cannot be used. The message fits after "failed to".
#[cfg(feature = "embedded")]
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedDirError {
    /// The mount would hide the downloaded files.
    #[error("store in {}: it is the mount point", dir.display())]
    IsMountpoint {
        /// The configured directory.
        dir: PathBuf,
    },
    /// The mount would hide the downloaded files, and the server would write to its own mount.
    #[error("store in {}: it is inside the mount point {}", dir.display(), mountpoint.display())]
    InMountpoint {
        /// The configured directory.
        dir: PathBuf,
        /// The mount point.
        mountpoint: PathBuf,
    },
    /// The parent directory is missing: a typing error, or a disk that is not mounted.
    #[error("store in {}: there is no directory {}", dir.display(), parent.display())]
    NoParent {
        /// The configured directory.
        dir: PathBuf,
        /// The missing parent.
        parent: PathBuf,
    },
    /// The directory cannot be examined or created.
    #[error("store in {}", dir.display())]
    System {
        /// The configured directory.
        dir: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}
