//! Torrents that the tree has and a listing lacks: which of them count as removed.
//!
//! A torrent that the same run of the server listed before was removed. After a restart, a server
//! may lack torrents because a disk is not mounted yet, or because a script adds them again, so
//! they stay for a while.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use vfs_core::{InfoHash, TorrentSummary};

/// The torrents of a server that its listings lack.
#[derive(Debug)]
pub(super) struct AbsentTorrents {
    removal_delay: Duration,
    /// Time of the request for the last listing.
    listed_at: Option<Instant>,
    absent: HashMap<InfoHash, AbsentTorrent>,
}

/// An absent torrent.
#[derive(Debug, Clone, Copy)]
struct AbsentTorrent {
    /// Time of the request for the last listing with it.
    listed_at: Option<Instant>,
    /// Time of the request for the first listing without it.
    since: Instant,
}

impl AbsentTorrents {
    pub(super) fn new(removal_delay: Duration) -> Self {
        Self { removal_delay, listed_at: None, absent: HashMap::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.absent.is_empty()
    }

    /// Records a listing that lacks no torrent, requested at `asked_at`.
    pub(super) fn on_complete_list(&mut self, asked_at: Instant) {
        self.listed_at = Some(asked_at);
        self.absent.clear();
    }

    /// Divides the torrents that a listing lacks into those to keep, marked as not listed, and
    /// those that were removed. `uptime` is that of the server after `asked_at`, rounded down to
    /// seconds, if known.
    pub(super) fn divide(
        &mut self,
        asked_at: Instant,
        uptime: Option<Duration>,
        summaries: Vec<TorrentSummary>,
    ) -> (Vec<TorrentSummary>, Vec<InfoHash>) {
        let last_at = self.listed_at.replace(asked_at);
        let now = Instant::now();
        let mut before = std::mem::take(&mut self.absent);
        let (mut kept, mut gone) = (Vec::new(), Vec::new());
        for summary in summaries {
            let torrent = summary.info_hash;
            let fresh = AbsentTorrent { listed_at: last_at, since: asked_at };
            let absent = before.remove(&torrent).unwrap_or(fresh);
            // The uptime is rounded down, so a run seems to begin up to a second later than it did.
            let is_same_run = absent
                .listed_at
                .zip(uptime)
                .is_some_and(|(listed_at, uptime)| now.duration_since(listed_at) <= uptime);
            if is_same_run || asked_at.duration_since(absent.since) >= self.removal_delay {
                gone.push(torrent);
            } else {
                self.absent.insert(torrent, absent);
                kept.push(TorrentSummary { is_listed: false, ..summary });
            }
        }
        (kept, gone)
    }
}

#[cfg(test)]
mod tests {
    use vfs_core::TorrentState;

    use super::*;

    const DELAY: Duration = Duration::from_secs(600);

    fn summary(id: u8) -> TorrentSummary {
        TorrentSummary {
            info_hash: InfoHash::from_bytes([id; 20]),
            added_order: u64::from(id),
            is_resolved: true,
            is_listed: true,
            state: TorrentState::Live,
            file_progress: None,
        }
    }

    /// Advances the clock, and returns how many torrents of `ids` stay.
    async fn kept(
        absent: &mut AbsentTorrents,
        after: u64,
        uptime: Option<u64>,
        ids: &[u8],
    ) -> usize {
        tokio::time::advance(Duration::from_secs(after)).await;
        let summaries = ids.iter().map(|id| summary(*id)).collect();
        let uptime = uptime.map(Duration::from_secs);
        let (kept, gone) = absent.divide(Instant::now(), uptime, summaries);
        assert_eq!(kept.len() + gone.len(), ids.len());
        assert!(kept.iter().all(|summary| !summary.is_listed));
        kept.len()
    }

    #[tokio::test(start_paused = true)]
    async fn a_torrent_that_the_same_run_listed_is_gone_at_once() {
        tokio::time::advance(Duration::from_secs(1000)).await;
        let mut absent = AbsentTorrents::new(DELAY);
        absent.on_complete_list(Instant::now());
        assert_eq!(kept(&mut absent, 5, Some(900), &[1]).await, 0);
        assert!(absent.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn torrents_that_a_new_run_lacks_stay_for_a_while() {
        tokio::time::advance(Duration::from_secs(1000)).await;
        let mut absent = AbsentTorrents::new(DELAY);
        absent.on_complete_list(Instant::now());
        // The run began two seconds after the listing.
        for (after, uptime) in [(5, 3), (5, 8), (300, 308)] {
            assert_eq!(kept(&mut absent, after, Some(uptime), &[1, 2]).await, 2);
        }
        // One is back, and then removed by the run that listed it.
        assert_eq!(kept(&mut absent, 5, Some(313), &[1]).await, 1);
        assert_eq!(kept(&mut absent, 5, Some(318), &[1, 2]).await, 1);
        assert_eq!(kept(&mut absent, 600, Some(918), &[1]).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_run_counts_as_a_new_one() {
        let mut absent = AbsentTorrents::new(DELAY);
        absent.on_complete_list(Instant::now());
        assert_eq!(kept(&mut absent, 5, None, &[1]).await, 1);
        assert_eq!(kept(&mut absent, 599, None, &[1]).await, 1);
        assert_eq!(kept(&mut absent, 1, None, &[1]).await, 0);
    }
}
