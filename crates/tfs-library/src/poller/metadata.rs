//! Metadata of torrents in the tree, which is read from their `.torrent` files: dates, links, and
//! the positions of files among the pieces.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tfs_types::Backoff;
use tokio::time::{Instant, sleep_until};
use vfs_core::{
    InfoHash, MetadataStatus, ServerId, SourceError, TorrentDetails, TorrentSource, Vfs,
};

use super::source;

/// Maximum number of `.torrent` files that are read concurrently. Each may be megabytes.
const METADATA_AT_A_TIME: usize = 3;

/// How long metadata waits for others, so that the tree takes them together: each correction
/// replaces the list of names that searches use.
const COALESCE_TIME: Duration = Duration::from_millis(300);

/// Number of waiting torrents whose details are kept in memory. Those of others are read again.
const HELD_MAX: usize = 1000;

/// Pauses after failed requests.
const PAUSES: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(600));

type MetadataAnswer = (InfoHash, Result<TorrentDetails, SourceError>);

/// Torrents whose metadata is requested one after the other.
#[derive(Debug, Default)]
pub(super) struct PendingMetadata {
    queue: VecDeque<InfoHash>,
    /// Details of torrents in the queue, at most [`HELD_MAX`].
    held: HashMap<InfoHash, TorrentDetails>,
    /// Numbers of failures of the torrents that have any.
    failures: HashMap<InfoHash, u32>,
    /// Torrents that failed, by the end of their pauses.
    paused: BTreeSet<(Instant, InfoHash)>,
    in_flight: FuturesUnordered<BoxFuture<'static, MetadataAnswer>>,
    /// Metadata that the tree has not taken yet.
    completed: Vec<TorrentDetails>,
    /// When the tree takes it.
    take_at: Option<Instant>,
}

impl PendingMetadata {
    /// Adds those torrents whose metadata is pending.
    pub(super) fn add(&mut self, details: &[TorrentDetails]) {
        for details in details.iter().filter(|it| it.metadata == MetadataStatus::Pending) {
            if self.held.len() < HELD_MAX {
                self.held.insert(details.info_hash, details.clone());
            }
            self.queue.push_back(details.info_hash);
        }
    }

    /// Sends requests up to the limit.
    pub(super) fn fill<S: TorrentSource>(&mut self, vfs: &Arc<Vfs<S>>, server: ServerId) {
        let now = Instant::now();
        while let Some(&(over_at, torrent)) = self.paused.first()
            && over_at <= now
        {
            self.paused.pop_first();
            self.queue.push_back(torrent);
        }
        while self.in_flight.len() < METADATA_AT_A_TIME
            && let Some(torrent) = self.queue.pop_front()
        {
            let (vfs, held) = (Arc::clone(vfs), self.held.remove(&torrent));
            self.in_flight.push(Box::pin(async move {
                let read = async {
                    let source = source(&vfs, server)?;
                    let details = match held {
                        Some(details) => details,
                        None => source.details(torrent).await?,
                    };
                    source.metadata(details).await
                };
                (torrent, read.await)
            }));
        }
    }

    /// Resolves with metadata for the tree, which may be empty; then [`fill`](Self::fill) has to be
    /// called. Pending while nothing is requested or due.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(super) async fn next(&mut self) -> Vec<TorrentDetails> {
        let retry_at = self.paused.first().map(|(over_at, _)| *over_at);
        let due_at = self.take_at.into_iter().chain(retry_at).min();
        let due = async {
            match due_at {
                Some(due_at) => sleep_until(due_at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some((torrent, result)) = self.in_flight.next() => self.on_answer(torrent, result),
            () = due => {}
        }
        match self.take_at {
            Some(take_at) if take_at <= Instant::now() => {
                self.take_at = None;
                std::mem::take(&mut self.completed)
            }
            Some(_) | None => Vec::new(),
        }
    }

    fn on_answer(&mut self, torrent: InfoHash, result: Result<TorrentDetails, SourceError>) {
        match result {
            Ok(details) => {
                self.failures.remove(&torrent);
                if details.metadata == MetadataStatus::Known {
                    self.completed.push(details);
                    let take_at = Instant::now() + COALESCE_TIME;
                    self.take_at.get_or_insert(take_at);
                }
            }
            // It was removed, or the answer will not be better.
            Err(error) if !error.is_retryable => {
                tracing::debug!(%torrent, %error, "shown without metadata");
                self.failures.remove(&torrent);
            }
            Err(error) => {
                tracing::debug!(%torrent, %error, "no metadata for now");
                let failures = self.failures.entry(torrent).or_insert(0);
                *failures = failures.saturating_add(1);
                self.paused.insert((Instant::now() + PAUSES.delay(*failures), torrent));
            }
        }
    }
}
