//! Errors of adding a torrent: one kind for each cause that calls for different action.

use std::io;
use std::time::Duration;

use rqbit_source::TorrentFault;

use super::magnet::MagnetFault;
use crate::ConnectError;
use crate::on_demand_records::RecordsError;

/// Why a torrent was not added.
#[derive(Debug, thiserror::Error)]
#[error("cannot add {input}")]
pub struct AddError {
    /// The torrent, as the user named it.
    pub input: String,
    /// The cause.
    #[source]
    pub fault: AddFault,
}

/// Why a torrent cannot be added. The text fits after "cannot add x: ".
#[derive(Debug, thiserror::Error)]
pub enum AddFault {
    /// The file cannot be read.
    #[error("{0}")]
    Read(io::Error),
    /// The path is a directory.
    #[error("it is a directory")]
    Directory,
    /// The file exceeds rqbit's limit.
    #[error("it is larger than {} MiB, the limit of rqbit", max_bytes >> 20)]
    TooLarge {
        /// rqbit's limit in bytes.
        max_bytes: u64,
    },
    /// The file was not read in time: a pipe that is not closed.
    #[error("it did not finish within {}", humantime::format_duration(*time_max))]
    ReadTimedOut {
        /// The timeout.
        time_max: Duration,
    },
    /// It is not a `.torrent` file, or not one that rqbit can use.
    #[error("{0}")]
    Torrent(TorrentFault),
    /// It is not a magnet link that rqbit can use.
    #[error("{0}")]
    Magnet(MagnetFault),
    /// It is not a URL.
    #[error("it is not a URL: {0}")]
    Address(String),
    /// The server found no peer that sends the metadata of a magnet link.
    #[error("no peer with its metadata was found within {}", humantime::format_duration(*time_max))]
    NoPeers {
        /// How long the server tried.
        time_max: Duration,
    },
    /// The server has no source of peers.
    #[error("rqbit cannot find peers: the link has no trackers, and its DHT is off")]
    NoWayToPeers,
    /// The server could not fetch the `.torrent` file in time.
    #[error("the server could not fetch it within {}", humantime::format_duration(*time_max))]
    FetchTimedOut {
        /// How long the server tried.
        time_max: Duration,
    },
    /// The server did not get a torrent from the URL.
    #[error("{reason}")]
    NotFetched {
        /// The reason, in one line.
        reason: String,
    },
    /// Its files already exist and must not be overwritten.
    #[error("files of it already exist on the server's disk")]
    FilesExist,
    /// Its files are those of another torrent, which would be damaged.
    #[error("files of it are files of another torrent of the server: {name}")]
    SharedFiles {
        /// The other torrent: its name, or its info hash.
        name: String,
    },
    /// The request exceeds rqbit's limit.
    #[error("it is larger than this rqbit accepts (status 413)")]
    TooLargeForServer,
    /// The request exceeds the limit of a proxy in front of rqbit.
    #[error("a proxy in front of rqbit rejects requests of this size (status 413)")]
    TooLargeForProxy,
    /// A proxy in front of rqbit timed out.
    #[error("a proxy in front of rqbit did not wait for its answer (status {status})")]
    ProxyTimedOut {
        /// The status of the proxy's answer.
        status: u16,
    },
    /// The server does not accept torrents.
    #[error("the server is read-only (status 405)")]
    ReadOnly,
    /// The connection broke while the server processed the torrent, and the server is up.
    #[error("rqbit closed the connection without an answer")]
    Dropped,
    /// The server reports another reason.
    #[error("{reason}")]
    Refused {
        /// The reason, in one line.
        reason: String,
    },
    /// It is to be added on demand, and that cannot be recorded.
    #[error("failed to {}", tfs_types::chain(.0))]
    Records(RecordsError),
    /// The server cannot be used for any torrent.
    #[error("{0}")]
    Server(ConnectError),
}

impl From<TorrentFault> for AddFault {
    fn from(fault: TorrentFault) -> Self {
        Self::Torrent(fault)
    }
}

impl From<MagnetFault> for AddFault {
    fn from(fault: MagnetFault) -> Self {
        Self::Magnet(fault)
    }
}

impl AddFault {
    /// Returns whether the next torrent would fail with the same error.
    #[must_use]
    pub fn concerns_all(&self) -> bool {
        match self {
            Self::ReadOnly | Self::Server(_) | Self::Records(_) => true,
            Self::Read(_)
            | Self::Directory
            | Self::TooLarge { .. }
            | Self::ReadTimedOut { .. }
            | Self::Torrent(_)
            | Self::Magnet(_)
            | Self::Address(_)
            | Self::NoPeers { .. }
            | Self::NoWayToPeers
            | Self::FetchTimedOut { .. }
            | Self::NotFetched { .. }
            | Self::FilesExist
            | Self::SharedFiles { .. }
            | Self::TooLargeForServer
            | Self::TooLargeForProxy
            | Self::ProxyTimedOut { .. }
            | Self::Dropped
            | Self::Refused { .. } => false,
        }
    }
}
