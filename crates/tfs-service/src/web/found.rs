//! A torrent on the servers of a mount that have it.

use futures_util::future::join_all;
use rqbit_client::wire::{TorrentDetails, TorrentFile};
use rqbit_client::{Error, ErrorKind, TorrentRef};
use tfs_api::wire::FailureBody;
use tfs_types::InfoHash;

use super::failure::{server_failure, unknown_torrent};
use crate::actions::torrent_row;
use crate::server::NamedServer;
use crate::{ConnectError, RqbitServer, TorrentRow};

/// A torrent on one server.
#[derive(Debug)]
pub(super) struct TorrentOnServer {
    pub(super) name: String,
    pub(super) server: RqbitServer,
    pub(super) row: TorrentRow,
    /// Its files by index; empty while a magnet link is being resolved.
    pub(super) files: Vec<TorrentFile>,
    /// Bytes that are there of each file, by index; empty if the server does not say it.
    pub(super) file_progress: Vec<u64>,
}

/// Asks all servers for a torrent, and returns those that have it. Servers that do not answer count
/// only if no other has it.
///
/// # Errors
/// If no server has it, or none that answers.
pub(super) async fn find(
    servers: Vec<NamedServer>,
    info_hash: InfoHash,
) -> Result<Vec<TorrentOnServer>, FailureBody> {
    let asked = join_all(servers.into_iter().map(|server| ask(server, info_hash))).await;
    let (mut found, mut failure) = (Vec::new(), None);
    for answer in asked {
        match answer {
            Ok(torrent) => found.extend(torrent),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    if found.is_empty() {
        return Err(failure.unwrap_or_else(|| unknown_torrent(info_hash)));
    }
    Ok(found)
}

async fn ask(
    NamedServer { name, server }: NamedServer,
    info_hash: InfoHash,
) -> Result<Option<TorrentOnServer>, FailureBody> {
    let (client, torrent) = (server.client(), TorrentRef::InfoHash(info_hash));
    let (details, stats) =
        futures_util::join!(client.torrent_details(torrent), client.torrent_stats(torrent));
    let failed = |source: Error| {
        if matches!(source.kind(), ErrorKind::NotFound(_)) {
            return Ok(None);
        }
        let url = client.base_url().clone();
        Err(server_failure(&name, &ConnectError { url, source }))
    };
    let (mut details, stats) = match (details, stats) {
        (Ok(details), Ok(stats)) => (details, stats),
        (Err(error), _) | (_, Err(error)) => return failed(error),
    };
    let files = details.files.take().unwrap_or_default();
    let size = files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.length));
    let file_progress = stats.file_progress.clone();
    let details = TorrentDetails { stats: Some(stats), ..details };
    let mut row = torrent_row((!files.is_empty()).then_some(size), details);
    row.servers = vec![name.clone()];
    Ok(Some(TorrentOnServer { name, server, row, files, file_progress }))
}
