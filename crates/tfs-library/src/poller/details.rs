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
        // Those that failed come last, so that they do not use up the time of the others.
        let (mut due, mut retried) = (Vec::new(), Vec::new());
        for torrent in unknown {
            match self.failed.get(&torrent) {
                None => due.push(torrent),
                Some(failed) if is_urgent || failed.retry_at <= now => retried.push(torrent),
                Some(_) => {}
            }
        }
        due.append(&mut retried);
        let mut due = due.into_iter();
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

#[cfg(test)]
mod tests {
    use tfs_testkit::fake::{FakeSource, FakeStream, directory};
    use vfs_core::{Bitfield, ByteRange, FileId, SourceLimits, TorrentSummary};

    use super::*;

    /// A source that never gives the details of the torrents whose id is below a number.
    struct SilentSource {
        source: FakeSource,
        silent_below: u8,
    }

    impl TorrentSource for SilentSource {
        type Stream = FakeStream;

        async fn list(&self) -> Result<Vec<TorrentSummary>, SourceError> {
            self.source.list().await
        }

        async fn details(&self, torrent: InfoHash) -> Result<TorrentDetails, SourceError> {
            if torrent.as_bytes().first().is_some_and(|id| *id < self.silent_below) {
                std::future::pending::<()>().await;
            }
            self.source.details(torrent).await
        }

        async fn haves(&self, torrent: InfoHash) -> Result<Bitfield, SourceError> {
            self.source.haves(torrent).await
        }

        async fn open_at(
            &self,
            file: FileId,
            file_len: u64,
            range: ByteRange,
        ) -> Result<FakeStream, SourceError> {
            self.source.open_at(file, file_len, range).await
        }

        fn limits(&self) -> SourceLimits {
            self.source.limits()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_silent_torrents_hide_no_other() {
        let source = FakeSource::new(1);
        for id in 0..60 {
            source.add(directory(id, &format!("t{id}"), &[("f", 1)]));
        }
        let source = SilentSource { source, silent_below: 40 };
        let listed: Vec<_> = source.source.listing().iter().map(|it| it.info_hash).collect();
        let mut unknown = listed.clone();
        let mut unread = UnreadTorrents::default();
        let mut passes = 0;
        while unknown.len() > 40 {
            assert!(passes == 0 || unread.retry_at().is_some_and(|at| at <= Instant::now()));
            let read = unread.read(&source, unknown.clone(), false, 0).await;
            unknown.retain(|torrent| read.iter().all(|details| details.info_hash != *torrent));
            passes += 1;
        }
        assert!(passes <= 4, "{passes}");

        // They are tried again after pauses, and at once by request.
        let answers = SilentSource { source: source.source.clone(), silent_below: 0 };
        unread.read(&source, unknown.clone(), false, 0).await;
        assert_eq!((unread.len(), unread.is_empty()), (40, false));
        assert_eq!(unread.read(&answers, unknown.clone(), true, 0).await.len(), 40);
        assert!(unread.is_empty() && unread.retry_at().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_library_has_a_bounded_number_of_files() {
        let source = FakeSource::new(1);
        let torrent = source.add(directory(1, "t", &[("a", 1), ("b", 1)]));
        let mut unread = UnreadTorrents::default();
        let read = unread.read(&source, vec![torrent], false, FILES_MAX - 1).await;
        assert_eq!((read.len(), unread.len()), (0, 1));
        assert!(unread.read(&source, vec![torrent], false, FILES_MAX - 2).await.is_empty());
        let read = unread.read(&source, vec![torrent], true, FILES_MAX - 2).await;
        assert_eq!((read.len(), unread.len()), (1, 0));
    }
}
