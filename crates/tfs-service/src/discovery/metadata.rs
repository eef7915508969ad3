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

/// A request for metadata.
pub(super) type MetadataRequest = BoxFuture<'static, Result<TorrentDetails, SourceError>>;

#[derive(Debug)]
struct Paused {
    details: TorrentDetails,
    timer: RetryTimer,
}

/// The queue, see the module.
#[derive(Debug, Default)]
pub(super) struct MetadataQueue {
    queue: VecDeque<TorrentDetails>,
    /// Torrents whose request failed, until they are retried.
    paused: HashMap<InfoHash, Paused>,
    in_flight: FuturesUnordered<BoxFuture<'static, (TorrentDetails, Option<SourceError>)>>,
    /// Timers of the torrents that are being retried.
    retried: HashMap<InfoHash, RetryTimer>,
    /// Torrents that left the tree while their request was pending.
    gone: HashSet<InfoHash>,
}

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
    pub(super) fn add(&mut self, details: impl IntoIterator<Item = TorrentDetails>) {
        for details in details {
            let (torrent, now) = (details.info_hash, Instant::now());
            self.gone.remove(&torrent);
            match details.metadata {
                MetadataStatus::Known => {}
                MetadataStatus::Pending => self.queue.push_back(details),
                MetadataStatus::Unavailable => {
                    // Unavailable according to the state directory: rqbit may have another version
                    // now.
                    let mut timer = RetryTimer::new(UNAVAILABLE_PAUSES);
                    timer.on_failure(now);
                    self.paused.insert(torrent, Paused { details, timer });
                }
            }
        }
    }

    /// Removes torrents that left the tree.
    pub(super) fn forget(&mut self, torrents: &[InfoHash]) {
        let set: HashSet<_> = torrents.iter().collect();
        self.queue.retain(|details| !set.contains(&details.info_hash));
        self.paused.retain(|torrent, _| !set.contains(torrent));
        if !self.in_flight.is_empty() {
            self.gone.extend(torrents);
        }
    }

    pub(super) fn counts(&self) -> MetadataCounts {
        let is_unavailable =
            |paused: &&Paused| paused.details.metadata == MetadataStatus::Unavailable;
        let unavailable = self.paused.values().filter(is_unavailable).count();
        let pending = self.queue.len() + self.in_flight.len() + self.paused.len() - unavailable;
        MetadataCounts { pending, unavailable }
    }

    /// Sends requests up to the limit.
    pub(super) fn fill(&mut self, request: impl Fn(TorrentDetails) -> MetadataRequest) {
        let now = Instant::now();
        while self.in_flight.len() < METADATA_AT_A_TIME {
            let due = || {
                let over = self.paused.iter().filter(|(_, paused)| paused.timer.is_over(now));
                over.min_by_key(|(_, paused)| paused.timer.over_at()).map(|(it, _)| *it)
            };
            let details = match self.queue.pop_front() {
                Some(details) => details,
                None => {
                    let Some(torrent) = due() else { return };
                    let Some(Paused { details, timer }) = self.paused.remove(&torrent) else {
                        return;
                    };
                    self.retried.insert(torrent, timer);
                    details
                }
            };
            let asked = request(details.clone());
            self.in_flight.push(Box::pin(async move {
                match asked.await {
                    Ok(completed) => (completed, None),
                    Err(error) => (details, Some(error)),
                }
            }));
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
        let (details, error) = tokio::select! {
            Some(answer) = self.in_flight.next() => answer,
            () = due => return None,
        };
        let torrent = details.info_hash;
        let retried = self.retried.remove(&torrent);
        if self.gone.remove(&torrent) {
            return None;
        }
        if details.metadata == MetadataStatus::Known {
            return Some(details);
        }
        let is_first = retried.is_none();
        let pauses = if error.is_some() { PAUSES } else { UNAVAILABLE_PAUSES };
        let mut timer = retried.unwrap_or_else(|| RetryTimer::new(pauses));
        timer.on_failure(now);
        let why = error.as_ref().map_or_else(|| "the server has none".to_owned(), with_root_cause);
        if is_first {
            tracing::info!(%torrent, why, "shown without metadata: no date, no links");
        }
        let kept = error.is_none().then(|| details.clone());
        self.paused.insert(torrent, Paused { details, timer });
        kept
    }
}
