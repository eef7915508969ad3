//! Failures of requests of the page, by kind.

use tfs_api::wire::{FailureBody, FailureKind};
use tfs_types::{InfoHash, chain};
use tfs_web::model::FilePlace;
use vfs_core::{FileId, FileIndex};

use crate::{AddError, AddFault, ConnectError, ServerFailure};

pub(super) fn bad_request(message: impl Into<String>) -> FailureBody {
    FailureBody::new(FailureKind::BadRequest, message)
}

/// Returns the info hash of a request.
pub(super) fn parse_hash(text: &str) -> Result<InfoHash, FailureBody> {
    text.parse().map_err(|error| bad_request(format!("{text:?} is no info hash: {error}")))
}

/// Returns the file of a request.
pub(super) fn parse_place(place: &FilePlace) -> Result<FileId, FailureBody> {
    let torrent = parse_hash(&place.info_hash)?;
    Ok(FileId { torrent, index: FileIndex(place.file_index) })
}

pub(super) fn unknown_torrent(info_hash: InfoHash) -> FailureBody {
    let message = format!("no server of the mount has the torrent {info_hash}");
    FailureBody::new(FailureKind::UnknownFile, message)
}

/// Returns the failure of a request to a server.
pub(super) fn server_failure(name: &str, error: &ConnectError) -> FailureBody {
    let kind = match error.fault() {
        ServerFailure::Unreachable | ServerFailure::Proxy => FailureKind::ServerUnreachable,
        ServerFailure::TimedOut
        | ServerFailure::ProxyUnauthorized
        | ServerFailure::Tls
        | ServerFailure::ClientCertificate
        | ServerFailure::LoginPage
        | ServerFailure::Unauthorized
        | ServerFailure::Forbidden
        | ServerFailure::Busy
        | ServerFailure::NotRqbit
        | ServerFailure::Failed => FailureKind::ServerFailed,
    };
    FailureBody::new(kind, format!("the server {name}: {error}"))
}

/// Returns the failure of adding a torrent.
pub(super) fn add_failure(name: &str, error: &AddError) -> FailureBody {
    let kind = match &error.fault {
        AddFault::Server(error) => return server_failure(name, error),
        AddFault::ReadOnly
        | AddFault::Dropped
        | AddFault::Records(_)
        | AddFault::TooLargeForProxy => FailureKind::ServerFailed,
        AddFault::NoPeers { .. } | AddFault::ProxyTimedOut { .. } => FailureKind::TimedOut,
        AddFault::TooLarge { .. } | AddFault::TooLargeForServer => FailureKind::TooLarge,
        AddFault::FilesExist | AddFault::SharedFiles { .. } => FailureKind::Busy,
        AddFault::Read(_)
        | AddFault::Directory
        | AddFault::ReadTimedOut { .. }
        | AddFault::Torrent(_)
        | AddFault::Magnet(_)
        | AddFault::Address(_)
        | AddFault::NoWayToPeers
        | AddFault::NotFetched { .. }
        | AddFault::FetchTimedOut { .. }
        | AddFault::Refused { .. } => FailureKind::BadRequest,
    };
    let hint = if matches!(error.fault, AddFault::FilesExist) {
        "; add it with the files that are already there (overwrite=true)"
    } else {
        ""
    };
    FailureBody::new(kind, format!("{}{hint}", chain(error)))
}
