//! Polls a source periodically, and at once on request.

use std::time::Duration;

use futures_util::future::join_all;
use tfs_types::Backoff;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use vfs_core::{Changes, InfoHash, SourceError, TorrentSource};

use super::pace::{PollIntervals, PollPace};
use super::{Discovery, PollOptions, with_root_cause};

/// Capacity of the request queue; further callers wait for a place.
const REQUESTS_MAX: usize = 16;

/// Initial retry interval of a failed source. It doubles with each failure up to the poll interval:
/// a server that restarts is found soon, and one that is down gets few requests.
const RETRY_MIN: Duration = Duration::from_millis(250);

/// Triggers a poll of all servers of a mount. Clones refer to the same mount.
#[derive(Debug, Clone)]
pub struct Refresher {
    /// One queue for each server.
    requests: Vec<mpsc::Sender<PollRequest>>,
}

/// Why a requested poll failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RefreshError {
    /// The mount has ended.
    #[error("the mount has ended")]
    Ended,
    /// A server did not answer, or answered with an error; its torrents stay as last known.
    #[error(transparent)]
    Failed(#[from] SourceError),
}

/// A request for a poll, with the channel for its result.
#[derive(Debug)]
pub(crate) struct PollRequest {
    result: oneshot::Sender<Result<Changes, SourceError>>,
    accepts_removals: bool,
    removed: Vec<InfoHash>,
}

impl Refresher {
    /// Returns the refresher for this number of servers, and the receivers for
    /// [`Discovery::poll_loop`].
    pub(crate) fn new(server_count: usize) -> (Self, Vec<mpsc::Receiver<PollRequest>>) {
        let channels = (0..server_count).map(|_| mpsc::channel(REQUESTS_MAX));
        let (requests, receivers) = channels.unzip();
        (Self { requests }, receivers)
    }

    /// Resolves when polls of all servers that began after this call have ended, and the tree shows
    /// their results. Returns the results, ordered by server id. Also retries torrents whose
    /// details failed.
    ///
    /// # Cancel safety
    /// The polls continue.
    pub async fn look_now(&self) -> Vec<Result<Changes, RefreshError>> {
        self.poll_with(false, &[]).await
    }

    /// Like [`look_now`](Self::look_now). Torrents that the lists lack count as removed: all of
    /// them if `accepts_removals`, otherwise those of `removed`, which tfs itself removed from a
    /// server.
    ///
    /// # Cancel safety
    /// The polls continue.
    pub async fn poll_with(
        &self,
        accepts_removals: bool,
        removed: &[InfoHash],
    ) -> Vec<Result<Changes, RefreshError>> {
        let polls =
            self.requests.iter().map(|it| request_poll(it, accepts_removals, removed.to_vec()));
        join_all(polls).await
    }
}

async fn request_poll(
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
    /// Polls the source until dropped, the first time after an interval, or at once if the first
    /// poll was put off. `is_down` means that the last poll failed.
    ///
    /// # Cancel safety
    /// Drop the future to end it.
    pub(crate) async fn poll_loop(
        mut self,
        intervals: PollIntervals,
        mut requests: mpsc::Receiver<PollRequest>,
        is_down: bool,
    ) {
        self.events.begin();
        let mut failure_count = u32::from(is_down);
        let mut pace = PollPace::new(intervals);
        let mut begun_at = Instant::now();
        let mut next_at = begun_at;
        if !self.is_poll_due || is_down {
            next_at += pause(pace.usual(), failure_count);
        }
        loop {
            let mut waiting = Vec::new();
            let looks = self.looks.clone();
            tokio::select! {
                () = sleep_until(next_at) => {}
                Some(request) = requests.recv() => waiting.push(request),
                () = looks.looked(), if pace.is_slow() => {
                    next_at = (begun_at + pace.reset()).max(Instant::now());
                    continue;
                }
                () = self.progress() => continue,
            }
            // Collects all requests so far: the poll begins after them.
            while let Ok(request) = requests.try_recv() {
                waiting.push(request);
            }
            begun_at = Instant::now();
            let has_looked = self.is_far() && self.looks.take();
            let options = PollOptions {
                is_urgent: !waiting.is_empty(),
                accepts_removals: waiting.iter().any(|request| request.accepts_removals),
                removed_by_tfs: waiting.iter().flat_map(|it| &it.removed).copied().collect(),
            };
            let result = self.poll(&options).await;
            failure_count = self.log_result(&result, failure_count);
            let is_calm = self.is_far() && !has_looked && !self.has_moved && waiting.is_empty();
            let interval = pace.after_poll(is_calm && result.is_ok());
            for PollRequest { result: sender, .. } in waiting {
                // The receiver is gone if its caller has stopped waiting.
                drop(sender.send(result.clone()));
            }
            // A slow server gets a pause as long as its answer took.
            let took = begun_at.elapsed();
            let pause = if failure_count == 0 { interval } else { pause(interval, failure_count) };
            next_at = begun_at + pause.max(took.saturating_mul(2));
        }
    }

    /// Returns whether the server is not on this machine.
    fn is_far(&self) -> bool {
        self.vfs.source(self.server).is_some_and(|source| !source.is_on_this_machine())
    }

    /// Logs the result of a poll, and returns the number of consecutive failures. A server that is
    /// down for a day causes one line in the log.
    fn log_result(&self, result: &Result<Changes, SourceError>, failure_count: u32) -> u32 {
        let server = self.vfs.source(self.server).and_then(TorrentSource::name);
        let server = server.as_deref().unwrap_or_default();
        match result {
            Ok(_changes) if failure_count > 0 => tracing::info!(server, "the server is back"),
            Ok(_changes) => {}
            Err(error) if self.details_progress().is_some() => {
                let error = with_root_cause(error);
                tracing::info!(server, %error, "its torrents are not shown yet");
            }
            Err(error) if failure_count == 0 => {
                let error = with_root_cause(error);
                tracing::warn!(server, %error, "showing its torrents as last known");
            }
            Err(error) => tracing::debug!(server, error = %with_root_cause(error), "still down"),
        }
        if result.is_ok() { 0 } else { failure_count.saturating_add(1) }
    }
}

fn pause(poll_interval: Duration, failure_count: u32) -> Duration {
    if failure_count == 0 {
        return poll_interval;
    }
    Backoff::new(RETRY_MIN, poll_interval).delay(failure_count)
}
