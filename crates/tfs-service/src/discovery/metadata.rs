//! Queue of torrents in the tree that lack metadata. Reads the `.torrent` file of each, with
//! bounded concurrency, after all details have arrived.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tfs_types::Backoff;
use tokio::time::{Instant, sleep_until};
use vfs_core::{InfoHash, MetadataStatus, SourceError, TorrentDetails};

use super::retry_timer::RetryTimer;
use super::with_root_cause;

/// Maximum number of `.torrent` files that are read concurrently. Each may be megabytes. On a slow
/// connection they compete with the list of torrents and with reads.
const METADATA_AT_A_TIME: usize = 3;

/// Pauses after failed requests.
const PAUSES: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(600));

/// Pauses after the server answered that it has no metadata of a torrent: only
/// another version of rqbit changes that.
const UNAVAILABLE_PAUSES: Backoff =
    Backoff::new(Duration::from_secs(600), Duration::from_secs(3600));

/// Maximum number of waiting torrents whose details are kept in memory. Those of the others are
/// read again: a hundred thousand torrents with ten files each would take 300 MB.
const HELD_MAX: usize = 1000;

/// A request for metadata. Returns the completed details.
pub(super) type MetadataRequest = BoxFuture<'static, Result<TorrentDetails, SourceError>>;

/// A torrent without metadata that is retried later.
#[derive(Debug)]
struct Paused {
    /// Whether the server has none.
    is_unavailable: bool,
    timer: RetryTimer,
}

/// The queue, see the module.
#[derive(Debug, Default)]
pub(super) struct MetadataQueue {
    queue: VecDeque<InfoHash>,
    /// Details of torrents in the queue, at most [`HELD_MAX`].
    held: HashMap<InfoHash, TorrentDetails>,
    /// Torrents whose request failed, until they are retried.
    paused: HashMap<InfoHash, Paused>,
    in_flight: FuturesUnordered<BoxFuture<'static, MetadataOutcome>>,
    /// Timers of the torrents that are being retried.
    retried: HashMap<InfoHash, RetryTimer>,
    /// Torrents that left the tree while their request was pending.
    gone: HashSet<InfoHash>,
}

type MetadataOutcome = (InfoHash, Result<TorrentDetails, SourceError>);

/// Numbers of torrents without metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MetadataCounts {
    /// Torrents that wait for metadata.
    pub(super) pending: usize,
    /// Torrents without metadata on the server.
    pub(super) unavailable: usize,
}

impl MetadataQueue {
    /// Adds those torrents of the tree whose metadata is unknown.
    pub(super) fn add(&mut self, details: &[TorrentDetails]) {
        for details in details {
            let (torrent, now) = (details.info_hash, Instant::now());
            self.gone.remove(&torrent);
            match details.metadata {
                MetadataStatus::Known => {}
                MetadataStatus::Pending => {
                    if self.held.len() < HELD_MAX {
                        self.held.insert(torrent, details.clone());
                    }
                    self.queue.push_back(torrent);
                }
                MetadataStatus::Unavailable => {
                    // Unavailable according to the state directory: rqbit may have another version
                    // now.
                    let mut timer = RetryTimer::new(UNAVAILABLE_PAUSES);
                    timer.on_failure(now);
                    self.paused.insert(torrent, Paused { is_unavailable: true, timer });
                }
            }
        }
    }

    /// Removes torrents that left the tree.
    pub(super) fn forget(&mut self, torrents: &[InfoHash]) {
        let set: HashSet<_> = torrents.iter().collect();
        self.queue.retain(|torrent| !set.contains(torrent));
        self.held.retain(|torrent, _| !set.contains(torrent));
        self.paused.retain(|torrent, _| !set.contains(torrent));
        if !self.in_flight.is_empty() {
            self.gone.extend(torrents);
        }
    }

    pub(super) fn counts(&self) -> MetadataCounts {
        let unavailable = self.paused.values().filter(|paused| paused.is_unavailable).count();
        let pending = self.queue.len() + self.in_flight.len() + self.paused.len() - unavailable;
        MetadataCounts { pending, unavailable }
    }

    /// Sends requests up to the limit. `request` gets the details, if they are in memory.
    pub(super) fn fill(
        &mut self,
        request: impl Fn(InfoHash, Option<TorrentDetails>) -> MetadataRequest,
    ) {
        let now = Instant::now();
        while self.in_flight.len() < METADATA_AT_A_TIME {
            let due = || {
                let over = self.paused.iter().filter(|(_, paused)| paused.timer.is_over(now));
                over.min_by_key(|(_, paused)| paused.timer.over_at()).map(|(it, _)| *it)
            };
            let torrent = match self.queue.pop_front() {
                Some(torrent) => torrent,
                None => {
                    let Some(torrent) = due() else { return };
                    let paused = self.paused.remove(&torrent);
                    self.retried.extend(paused.map(|paused| (torrent, paused.timer)));
                    torrent
                }
            };
            let asked = request(torrent, self.held.remove(&torrent));
            self.in_flight.push(Box::pin(async move { (torrent, asked.await) }));
        }
    }

    /// Resolves when a request ends or the next is due. Returns details to persist and to show.
    /// Pending while no request is pending or due.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(super) async fn next(&mut self) -> Option<TorrentDetails> {
        let now = Instant::now();
        let over_at = self.paused.values().map(|paused| paused.timer.over_at()).min();
        let is_idle = self.in_flight.len() < METADATA_AT_A_TIME;
        let due_at = over_at.filter(|_| is_idle).map(|at| at.max(now + Duration::from_millis(250)));
        let due = async {
            match due_at {
                Some(due_at) => sleep_until(due_at).await,
                None => std::future::pending().await,
            }
        };
        let (torrent, result) = tokio::select! {
            Some(answer) = self.in_flight.next() => answer,
            () = due => return None,
        };
        let retried = self.retried.remove(&torrent);
        if self.gone.remove(&torrent) {
            return None;
        }
        let (why, details) = match result {
            Ok(details) if details.metadata == MetadataStatus::Known => return Some(details),
            Ok(details) => ("the server has none".to_owned(), Some(details)),
            Err(error) => (with_root_cause(&error), None),
        };
        if retried.is_none() {
            tracing::info!(%torrent, why, "shown without metadata: no date, no links");
        }
        let is_unavailable = details.is_some();
        let pauses = if is_unavailable { UNAVAILABLE_PAUSES } else { PAUSES };
        let mut timer = retried.unwrap_or_else(|| RetryTimer::new(pauses));
        timer.on_failure(now);
        self.paused.insert(torrent, Paused { is_unavailable, timer });
        details
    }
}
