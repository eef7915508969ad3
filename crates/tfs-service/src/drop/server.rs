//! One server of a drop folder: attempts to add, and what their failures mean.

use std::sync::Arc;
use std::time::Duration;

use rqbit_client::TorrentRef;
use rqbit_client::wire::TorrentState;
use tfs_types::Backoff;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use vfs_core::InfoHash;

use super::spool::Spool;
use crate::RqbitServer;
use crate::add::{
    AddError, AddFault, AddWishes, AddedTorrentName, Existing, PreparedTorrent, add, add_new,
};
use crate::status::ServerWatch;

/// Maximum number of `.torrent` files that are sent to a server at a time. Of two that arrive at
/// the same time rqbit may add one only, see [`add_new`].
const FILES_AT_ONCE: usize = 1;

/// Maximum number of links that a server resolves at a time for a folder.
const LINKS_AT_ONCE: usize = 16;

/// Maximum time for a `.torrent` file. The usual answer takes milliseconds.
const FILE_TIME_MAX: Duration = Duration::from_secs(60);

/// Maximum time for the peers of a magnet link in one attempt. It is repeated.
const RESOLVE_TIME: Duration = Duration::from_secs(600);

/// Intervals of looks at a new torrent that is to be paused.
const PAUSE_LOOKS: Backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(2));

/// Maximum time for the check of a new torrent's files: a terabyte on a slow disk.
const CHECK_TIME_MAX: Duration = Duration::from_secs(4 * 3600);

/// A server of a drop folder.
#[derive(Debug)]
pub(crate) struct DropServer {
    pub(crate) name: String,
    pub(crate) server: RqbitServer,
    /// Whether its files are on this machine for sure.
    pub(crate) is_embedded: bool,
    /// Told of each new list of torrents.
    pub(crate) watch: ServerWatch,
    /// `None` without a state directory.
    pub(crate) spool: Option<Arc<Spool>>,
    files: Semaphore,
    links: Semaphore,
}

/// Result of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Attempt {
    Added(AddedTorrentName),
    /// It will never be added.
    Refused(String),
    /// A later attempt may succeed.
    Again(String),
}

impl DropServer {
    pub(crate) fn new(
        name: String,
        server: RqbitServer,
        is_embedded: bool,
        watch: ServerWatch,
        spool: Option<Spool>,
    ) -> Self {
        Self {
            name,
            server,
            is_embedded,
            watch,
            spool: spool.map(Arc::new),
            files: Semaphore::new(FILES_AT_ONCE),
            links: Semaphore::new(LINKS_AT_ONCE),
        }
    }

    /// Tries to add a torrent. A magnet link takes minutes.
    ///
    /// # Cancel safety
    /// The server may or may not add it.
    pub(super) async fn attempt(&self, torrent: &PreparedTorrent) -> Attempt {
        let is_file = torrent.is_file();
        let (permits, time_max) =
            if is_file { (&self.files, FILE_TIME_MAX) } else { (&self.links, RESOLVE_TIME) };
        // The semaphore is never closed.
        let _permit = permits.acquire().await;
        let added = match add_new(&self.server, torrent, time_max).await {
            // After a forget, its own files are there. Only of an embedded server they are known.
            Err(AddError { fault: AddFault::FilesExist, .. }) if self.is_embedded && is_file => {
                let how = Existing::UseOfSameLength;
                let row = add(&self.server, torrent, &AddWishes::new(how, time_max)).await;
                row.map(|row| AddedTorrentName { info_hash: row.info_hash, name: row.name })
            }
            added => added,
        };
        match added {
            Ok(added) => Attempt::Added(added),
            Err(AddError { fault, .. }) => of_fault(&fault),
        }
    }

    /// Pauses a new torrent as soon as it runs. A torrent cannot be added paused, and rqbit 9.1
    /// never ends the check of a new torrent that is paused before.
    pub(super) async fn pause(&self, info_hash: InfoHash) {
        let torrent = TorrentRef::InfoHash(info_hash);
        let client = self.server.client();
        let mut interval = PAUSE_LOOKS.first;
        let deadline = Instant::now() + CHECK_TIME_MAX;
        while Instant::now() < deadline {
            match client.torrent_stats(torrent).await.map(|stats| stats.state) {
                Ok(TorrentState::Paused | TorrentState::Error) => return,
                Ok(TorrentState::Initializing | TorrentState::Unknown) => {}
                Ok(TorrentState::Live) => {
                    if let Err(error) = client.pause(torrent).await {
                        tracing::debug!(%info_hash, %error, "not paused yet");
                    }
                }
                Err(error) => tracing::debug!(%info_hash, %error, "not paused yet"),
            }
            sleep(interval).await;
            interval = PAUSE_LOOKS.next(interval);
        }
        tracing::warn!(%info_hash, "the server does not pause a torrent");
    }
}

fn of_fault(fault: &AddFault) -> Attempt {
    match fault {
        // The server cannot be used for any torrent: the file is not to blame.
        AddFault::Server(_) | AddFault::ReadOnly => Attempt::Again(fault.to_string()),
        AddFault::Dropped
        | AddFault::Records(_)
        | AddFault::ProxyTimedOut { .. }
        | AddFault::NoPeers { .. }
        | AddFault::FetchTimedOut { .. } => Attempt::Again(fault.to_string()),
        AddFault::FilesExist => {
            Attempt::Refused(format!("{fault}; to use them: tfs add --overwrite"))
        }
        AddFault::Read(_)
        | AddFault::Directory
        | AddFault::TooLarge { .. }
        | AddFault::ReadTimedOut { .. }
        | AddFault::Torrent(_)
        | AddFault::Magnet(_)
        | AddFault::Address(_)
        | AddFault::NoWayToPeers
        | AddFault::NotFetched { .. }
        | AddFault::SharedFiles { .. }
        | AddFault::TooLargeForServer
        | AddFault::TooLargeForProxy
        | AddFault::Refused { .. } => Attempt::Refused(fault.to_string()),
    }
}
