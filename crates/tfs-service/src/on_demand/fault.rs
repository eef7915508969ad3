//! Why the mode of a torrent was not changed.

use rqbit_client::{Error, ErrorKind};

use crate::on_demand_records::RecordsError;
use crate::{ConnectError, RqbitServer};

/// Why the mode of a torrent was not changed. The message fits after "cannot change x: ".
#[derive(Debug, thiserror::Error)]
pub enum OnDemandFailure {
    /// The records cannot be used.
    #[error("failed to {0}")]
    Records(#[from] RecordsError),
    /// The server refuses the call, does not answer, or does not have the torrent.
    #[error("{0}")]
    Server(#[from] ConnectError),
    /// The server still checks the files of the torrent, and changes no selection meanwhile.
    #[error("the server still checks its files; try again later")]
    Checking,
}

impl OnDemandFailure {
    /// Returns whether the server does not have the torrent.
    pub(super) fn is_missing(&self) -> bool {
        match self {
            Self::Server(error) => matches!(error.source.kind(), ErrorKind::NotFound(_)),
            Self::Records(_) | Self::Checking => false,
        }
    }

    /// Converts the error of a call.
    pub(super) fn of(server: &RqbitServer, source: Error) -> Self {
        Self::Server(ConnectError { url: server.client().base_url().clone(), source })
    }
}
