//! Details of listed torrents that the tree lacks, with bounded concurrency and time.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tfs_types::Backoff;
use tokio::time::{Instant, timeout, timeout_at};
use vfs_core::{InfoHash, SourceError, SourceErrorKind, TorrentDetails, TorrentSource};

/// Maximum number of concurrent requests: enough to hide the latency, and a low load for a server.
const DETAILS_AT_A_TIME: usize = 8;

/// How long a request may take. rqbit answers in milliseconds.
const DETAILS_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a poll waits for details. Later ones are read by the next poll.
const PASS_TIME_MAX: Duration = Duration::from_secs(10);

/// Number of consecutive failures after which a pass ends: the server is probably down.
const FAILURES_MAX: usize = 16;

/// Pauses after failures of a torrent.
const PAUSES: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300));

/// Maximum number of files in a library, over all torrents: two gigabytes of memory.
const FILES_MAX: usize = 4_000_000;

/// The listed torrents that the tree lacks, since they could not be read.
#[derive(Debug, Default)]
pub(super) struct UnreadTorrents {
    failed: HashMap<InfoHash, UnreadTorrent>,
    /// Whether a pass ended before each torrent was tried.
    has_untried: bool,
}

#[derive(Debug)]
struct UnreadTorrent {
    failure_count: u32,
    retry_at: Instant,
}

impl UnreadTorrents {
    pub(super) fn is_empty(&self) -> bool {
        self.failed.is_empty() && !self.has_untried
    }

    pub(super) fn len(&self) -> usize {
        self.failed.len()
    }

    /// Returns when a torrent should be tried again.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        match self.has_untried {
            true => Some(Instant::now()),
            false => self.failed.values().map(|it| it.retry_at).min(),
        }
    }

    /// Requests the details of the `unknown` torrents, except for those whose pause is not over,
    /// unless this `is_urgent`. The tree has `file_count` files.
    ///
    /// # Cancel safety
    /// The requests end.
    pub(super) async fn read<S: TorrentSource>(
        &mut self,
        source: &S,
        unknown: Vec<InfoHash>,
        is_urgent: bool,
        file_count: usize,
    ) -> Vec<TorrentDetails> {
        let now = Instant::now();
        let set: HashSet<_> = unknown.iter().collect();
        self.failed.retain(|torrent, _| set.contains(torrent));
        let is_due = |it: &InfoHash| {
            is_urgent || self.failed.get(it).is_none_or(|failed| failed.retry_at <= now)
        };
        let mut due = unknown.iter().copied().filter(is_due).collect::<Vec<_>>().into_iter();
        let mut pending = FuturesUnordered::new();
        let mut read = Vec::new();
        let mut room = FILES_MAX.saturating_sub(file_count);
        let mut failures = 0;
        self.has_untried = false;
        loop {
            while pending.len() < DETAILS_AT_A_TIME
                && failures < FAILURES_MAX
                && let Some(torrent) = due.next()
            {
                pending.push(details(source, torrent));
            }
            let Ok(answer) = timeout_at(now + PASS_TIME_MAX, pending.next()).await else { break };
            let Some((torrent, result)) = answer else { break };
            match result {
                Ok(details) if details.files.len() > room => {
                    let text = format!("add {torrent}: the library would have too many files");
                    self.on_failure(torrent, &SourceError::new(SourceErrorKind::Protocol, text));
                }
                Ok(details) if details.info_hash != torrent => {
                    let text = format!("get the details of {torrent}: another torrent came");
                    self.on_failure(torrent, &SourceError::new(SourceErrorKind::Protocol, text));
                }
                Ok(details) => {
                    failures = 0;
                    room -= details.files.len();
                    self.failed.remove(&torrent);
                    read.push(details);
                }
                Err(error) => {
                    failures = if error.is_retryable { failures + 1 } else { 0 };
                    self.on_failure(torrent, &error);
                }
            }
        }
        self.has_untried = due.len() > 0 && failures < FAILURES_MAX;
        read
    }

    fn on_failure(&mut self, torrent: InfoHash, error: &SourceError) {
        let fresh = UnreadTorrent { failure_count: 0, retry_at: Instant::now() };
        let failed = self.failed.entry(torrent).or_insert(fresh);
        failed.failure_count = failed.failure_count.saturating_add(1);
        failed.retry_at = Instant::now() + PAUSES.delay(failed.failure_count);
        if failed.failure_count == 1 {
            tracing::warn!(%torrent, %error, "a torrent is not shown for now");
        }
    }
}

async fn details<S: TorrentSource>(
    source: &S,
    torrent: InfoHash,
) -> (InfoHash, Result<TorrentDetails, SourceError>) {
    let late = |_elapsed| {
        SourceError::new(SourceErrorKind::TimedOut, format!("get the details of {torrent}"))
    };
    let answer = timeout(DETAILS_TIMEOUT, source.details(torrent)).await;
    (torrent, answer.unwrap_or_else(|elapsed| Err(late(elapsed))))
}
