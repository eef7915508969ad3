//! Discovery over a source with scripted failures, with and without a state directory.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tfs_state::{ServerIdentity, ServerState};
use tfs_testkit::fake::{FakeSource, FakeStream, directory, single_file};
use tokio::time::sleep_until;
use vfs_core::{Bitfield, ByteRange, FileId, Ino, SourceLimits, VfsConfig, VfsError};

use super::details::DETAILS_AT_A_TIME;
use super::*;

const POLL_INTERVAL: Duration = Duration::from_secs(5);
const INTERVALS: PollIntervals = PollIntervals::fixed(POLL_INTERVAL);

/// A source with scripted failures that counts requests.
pub(super) struct Flaky {
    pub(super) source: FakeSource,
    list_fails: AtomicBool,
    /// In seconds; `u64::MAX` if unknown.
    pub(super) uptime: AtomicU64,
    /// Torrents whose details fail.
    hidden: Mutex<HashMap<InfoHash, SourceErrorKind>>,
    /// Torrents whose requests for details stay unanswered.
    silent: Mutex<HashSet<InfoHash>>,
    /// Whether details come without metadata, which is requested separately.
    has_separate_metadata: AtomicBool,
    /// Torrents whose metadata fails.
    without_metadata: Mutex<HashSet<InfoHash>>,
    metadata_count: AtomicUsize,
    list_count: AtomicUsize,
    details_now: AtomicUsize,
    details_now_max: AtomicUsize,
    details_count: AtomicUsize,
}

impl Flaky {
    pub(super) fn new(torrent_count: u8) -> Self {
        let source = FakeSource::new(4);
        for id in 1..=torrent_count {
            source.add(kept(single_file(id, &format!("t{id}"), 1)));
        }
        Self {
            source,
            list_fails: AtomicBool::new(false),
            uptime: AtomicU64::new(u64::MAX),
            hidden: Mutex::default(),
            silent: Mutex::default(),
            has_separate_metadata: AtomicBool::new(false),
            without_metadata: Mutex::default(),
            metadata_count: AtomicUsize::new(0),
            list_count: AtomicUsize::new(0),
            details_now: AtomicUsize::new(0),
            details_now_max: AtomicUsize::new(0),
            details_count: AtomicUsize::new(0),
        }
    }

    pub(super) fn hide(&self, id: u8, kind: Option<SourceErrorKind>) {
        let mut hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        match kind {
            Some(kind) => hidden.insert(hash(id), kind),
            None => hidden.remove(&hash(id)),
        };
    }

    fn details_count(&self) -> usize {
        self.details_count.load(Ordering::Relaxed)
    }

    pub(super) fn set_down(&self, is_down: bool) {
        self.list_fails.store(is_down, Ordering::Relaxed);
    }
}

/// Adds the fields of rqbit's metadata, without which a torrent is not persisted.
pub(super) fn kept(mut details: TorrentDetails) -> TorrentDetails {
    details.piece_len = std::num::NonZero::new(16384);
    details
}

pub(super) fn hash(id: u8) -> InfoHash {
    InfoHash::from_bytes([id; 20])
}

fn failure(kind: SourceErrorKind) -> SourceError {
    SourceError::new(kind, "ask the test")
}

impl TorrentSource for Flaky {
    type Stream = FakeStream;

    async fn list(&self) -> Result<Vec<TorrentSummary>, SourceError> {
        self.list_count.fetch_add(1, Ordering::Relaxed);
        if self.list_fails.load(Ordering::Relaxed) {
            Err(failure(SourceErrorKind::Unreachable))
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
        if self.silent.lock().unwrap().contains(&torrent) {
            std::future::pending::<()>().await;
        }
        let kind = self.hidden.lock().unwrap().get(&torrent).copied();
        let mut details = match kind {
            Some(kind) => return Err(failure(kind)),
            None => self.source.details(torrent).await?,
        };
        if self.has_separate_metadata.load(Ordering::Relaxed) {
            (details.created, details.metadata) = (None, vfs_core::MetadataStatus::Pending);
        }
        Ok(details)
    }

    async fn metadata(&self, details: TorrentDetails) -> Result<TorrentDetails, SourceError> {
        self.metadata_count.fetch_add(1, Ordering::Relaxed);
        if self.without_metadata.lock().unwrap().contains(&details.info_hash) {
            return Err(failure(SourceErrorKind::TimedOut));
        }
        self.source.details(details.info_hash).await
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

    async fn uptime(&self) -> Option<Duration> {
        let seconds = self.uptime.load(Ordering::Relaxed);
        (seconds != u64::MAX).then(|| Duration::from_secs(seconds))
    }

    fn limits(&self) -> SourceLimits {
        self.source.limits()
    }
}

/// Advances the paused time, and runs all tasks that wait for less.
async fn pass(time: Duration) {
    sleep_until(Instant::now() + time).await;
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

/// Returns the visible content of the root directory.
fn view(vfs: &Vfs<Flaky>) -> Vec<(String, Ino, i64)> {
    let mut view = Vec::new();
    vfs.read_dir(Ino::ROOT, 0, |entry| {
        view.push((entry.name.to_owned(), entry.attr.ino, entry.attr.mtime));
        true
    })
    .unwrap();
    view
}

/// One mount without the kernel: from the state directory to a tree.
struct Session {
    vfs: Arc<Vfs<Flaky>>,
    discovery: Discovery<Flaky>,
    state: ServerState,
}

impl Session {
    async fn start(dir: &Path, flaky: Flaky) -> Self {
        let identity = ServerIdentity::of_url(&"http://h".parse().unwrap());
        let (state, known) = ServerState::open(dir, identity).await.unwrap();
        let vfs = vfs_of(flaky);
        let mut discovery = Discovery::new(Arc::clone(&vfs), Some(state.recorder()));
        discovery.remember(&known);
        discovery.restore(known);
        Self { vfs, discovery, state }
    }

    async fn poll(&mut self) -> Result<Changes, SourceError> {
        self.discovery.poll(&PollOptions::default()).await
    }

    async fn end(self) -> Flaky {
        drop(self.discovery);
        self.state.recorder().record_progress(self.vfs.summaries_not_in(ServerId::FIRST, &[]));
        self.state.close().await;
        let flaky = Flaky::new(0);
        for details in self.vfs.source(ServerId::FIRST).unwrap().source.all_details() {
            flaky.source.add(details);
        }
        flaky
    }
}

fn patient() -> PollOptions {
    PollOptions::default()
}

#[tokio::test]
async fn details_are_asked_for_once_and_a_few_at_a_time() {
    let vfs = vfs_of(Flaky::new(100));
    let mut discovery = Discovery::new(Arc::clone(&vfs), None);
    assert_eq!(discovery.poll(&patient()).await.unwrap().added.len(), 100);
    assert_eq!(discovery.poll(&patient()).await.unwrap(), Changes::default());
    assert_eq!(vfs.source(ServerId::FIRST).unwrap().details_count(), 100);
    assert_eq!(
        vfs.source(ServerId::FIRST).unwrap().details_now_max.load(Ordering::Relaxed),
        DETAILS_AT_A_TIME
    );
    // The tree follows the order of the list, not that of the answers.
    assert_eq!(names(&vfs)[..3], ["t1", "t2", "t3"]);
}

#[tokio::test(start_paused = true)]
async fn one_torrent_that_fails_is_left_out_and_retried_with_growing_pauses() {
    for kind in [
        SourceErrorKind::Unreachable,
        SourceErrorKind::TimedOut,
        SourceErrorKind::Failed,
        SourceErrorKind::Protocol,
    ] {
        let vfs = vfs_of(Flaky::new(3));
        vfs.source(ServerId::FIRST).unwrap().hide(2, Some(kind));
        let watch = ServerWatch::default();
        let mut discovery = Discovery::new(Arc::clone(&vfs), None).watched_by(watch.clone());
        discovery.poll(&patient()).await.unwrap();
        assert_eq!(names(&vfs), ["t1", "t3"], "{kind:?}");
        let left_out = watch.discovery().left_out;
        assert_eq!(
            (left_out.count, left_out.torrents[0].info_hash.as_str()),
            (1, &*hash(2).to_string())
        );
        assert!(left_out.torrents[0].why.as_deref().unwrap().contains("ask the test"));
        let before = vfs.source(ServerId::FIRST).unwrap().details_count();
        let (refresher, mut requests) = Refresher::new(1);
        let looking = discovery.poll_loop(INTERVALS, requests.remove(0), false);
        let looking = tokio::spawn(looking);
        pass(Duration::from_secs(600)).await;
        // After 1, 2, 4, ..., 256 s.
        let retries = vfs.source(ServerId::FIRST).unwrap().details_count() - before;
        assert!((9..=10).contains(&retries), "{kind:?} {retries}");
        vfs.source(ServerId::FIRST).unwrap().hide(2, None);
        refresher.look_now().await.remove(0).unwrap();
        assert_eq!(names(&vfs), ["t1", "t3", "t2"]);
        pass(POLL_INTERVAL).await;
        assert_eq!(watch.discovery().left_out.count, 0);
        looking.abort();
    }
}

// With three of ten torrents silent, the root directory failed with EIO forever.
#[tokio::test(start_paused = true)]
async fn silent_torrents_count_as_tried_after_two_seconds() {
    for silent in [vec![7], (1..40).collect::<Vec<_>>(), vec![58, 59, 60]] {
        let vfs = vfs_of(Flaky::new(60));
        vfs.source(ServerId::FIRST).unwrap().uptime.store(100, Ordering::Relaxed);
        *vfs.source(ServerId::FIRST).unwrap().silent.lock().unwrap() =
            silent.iter().map(|id| hash(*id)).collect();
        let mut discovery = Discovery::new(Arc::clone(&vfs), None);
        let start = Instant::now();
        let mut looked = discovery.poll(&patient()).await;
        while looked.is_err() {
            looked = discovery.poll(&patient()).await;
        }
        assert_eq!(names(&vfs).len(), 60 - silent.len());
        // Eight requests are concurrent.
        let rounds = u64::try_from(silent.len()).unwrap().div_ceil(8);
        let took = start.elapsed().as_secs();
        assert!((2..=2 * rounds + 2).contains(&took), "{} {took} s", silent.len());
        let left_out = discovery.watch.discovery().left_out;
        assert_eq!(left_out.count, silent.len());
        assert_eq!(left_out.torrents[0].why.as_deref(), Some("no answer within 2 s"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_goes_down_in_the_middle_shows_no_part_of_its_torrents() {
    let vfs = vfs_of(Flaky::new(30));
    for id in 11..=30 {
        vfs.source(ServerId::FIRST).unwrap().hide(id, Some(SourceErrorKind::Unreachable));
    }
    let mut discovery = Discovery::new(Arc::clone(&vfs), None);
    for _ in 0..3 {
        discovery.poll(&patient()).await.unwrap_err();
        assert!(matches!(vfs.open_dir(Ino::ROOT), Err(VfsError::NoTree)));
        vfs.source(ServerId::FIRST).unwrap().set_down(true);
    }
    assert_eq!(discovery.details_progress(), Some(DetailsProgress { known: 10, all: 30 }));
    let asked = vfs.source(ServerId::FIRST).unwrap().details_count();
    (11..=30).for_each(|id| vfs.source(ServerId::FIRST).unwrap().hide(id, None));
    vfs.source(ServerId::FIRST).unwrap().set_down(false);
    discovery.poll(&patient()).await.unwrap();
    assert_eq!(names(&vfs).len(), 30);
    // Details that arrived before were kept.
    assert_eq!(vfs.source(ServerId::FIRST).unwrap().details_count() - asked, 20);

    // If all of them fail, the directory is not shown as empty either.
    let vfs = vfs_of(Flaky::new(2));
    for id in 1..=2 {
        vfs.source(ServerId::FIRST).unwrap().hide(id, Some(SourceErrorKind::Failed));
    }
    let mut discovery = Discovery::new(Arc::clone(&vfs), None);
    for _ in 0..3 {
        discovery.poll(&patient()).await.unwrap_err();
        assert!(!discovery.is_tree_known());
    }
}

#[tokio::test]
async fn details_that_came_before_a_kill_are_not_asked_for_again() {
    let dir = tempfile::tempdir().unwrap();
    let flaky = Flaky::new(30);
    for id in 11..=30 {
        flaky.hide(id, Some(SourceErrorKind::Unreachable));
    }
    let mut session = Session::start(dir.path(), flaky).await;
    session.poll().await.unwrap_err();
    assert!(!session.discovery.is_tree_known());
    let flaky = session.end().await;
    let mut session = Session::start(dir.path(), flaky).await;
    session.poll().await.unwrap();
    assert_eq!(names(&session.vfs).len(), 30);
    assert_eq!(session.vfs.source(ServerId::FIRST).unwrap().details_count(), 20);
}

#[tokio::test]
async fn metadata_follows_and_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let flaky = Flaky::new(20);
    flaky.has_separate_metadata.store(true, Ordering::Relaxed);
    flaky.without_metadata.lock().unwrap().insert(hash(3));
    let mut session = Session::start(dir.path(), flaky).await;
    session.poll().await.unwrap();
    let before = view(&session.vfs);
    let status = session.discovery.watch.discovery();
    assert_eq!((status.metadata_pending, status.left_out.count), (20, 0));
    let dated = |vfs: &Vfs<Flaky>| {
        let view = view(vfs);
        view.iter().filter(|(_, _, mtime)| *mtime < 1_100_000_000).count()
    };
    while dated(&session.vfs) < 19 {
        session.discovery.progress().await;
    }
    let numbers = |view: &[(String, Ino, i64)]| {
        view.iter().map(|(name, ino, _)| (name.clone(), *ino)).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&view(&session.vfs)), numbers(&before));
    assert_eq!(session.vfs.source(ServerId::FIRST).unwrap().details_count(), 20);
    let before = view(&session.vfs);

    let flaky = session.end().await;
    flaky.has_separate_metadata.store(true, Ordering::Relaxed);
    let mut session = Session::start(dir.path(), flaky).await;
    assert_eq!(view(&session.vfs), before);
    session.poll().await.unwrap();
    while session.vfs.source(ServerId::FIRST).unwrap().metadata_count.load(Ordering::Relaxed) == 0 {
        session.discovery.progress().await;
    }
    while dated(&session.vfs) < 20 {
        session.discovery.progress().await;
    }
    assert_eq!(
        session.vfs.source(ServerId::FIRST).unwrap().metadata_count.load(Ordering::Relaxed),
        1
    );
    assert_eq!(session.vfs.source(ServerId::FIRST).unwrap().details_count(), 0);
}

/// Polls the only server.
async fn look_now(refresher: &Refresher) -> Result<Changes, RefreshError> {
    refresher.look_now().await.remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_down_leaves_the_tree_as_it_was() {
    let vfs = vfs_of(Flaky::new(2));
    let mut discovery = Discovery::new(Arc::clone(&vfs), None);
    discovery.poll(&patient()).await.unwrap();
    let (refresher, mut requests) = Refresher::new(1);
    let discovery = tokio::spawn(discovery.poll_loop(INTERVALS, requests.remove(0), false));

    vfs.source(ServerId::FIRST).unwrap().set_down(true);
    vfs.source(ServerId::FIRST).unwrap().source.remove(hash(1));
    look_now(&refresher).await.unwrap_err();
    assert_eq!(names(&vfs), ["t1", "t2"]);

    // The server is up again, but its list may be incomplete.
    vfs.source(ServerId::FIRST).unwrap().set_down(false);
    look_now(&refresher).await.unwrap();
    assert_eq!(names(&vfs), ["t1", "t2"]);
    let start = Instant::now();
    while names(&vfs).len() == 2 {
        pass(POLL_INTERVAL).await;
    }
    assert_eq!(names(&vfs), ["t2"]);
    assert!((60..80).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    discovery.abort();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_is_asked_soon_and_then_at_the_usual_pace() {
    let vfs = vfs_of(Flaky::new(1));
    vfs.source(ServerId::FIRST).unwrap().set_down(true);
    let discovery = Discovery::new(Arc::clone(&vfs), None);
    let (_refresher, mut requests) = Refresher::new(1);
    let discovery = tokio::spawn(discovery.poll_loop(INTERVALS, requests.remove(0), true));
    let count = || vfs.source(ServerId::FIRST).unwrap().list_count.load(Ordering::Relaxed);
    // After 0.25, 0.5, 1, 2, 4 and then 5 seconds each.
    for (millis, want) in [(240, 0), (20, 1), (500, 2), (1000, 3), (2000, 4), (4000, 5)] {
        pass(Duration::from_millis(millis)).await;
        assert_eq!(count(), want);
    }
    pass(Duration::from_secs(600)).await;
    assert_eq!(count(), 125);
    vfs.source(ServerId::FIRST).unwrap().set_down(false);
    pass(POLL_INTERVAL).await;
    assert_eq!(names(&vfs), ["t1"]);
    discovery.abort();
}

#[tokio::test(start_paused = true)]
async fn a_look_that_is_asked_for_begins_after_the_question() {
    let vfs = vfs_of(Flaky::new(0));
    let discovery = Discovery::new(Arc::clone(&vfs), None);
    let (refresher, mut requests) = Refresher::new(1);
    let discovery = tokio::spawn(discovery.poll_loop(INTERVALS, requests.remove(0), false));
    let start = Instant::now();
    for id in 1..=5 {
        vfs.source(ServerId::FIRST).unwrap().source.add(single_file(id, &format!("t{id}"), 1));
        let (one, other) = tokio::join!(look_now(&refresher), look_now(&refresher));
        one.and(other).unwrap();
        assert_eq!(names(&vfs).len(), usize::from(id));
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    // Concurrent requests share one poll.
    assert_eq!(vfs.source(ServerId::FIRST).unwrap().list_count.load(Ordering::Relaxed), 5);
    discovery.abort();
    assert!(matches!(look_now(&refresher).await, Err(RefreshError::Ended)));
}

#[tokio::test]
async fn a_restart_shows_the_same_tree_and_asks_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let flaky = Flaky::new(5);
    // Same names, a name that must be escaped, no date, a date in the future.
    flaky.source.add(kept(single_file(20, "t1", 9)));
    flaky.source.add(kept(directory(21, "a/b", &[("x", 1), ("x/y", 2)])));
    for (id, created) in [(22, None), (23, Some(4_000_000_000))] {
        flaky.source.add(TorrentDetails { created, ..kept(single_file(id, "dated", 1)) });
    }
    let mut session = Session::start(dir.path(), flaky).await;
    session.poll().await.unwrap();
    let before = view(&session.vfs);
    assert_eq!(before.len(), 2 + 9);

    let flaky = session.end().await;
    // The server lists them in another order, with other ids.
    for (order, info_hash) in [21, 20, 23, 22, 5, 4, 3, 2, 1].into_iter().map(hash).enumerate() {
        flaky.source.update(info_hash, |summary| summary.added_order = order as u64);
    }
    let mut session = Session::start(dir.path(), flaky).await;
    assert_eq!(view(&session.vfs), before);
    assert_eq!(session.poll().await.unwrap(), Changes::default());
    assert_eq!(view(&session.vfs), before);
    assert_eq!(session.vfs.source(ServerId::FIRST).unwrap().details_count(), 0);
    let summaries = session.vfs.summaries_not_in(ServerId::FIRST, &[]);
    assert!(summaries.iter().all(|summary| summary.file_progress.is_some()));

    // And with a server that is down.
    let flaky = session.end().await;
    flaky.set_down(true);
    let mut session = Session::start(dir.path(), flaky).await;
    session.poll().await.unwrap_err();
    assert_eq!(view(&session.vfs), before);
    let progress = session.vfs.summaries_not_in(ServerId::FIRST, &[]);
    assert_eq!(progress[0].file_progress.as_deref(), Some(&[1][..]));
}

#[tokio::test]
async fn who_comes_back_has_its_name_and_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let dated = |id| TorrentDetails { created: None, ..kept(single_file(id, "same", 1)) };
    let flaky = Flaky::new(0);
    for id in [1, 2] {
        flaky.source.add(dated(id));
    }
    let mut session = Session::start(dir.path(), flaky).await;
    session.poll().await.unwrap();
    assert_eq!(names(&session.vfs), ["same", "same [02020202]"]);
    let before = view(&session.vfs);
    session.vfs.source(ServerId::FIRST).unwrap().source.remove(hash(1));
    session.poll().await.unwrap();
    assert_eq!(names(&session.vfs), ["same [02020202]"]);

    let flaky = session.end().await;
    flaky.source.add(dated(1));
    let mut session = Session::start(dir.path(), flaky).await;
    session.poll().await.unwrap();
    assert_eq!(names(&session.vfs), ["same [02020202]", "same"]);
    assert_eq!(session.vfs.source(ServerId::FIRST).unwrap().details_count(), 0);
    let mut after = view(&session.vfs);
    after.sort();
    let mut before = before;
    before.sort();
    assert_eq!(before[2..], after[2..]);

    // Another torrent takes the name meanwhile.
    session.vfs.source(ServerId::FIRST).unwrap().source.remove(hash(1));
    session.poll().await.unwrap();
    session.vfs.source(ServerId::FIRST).unwrap().source.add(dated(3));
    session.poll().await.unwrap();
    session.vfs.source(ServerId::FIRST).unwrap().source.add(dated(1));
    session.poll().await.unwrap();
    assert_eq!(names(&session.vfs), ["same [02020202]", "same", "same [01010101]"]);
    assert_eq!(session.vfs.source(ServerId::FIRST).unwrap().details_count(), 1);
}

// https://github.com/jellyfin/jellyfin/issues/1714: a library was deleted because its disk was
// missing.
#[tokio::test]
async fn a_restarted_server_that_lists_nothing_empties_no_library() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = Session::start(dir.path(), Flaky::new(3)).await;
    session.vfs.source(ServerId::FIRST).unwrap().uptime.store(1000, Ordering::Relaxed);
    session.poll().await.unwrap();

    let flaky = session.end().await;
    // The uptime exceeds the settle time, but it is a new run.
    flaky.uptime.store(500, Ordering::Relaxed);
    for id in 1..=3 {
        flaky.source.remove(hash(id));
    }
    let mut session = Session::start(dir.path(), flaky).await;
    let before = view(&session.vfs);
    assert_eq!(session.poll().await.unwrap(), Changes::default());
    assert_eq!(view(&session.vfs), before);
    let missing = session.discovery.watch.discovery().missing;
    assert_eq!(missing.count, 3);
    assert_eq!(missing.torrents[0].name.as_deref(), Some("t1"));
    let since = missing.since;
    // One is listed again, and then removed by the run that listed it.
    session.vfs.source(ServerId::FIRST).unwrap().source.add(kept(single_file(1, "t1", 1)));
    session.poll().await.unwrap();
    session.vfs.source(ServerId::FIRST).unwrap().source.remove(hash(1));
    session.poll().await.unwrap();
    assert_eq!(names(&session.vfs), ["t2", "t3"]);

    // A restart of tfs keeps this state.
    let flaky = session.end().await;
    flaky.uptime.store(500, Ordering::Relaxed);
    let mut session = Session::start(dir.path(), flaky).await;
    session.poll().await.unwrap();
    assert_eq!(names(&session.vfs), ["t2", "t3"]);
    assert_eq!(session.discovery.watch.discovery().missing.since, since);

    // tfs itself removed one, and the user accepts the other removals.
    let removed_by_tfs = vec![hash(2)];
    let options = PollOptions { removed_by_tfs, ..patient() };
    assert_eq!(session.discovery.poll(&options).await.unwrap().removed.len(), 1);
    assert_eq!(names(&session.vfs), ["t3"]);
    let options = PollOptions { accepts_removals: true, ..patient() };
    assert_eq!(session.discovery.poll(&options).await.unwrap().removed.len(), 1);
    assert_eq!(names(&session.vfs), [] as [&str; 0]);
    assert_eq!(session.discovery.watch.discovery().missing.count, 0);

    // The last known tree is empty, and it is not shown while the server is down.
    let flaky = session.end().await;
    flaky.set_down(true);
    let mut session = Session::start(dir.path(), flaky).await;
    session.poll().await.unwrap_err();
    assert!(!session.discovery.is_tree_known());
    session.vfs.source(ServerId::FIRST).unwrap().set_down(false);
    session.poll().await.unwrap();
    assert_eq!(names(&session.vfs), [] as [&str; 0]);
}
