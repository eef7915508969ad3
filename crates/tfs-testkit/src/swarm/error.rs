//! Errors of a swarm; tests unwrap them.

use std::io;
use std::path::{Path, PathBuf};

use rqbit_embedded::EmbeddedError;

/// The result of swarm operations.
pub type Result<T, E = SwarmError> = std::result::Result<T, E>;

/// An error, with a text for the reader of a failed test.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SwarmError {
    /// A server did not start or did not seed.
    #[error("failed to {0}: {source:?}", source = std::error::Error::source(.0))]
    Server(#[from] EmbeddedError),
    /// A request failed.
    #[error("a request failed: {0}: {source:?}", source = std::error::Error::source(.0))]
    Request(#[from] Box<rqbit_client::Error>),
    /// A file could not be written or read, or has wrong content.
    #[error("{}: {source}", path.display())]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The server does not list a file of the torrent, or no file of that path was specified.
    #[error("there is no file {0:?} in the torrent")]
    NoSuchFile(String),
    /// The seeder does not listen for peers.
    #[error("the seeder does not listen for peers")]
    NoPeer,
    /// A gate or a tracker cannot listen.
    #[error("nothing can listen on loopback: {0}")]
    Listener(io::Error),
    /// The downloader is down, or runs in this process, which cannot stop itself.
    #[error("the downloader has no process of its own")]
    NoProcess,
    /// The process of the downloader did not start.
    #[error("the process of the downloader did not start: {0}")]
    Process(io::Error),
    /// An expected state was not reached in time.
    #[error("not {wanted} in time, last seen: {last}")]
    TooLate {
        /// The expected state.
        wanted: String,
        /// The last observed state.
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
