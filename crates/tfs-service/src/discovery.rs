//! Discovery: keeps the tree of a filesystem equal to what its source lists.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::stream::{self, StreamExt as _};
use tokio::time::{MissedTickBehavior, interval};
use vfs_core::{Changes, InfoHash, SourceError, TorrentDetails, TorrentSource, Vfs};

use crate::status::ServerWatch;

/// How many torrents are asked for their details at a time: enough to hide the round trips of a
/// thousand torrents, too few for a server to notice.
const DETAILS_AT_A_TIME: usize = 8;

/// What is known of a source from one look to the next.
#[derive(Debug)]
pub(crate) struct Discovery<S> {
    vfs: Arc<Vfs<S>>,
    /// Torrents whose details could not be had the last time, so that each is one line in the log.
    left_out: HashSet<InfoHash>,
    /// Told whether the source answers.
    watch: ServerWatch,
}

impl<S: TorrentSource> Discovery<S> {
    pub(crate) fn new(vfs: Arc<Vfs<S>>) -> Self {
        Self { vfs, left_out: HashSet::new(), watch: ServerWatch::default() }
    }

    /// Lets a watch know whether the source answers.
    pub(crate) fn watched_by(mut self, watch: ServerWatch) -> Self {
        self.watch = watch;
        self
    }

    /// Looks at the source once and takes over what is there.
    ///
    /// A torrent whose details cannot be had is left out, and asked for again the next time.
    ///
    /// # Errors
    /// If the list cannot be had; the tree stays as it was.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the tree as it was.
    pub(crate) async fn look(&mut self) -> Result<Changes, SourceError> {
        let source = self.vfs.source();
        let listing = source.list().await;
        let listing = listing.inspect_err(|error| self.watch.on_failure(chain(error), now()))?;
        self.watch.on_answer(now());
        let answers: Vec<_> = stream::iter(self.vfs.unknown_torrents(&listing))
            .map(async |torrent| (torrent, source.details(torrent).await))
            .buffer_unordered(DETAILS_AT_A_TIME)
            .collect()
            .await;
        let details = self.sort_out(answers);
        let changes = self.vfs.apply(listing, details, now());
        for (torrent, name) in &changes.added {
            tracing::debug!(%torrent, name, "added");
        }
        for (torrent, name) in &changes.removed {
            tracing::debug!(%torrent, name, "removed");
        }
        Ok(changes)
    }

    /// Looks at the source again and again, for ever.
    ///
    /// # Cancel safety
    /// It is ended by dropping it.
    pub(crate) async fn keep_looking(mut self, poll_interval: Duration) {
        let mut ticks = interval(poll_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick comes at once, and the mount has just looked.
        ticks.tick().await;
        let mut is_down = false;
        loop {
            ticks.tick().await;
            match self.look().await {
                Ok(_changes) if is_down => {
                    is_down = false;
                    tracing::info!("the server is back");
                }
                Ok(_changes) => {}
                // A server that is down for a day is one line in the log.
                Err(error) if !is_down => {
                    is_down = true;
                    tracing::warn!(error = %chain(&error), "the tree stays as last known");
                }
                Err(error) => tracing::debug!(error = %chain(&error), "still down"),
            }
        }
    }

    /// Returns the details that came, and logs those that did not.
    fn sort_out(&mut self, answers: Vec<(InfoHash, Answer)>) -> Vec<TorrentDetails> {
        let mut left_out = HashSet::new();
        let mut details = Vec::with_capacity(answers.len());
        for (torrent, answer) in answers {
            match answer {
                Ok(known) => details.push(known),
                Err(error) => {
                    if !self.left_out.contains(&torrent) {
                        tracing::warn!(%torrent, error = %chain(&error), "left out for now");
                    }
                    left_out.insert(torrent);
                }
            }
        }
        self.left_out = left_out;
        details
    }
}

/// What came of asking for the details of a torrent.
type Answer = Result<TorrentDetails, SourceError>;

/// Returns the time in seconds since 1970; a clock before that counts as that.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Returns an error with its innermost cause. What is between repeats the words of both.
fn chain(error: &SourceError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    if std::ptr::addr_eq(cause, error) { error.to_string() } else { format!("{error}: {cause}") }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use tfs_testkit::fake::{FakeSource, FakeStream, single_file};
    use vfs_core::{
        Bitfield, ByteRange, FileId, Ino, SourceErrorKind, SourceLimits, TorrentSummary, VfsConfig,
    };

    use super::*;

    const POLL_INTERVAL: Duration = Duration::from_secs(5);

    /// A source that fails where it is told to, and counts.
    struct Flaky {
        source: FakeSource,
        list_fails: AtomicBool,
        /// Torrents whose details fail.
        hidden: Mutex<HashSet<InfoHash>>,
        details_now: AtomicUsize,
        details_now_max: AtomicUsize,
        details_count: AtomicUsize,
    }

    impl Flaky {
        fn new(torrent_count: u8) -> Self {
            let source = FakeSource::new(4);
            for id in 1..=torrent_count {
                source.add(single_file(id, &format!("t{id}"), 1));
            }
            Self {
                source,
                list_fails: AtomicBool::new(false),
                hidden: Mutex::default(),
                details_now: AtomicUsize::new(0),
                details_now_max: AtomicUsize::new(0),
                details_count: AtomicUsize::new(0),
            }
        }
    }

    fn failure() -> SourceError {
        SourceError::new(SourceErrorKind::Unreachable, "ask the test")
    }

    impl TorrentSource for Flaky {
        type Stream = FakeStream;

        async fn list(&self) -> Result<Vec<TorrentSummary>, SourceError> {
            if self.list_fails.load(Ordering::Relaxed) {
                Err(failure())
            } else {
                self.source.list().await
            }
        }

        async fn details(&self, torrent: InfoHash) -> Result<TorrentDetails, SourceError> {
            let now = self.details_now.fetch_add(1, Ordering::Relaxed) + 1;
            self.details_now_max.fetch_max(now, Ordering::Relaxed);
            self.details_count.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            self.details_now.fetch_sub(1, Ordering::Relaxed);
            if self.hidden.lock().unwrap().contains(&torrent) {
                return Err(failure());
            }
            self.source.details(torrent).await
        }

        async fn open_at(
            &self,
            file: FileId,
            file_len: u64,
            range: ByteRange,
        ) -> Result<FakeStream, SourceError> {
            self.source.open_at(file, file_len, range).await
        }

        async fn haves(&self, torrent: InfoHash) -> Result<Bitfield, SourceError> {
            self.source.haves(torrent).await
        }

        fn limits(&self) -> SourceLimits {
            self.source.limits()
        }
    }

    fn vfs_of(flaky: Flaky) -> Arc<Vfs<Flaky>> {
        Arc::new(Vfs::new(Arc::new(flaky), VfsConfig::default()))
    }

    fn names(vfs: &Vfs<Flaky>) -> Vec<String> {
        let mut names = Vec::new();
        vfs.read_dir(Ino::ROOT, 2, |entry| {
            names.push(entry.name.to_owned());
            true
        })
        .unwrap();
        names
    }

    #[tokio::test]
    async fn details_are_asked_for_once_and_a_few_at_a_time() {
        let vfs = vfs_of(Flaky::new(100));
        let mut discovery = Discovery::new(Arc::clone(&vfs));
        assert_eq!(discovery.look().await.unwrap().added.len(), 100);
        assert_eq!(discovery.look().await.unwrap(), Changes::default());
        assert_eq!(vfs.source().details_count.load(Ordering::Relaxed), 100);
        assert_eq!(vfs.source().details_now_max.load(Ordering::Relaxed), DETAILS_AT_A_TIME);
        // Those who came first are listed first, in whatever order the details arrived.
        assert_eq!(names(&vfs)[..3], ["t1", "t2", "t3"]);
    }

    #[tokio::test]
    async fn one_torrent_that_fails_is_left_out_until_it_does_not() {
        let vfs = vfs_of(Flaky::new(3));
        let second = vfs.source().source.listing()[1].info_hash;
        vfs.source().hidden.lock().unwrap().insert(second);
        let mut discovery = Discovery::new(Arc::clone(&vfs));
        discovery.look().await.unwrap();
        assert_eq!(names(&vfs), ["t1", "t3"]);
        vfs.source().hidden.lock().unwrap().clear();
        discovery.look().await.unwrap();
        assert_eq!(names(&vfs), ["t1", "t3", "t2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_down_leaves_the_tree_as_it_was() {
        let vfs = vfs_of(Flaky::new(2));
        let mut discovery = Discovery::new(Arc::clone(&vfs));
        discovery.look().await.unwrap();
        let discovery = tokio::spawn(discovery.keep_looking(POLL_INTERVAL));

        vfs.source().list_fails.store(true, Ordering::Relaxed);
        let first = vfs.source().source.listing()[0].info_hash;
        vfs.source().source.remove(first);
        tokio::time::advance(POLL_INTERVAL * 3).await;
        tokio::task::yield_now().await;
        assert_eq!(names(&vfs), ["t1", "t2"]);

        vfs.source().list_fails.store(false, Ordering::Relaxed);
        while names(&vfs).len() == 2 {
            tokio::time::advance(POLL_INTERVAL).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(names(&vfs), ["t2"]);
        discovery.abort();
    }
}
