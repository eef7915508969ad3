//! Looking at a source again and again, and at once when somebody asks.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use vfs_core::{Changes, InfoHash, SourceError, TorrentSource};

use super::{Discovery, LookOptions, chain};

/// How many may ask for a look at the same time; any more wait for a place.
const REQUESTS_MAX: usize = 16;

/// How soon a source that failed is looked at again. It doubles with each failure up to the poll
/// interval, so that a server which restarts is seen at once and one that is away is left alone.
const RETRY_MIN: Duration = Duration::from_millis(250);

/// Asks for a look at all servers of a mount now. Clones ask the same mount.
#[derive(Debug, Clone)]
pub struct Refresher {
    /// One for each server.
    requests: Vec<mpsc::Sender<PollRequest>>,
}

/// Why a look that was asked for did not help.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RefreshError {
    /// The mount has ended.
    #[error("the mount has ended")]
    Ended,
    /// A server did not answer as it should; what it has stays as last known.
    #[error(transparent)]
    Failed(#[from] SourceError),
}

/// A request for a look, and where its result goes.
#[derive(Debug)]
pub(crate) struct PollRequest {
    result: oneshot::Sender<Result<Changes, SourceError>>,
    accepts_removals: bool,
    removed: Vec<InfoHash>,
}

impl Refresher {
    /// Returns it for so many servers, and what [`Discovery::poll_loop`] wants of each.
    pub(crate) fn new(server_count: usize) -> (Self, Vec<mpsc::Receiver<PollRequest>>) {
        let channels = (0..server_count).map(|_| mpsc::channel(REQUESTS_MAX));
        let (requests, receivers) = channels.unzip();
        (Self { requests }, receivers)
    }

    /// Resolves when looks at all servers that began after this call are over, and the tree shows
    /// what they found. Returns what that was, server by server in the order of their ids.
    /// Torrents whose details failed are asked for again too.
    ///
    /// # Cancel safety
    /// The looks go on.
    pub async fn look_now(&self) -> Vec<Result<Changes, RefreshError>> {
        self.look_with(false, &[]).await
    }

    /// Does what [`look_now`](Self::look_now) does, and believes that torrents were removed which
    /// the lists lack: all of them if `accepts_removals`, or else those of `removed`, which tfs
    /// itself removed from a server.
    ///
    /// # Cancel safety
    /// The looks go on.
    pub async fn look_with(
        &self,
        accepts_removals: bool,
        removed: &[InfoHash],
    ) -> Vec<Result<Changes, RefreshError>> {
        let looks = self.requests.iter().map(|it| look(it, accepts_removals, removed.to_vec()));
        join_all(looks).await
    }
}

async fn look(
    requests: &mpsc::Sender<PollRequest>,
    accepts_removals: bool,
    removed: Vec<InfoHash>,
) -> Result<Changes, RefreshError> {
    let (result, done) = oneshot::channel();
    let request = PollRequest { result, accepts_removals, removed };
    requests.send(request).await.map_err(|_ended| RefreshError::Ended)?;
    Ok(done.await.map_err(|_ended| RefreshError::Ended)??)
}

impl<S: TorrentSource> Discovery<S> {
    /// Looks at the source again and again, for ever, the first time after an interval. `is_down`
    /// tells that the last look failed.
    ///
    /// # Cancel safety
    /// It is ended by dropping it.
    pub(crate) async fn poll_loop(
        mut self,
        poll_interval: Duration,
        mut requests: mpsc::Receiver<PollRequest>,
        is_down: bool,
    ) {
        let mut failure_count = u32::from(is_down);
        let mut next_at = Instant::now() + pause(poll_interval, failure_count);
        loop {
            let mut waiting = Vec::new();
            tokio::select! {
                () = sleep_until(next_at) => {}
                Some(request) = requests.recv() => waiting.push(request),
                () = self.progress() => continue,
            }
            // All who asked until now: the look begins after this.
            while let Ok(request) = requests.try_recv() {
                waiting.push(request);
            }
            let begun_at = Instant::now();
            let options = LookOptions {
                is_urgent: !waiting.is_empty(),
                accepts_removals: waiting.iter().any(|request| request.accepts_removals),
                removed_by_tfs: waiting.iter().flat_map(|it| &it.removed).copied().collect(),
            };
            let result = self.look(&options).await;
            failure_count = self.note(&result, failure_count);
            for PollRequest { result: sender, .. } in waiting {
                // The receiver is gone if its caller has stopped waiting.
                drop(sender.send(result.clone()));
            }
            // A server that is slow to answer has as much rest as its answer took.
            let took = begun_at.elapsed();
            next_at = begun_at + pause(poll_interval, failure_count).max(took.saturating_mul(2));
        }
    }

    /// Logs what came of a look, and returns the number of failures in a row. A server that is down
    /// for a day is one line in the log.
    fn note(&self, result: &Result<Changes, SourceError>, failure_count: u32) -> u32 {
        let server = self.vfs.source_of(self.server).and_then(TorrentSource::name);
        let server = server.as_deref().unwrap_or_default();
        match result {
            Ok(_changes) if failure_count > 0 => tracing::info!(server, "the server is back"),
            Ok(_changes) => {}
            Err(error) if self.details_progress().is_some() => {
                tracing::info!(server, error = %chain(error), "its torrents are not shown yet");
            }
            Err(error) if failure_count == 0 => {
                tracing::warn!(server, error = %chain(error), "its torrents stay as last known");
            }
            Err(error) => tracing::debug!(server, error = %chain(error), "still down"),
        }
        if result.is_ok() { 0 } else { failure_count.saturating_add(1) }
    }
}

fn pause(poll_interval: Duration, failure_count: u32) -> Duration {
    if failure_count == 0 {
        return poll_interval;
    }
    RETRY_MIN.saturating_mul(2_u32.saturating_pow(failure_count - 1)).min(poll_interval)
}
