//! Waiting for a server. The one place of the swarm that polls: rqbit's API has no events.

use std::time::{Duration, Instant};

use rqbit_client::wire::{TorrentState, TorrentStats};
use rqbit_client::{Client, InfoHash};

use super::Swarm;
use super::error::{Result, SwarmError};
use super::torrent::SwarmTorrent;

/// How long anything may take before the test fails.
/// Downloads on loopback take milliseconds; limits and a busy machine are what this is for.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// How often the server is asked.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

impl Swarm {
    /// Waits until every wanted file is there, 60 seconds at most.
    ///
    /// # Errors
    /// [`SwarmError::TooLate`], [`SwarmError::Failed`], or a request that failed.
    pub async fn wait_finished(&self, torrent: &SwarmTorrent) -> Result<TorrentStats> {
        self.wait_until(torrent, "finished", |stats| stats.finished).await
    }

    /// Waits until what is on disk has been checked, 60 seconds at most.
    /// Only then do stats and bitfields say what is there.
    ///
    /// # Errors
    /// As [`Swarm::wait_finished`].
    pub async fn wait_checked(&self, torrent: &SwarmTorrent) -> Result<TorrentStats> {
        let is_checked = |stats: &TorrentStats| stats.state != TorrentState::Initializing;
        self.wait_until(torrent, "checked", is_checked).await
    }

    /// Waits until the downloader's stats of a torrent are as `is_so` wants them, 60 seconds at
    /// most. `wanted` is for the message: "not {wanted} in time".
    ///
    /// # Errors
    /// As [`Swarm::wait_finished`].
    pub async fn wait_until(
        &self,
        torrent: &SwarmTorrent,
        wanted: &str,
        is_so: impl Fn(&TorrentStats) -> bool,
    ) -> Result<TorrentStats> {
        wait_for_stats(self.client(), torrent.info_hash, wanted, is_so).await
    }
}

/// Waits until the stats of a torrent are as `is_so` wants them.
pub(super) async fn wait_for_stats(
    client: &Client,
    info_hash: InfoHash,
    wanted: &str,
    is_so: impl Fn(&TorrentStats) -> bool,
) -> Result<TorrentStats> {
    let deadline = Instant::now() + WAIT_MAX;
    loop {
        let stats = client.torrent_stats(info_hash.into()).await?;
        if is_so(&stats) {
            return Ok(stats);
        }
        if stats.state == TorrentState::Error {
            return Err(SwarmError::Failed(stats.error.unwrap_or_default()));
        }
        if Instant::now() >= deadline {
            let wanted = wanted.to_owned();
            return Err(SwarmError::TooLate { wanted, last: format!("{stats:?}") });
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
