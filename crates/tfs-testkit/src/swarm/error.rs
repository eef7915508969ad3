//! What can go wrong with a swarm; tests unwrap it.

use std::io;
use std::path::{Path, PathBuf};

use rqbit_embedded::EmbeddedError;

/// The result of anything a swarm does.
pub type Result<T, E = SwarmError> = std::result::Result<T, E>;

/// What went wrong, in words for the one who reads a failed test.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SwarmError {
    /// A server did not start or did not seed.
    #[error("failed to {0}: {source:?}", source = std::error::Error::source(.0))]
    Server(#[from] EmbeddedError),
    /// A request failed.
    #[error("a request failed: {0}: {source:?}", source = std::error::Error::source(.0))]
    Request(#[from] Box<rqbit_client::Error>),
    /// A file could not be written or read, or is not what it should be.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The server does not list a file of the torrent, or no file of that path was specified.
    #[error("there is no file {0:?} in the torrent")]
    NoSuchFile(String),
    /// The seeder does not listen for peers.
    #[error("the seeder does not listen for peers")]
    NoPeer,
    /// The downloader is dead, or runs in this process, which cannot stop itself.
    #[error("the downloader has no process of its own")]
    NoProcess,
    /// The process of the downloader did not come up.
    #[error("the process of the downloader did not start: {0}")]
    Process(io::Error),
    /// What was waited for did not happen in time.
    #[error("not {wanted} in time, last seen: {last}")]
    TooLate {
        /// What was waited for.
        wanted: String,
        /// What was there instead.
        last: String,
    },
    /// The server put the torrent into its error state.
    #[error("the torrent failed: {0}")]
    Failed(String),
}

impl SwarmError {
    pub(super) fn file(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }
}

impl From<rqbit_client::Error> for SwarmError {
    fn from(error: rqbit_client::Error) -> Self {
        Self::Request(Box::new(error))
    }
}
