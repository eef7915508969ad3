//! Pauses torrents that were just added. rqbit's API cannot add one paused.

use std::time::Duration;

use rqbit_client::TorrentRef;
use rqbit_client::wire::TorrentState;
use tfs_types::InfoHash;
use tokio::time::{Instant, sleep};

use crate::{ConnectError, RqbitServer};

/// How long rqbit may check the files of a new torrent before it is paused. A pause during the
/// check would end it, and the progress would stay unknown.
const CHECK_TIME_MAX: Duration = Duration::from_secs(10);

/// How often the state is looked at meanwhile.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Pauses a new torrent once its files are checked, or after ten seconds.
///
/// # Errors
/// [`ConnectError`].
///
/// # Cancel safety
/// If the future is dropped, the torrent may or may not be paused.
pub(crate) async fn pause_new(
    server: &RqbitServer,
    info_hash: InfoHash,
) -> Result<(), ConnectError> {
    let torrent = TorrentRef::InfoHash(info_hash);
    let client = server.client();
    let deadline = Instant::now() + CHECK_TIME_MAX;
    loop {
        let stats = client.torrent_stats(torrent).await;
        let is_checked = stats.is_ok_and(|stats| stats.state != TorrentState::Initializing);
        if is_checked || Instant::now() >= deadline {
            break;
        }
        sleep(CHECK_INTERVAL).await;
    }
    let failed = |source| ConnectError { url: client.base_url().clone(), source };
    client.pause(torrent).await.map_err(failed)
}
