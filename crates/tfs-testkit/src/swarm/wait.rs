//! Waiting for a server. Only this part of the swarm polls: rqbit's API has no events.

use std::time::{Duration, Instant};

use rqbit_client::wire::{TorrentState, TorrentStats};
use rqbit_client::{Client, InfoHash};

use super::Swarm;
use super::error::{Result, SwarmError};
use super::torrent::SwarmTorrent;

/// How long any wait may take before the test fails. Downloads on loopback take milliseconds;
/// download limits and a busy machine need more.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// The polling interval.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

impl Swarm {
    /// Waits until every selected file is complete, for at most 60 seconds.
    ///
    /// # Errors
    /// [`SwarmError::TooLate`], [`SwarmError::Failed`], or a request that failed.
    pub async fn wait_finished(&self, torrent: &SwarmTorrent) -> Result<TorrentStats> {
        self.wait_until(torrent, "finished", |stats| stats.finished).await
    }

    /// Waits until the data on disk has been checked, for at most 60 seconds. Only then are stats
    /// and bitfields correct.
    ///
    /// # Errors
    /// As [`Swarm::wait_finished`].
    pub async fn wait_checked(&self, torrent: &SwarmTorrent) -> Result<TorrentStats> {
        let is_checked = |stats: &TorrentStats| stats.state != TorrentState::Initializing;
        self.wait_until(torrent, "checked", is_checked).await
    }

    /// Waits until `is_so` returns true for the downloader's stats of a torrent, for at most 60
    /// seconds. `wanted` is for the message: "not {wanted} in time".
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

/// Waits until `is_so` returns true for the stats of a torrent.
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
