//! Discovery over a source that fails where it is told to, with and without a state directory.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tfs_testkit::fake::{FakeSource, FakeStream, directory, single_file};
use tokio::time::{advance, sleep_until};
use vfs_core::{
    Bitfield, ByteRange, FileId, InfoHash, Ino, SourceErrorKind, SourceLimits, TorrentDetails,
    VfsConfig, VfsError,
};

use super::asking::DETAILS_AT_A_TIME;
use super::*;
use crate::state::{Identity, ServerState};

const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// A source that fails where it is told to, and counts.
struct Flaky {
    source: FakeSource,
    list_fails: AtomicBool,
    /// In seconds; `u64::MAX` if it cannot say.
    uptime: AtomicU64,
    /// Torrents whose details fail.
    hidden: Mutex<HashMap<InfoHash, SourceErrorKind>>,
    list_count: AtomicUsize,
    details_now: AtomicUsize,
    details_now_max: AtomicUsize,
    details_count: AtomicUsize,
}

impl Flaky {
    fn new(torrent_count: u8) -> Self {
        let source = FakeSource::new(4);
        for id in 1..=torrent_count {
            source.add(kept(single_file(id, &format!("t{id}"), 1)));
        }
        Self {
            source,
            list_fails: AtomicBool::new(false),
            uptime: AtomicU64::new(u64::MAX),
            hidden: Mutex::default(),
            list_count: AtomicUsize::new(0),
            details_now: AtomicUsize::new(0),
            details_now_max: AtomicUsize::new(0),
            details_count: AtomicUsize::new(0),
        }
    }

    fn hide(&self, id: u8, kind: Option<SourceErrorKind>) {
        let mut hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        match kind {
            Some(kind) => hidden.insert(hash(id), kind),
            None => hidden.remove(&hash(id)),
        };
    }

    fn details_count(&self) -> usize {
        self.details_count.load(Ordering::Relaxed)
    }

    fn set_down(&self, is_down: bool) {
        self.list_fails.store(is_down, Ordering::Relaxed);
    }
}

/// Gives a torrent what rqbit's metadata has, without which it is not kept.
fn kept(mut details: TorrentDetails) -> TorrentDetails {
    details.piece_len = std::num::NonZero::new(16384);
    details
}

fn hash(id: u8) -> InfoHash {
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
        let kind = self.hidden.lock().unwrap().get(&torrent).copied();
        match kind {
            Some(kind) => Err(failure(kind)),
            None => self.source.details(torrent).await,
        }
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

/// Lets paused time pass, and with it whoever waits for less.
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

/// Returns all that a user sees of the root directory.
fn view(vfs: &Vfs<Flaky>) -> Vec<(String, Ino, i64)> {
    let mut view = Vec::new();
    vfs.read_dir(Ino::ROOT, 0, |entry| {
        view.push((entry.name.to_owned(), entry.attr.ino, entry.attr.mtime));
        true
    })
    .unwrap();
    view
}

/// One mount, without the kernel: from the state directory to a tree.
struct Session {
    vfs: Arc<Vfs<Flaky>>,
    discovery: Discovery<Flaky>,
    state: ServerState,
}

impl Session {
    async fn start(dir: &Path, flaky: Flaky) -> Self {
        let identity = Identity::of_url(&"http://h".parse().unwrap());
        let (state, known) = ServerState::open(dir, identity).await.unwrap();
        let vfs = vfs_of(flaky);
        let mut discovery = Discovery::new(Arc::clone(&vfs), Some(state.recorder()));
        discovery.remember(&known);
        discovery.restore(known);
        Self { vfs, discovery, state }
    }

    async fn look(&mut self) -> Result<Changes, SourceError> {
        self.discovery.look(Haste::Patient).await
    }

    async fn end(self) -> Flaky {
        drop(self.discovery);
        self.state.recorder().record_progress(self.vfs.summaries_not_in(ServerId::FIRST, &[]));
        self.state.close().await;
        let flaky = Flaky::new(0);
        for details in self.vfs.source().source.all_details() {
            flaky.source.add(details);
        }
        flaky
    }
}

#[tokio::test]
async fn details_are_asked_for_once_and_a_few_at_a_time() {
    let vfs = vfs_of(Flaky::new(100));
    let mut discovery = Discovery::new(Arc::clone(&vfs), None);
    assert_eq!(discovery.look(Haste::Patient).await.unwrap().added.len(), 100);
    assert_eq!(discovery.look(Haste::Patient).await.unwrap(), Changes::default());
    assert_eq!(vfs.source().details_count(), 100);
    assert_eq!(vfs.source().details_now_max.load(Ordering::Relaxed), DETAILS_AT_A_TIME);
    // Those who came first are listed first, in whatever order the details arrived.
    assert_eq!(names(&vfs)[..3], ["t1", "t2", "t3"]);
}

#[tokio::test(start_paused = true)]
async fn one_torrent_that_fails_is_left_out_and_asked_for_ever_more_seldom() {
    let vfs = vfs_of(Flaky::new(3));
    vfs.source().hide(2, Some(SourceErrorKind::Failed));
    let mut discovery = Discovery::new(Arc::clone(&vfs), None);
    for _ in 0..600 {
        discovery.look(Haste::Patient).await.unwrap();
        advance(Duration::from_secs(1)).await;
    }
    assert_eq!(names(&vfs), ["t1", "t3"]);
    // The other two, and then after 0, 1, 3, 7, ..., 255 and 511 seconds.
    assert_eq!(vfs.source().details_count(), 2 + 10);
    vfs.source().hide(2, None);
    discovery.look(Haste::Patient).await.unwrap();
    assert_eq!(names(&vfs), ["t1", "t3"]);
    discovery.look(Haste::Urgent).await.unwrap();
    assert_eq!(names(&vfs), ["t1", "t3", "t2"]);
}

#[tokio::test]
async fn a_tree_does_not_begin_with_a_part_of_it() {
    let vfs = vfs_of(Flaky::new(30));
    vfs.source().hide(20, Some(SourceErrorKind::Unreachable));
    let mut discovery = Discovery::new(Arc::clone(&vfs), None);
    for _ in 0..3 {
        discovery.look(Haste::Patient).await.unwrap_err();
        assert!(matches!(vfs.open_dir(Ino::ROOT), Err(VfsError::NoTree)));
    }
    let asked = vfs.source().details_count();
    vfs.source().hide(20, None);
    discovery.look(Haste::Patient).await.unwrap();
    assert_eq!(names(&vfs).len(), 30);
    // What came before was kept.
    assert!(vfs.source().details_count() - asked < 15);

    // Nor with an empty directory, where each of them fails for itself.
    let vfs = vfs_of(Flaky::new(2));
    for id in 1..=2 {
        vfs.source().hide(id, Some(SourceErrorKind::Failed));
    }
    let mut discovery = Discovery::new(Arc::clone(&vfs), None);
    for _ in 0..3 {
        discovery.look(Haste::Patient).await.unwrap_err();
        assert!(!discovery.is_tree_known());
    }
}

/// Looks at the only server.
async fn look_now(refresher: &Refresher) -> Result<Changes, RefreshError> {
    refresher.look_now().await.remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_down_leaves_the_tree_as_it_was() {
    let vfs = vfs_of(Flaky::new(2));
    let mut discovery = Discovery::new(Arc::clone(&vfs), None);
    discovery.look(Haste::Patient).await.unwrap();
    let (refresher, mut requests) = Refresher::new(1);
    let discovery = tokio::spawn(discovery.keep_looking(POLL_INTERVAL, requests.remove(0), false));

    vfs.source().set_down(true);
    vfs.source().source.remove(hash(1));
    look_now(&refresher).await.unwrap_err();
    assert_eq!(names(&vfs), ["t1", "t2"]);

    // It is back, but may not be all there yet.
    vfs.source().set_down(false);
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
    vfs.source().set_down(true);
    let discovery = Discovery::new(Arc::clone(&vfs), None);
    let (_refresher, mut requests) = Refresher::new(1);
    let discovery = tokio::spawn(discovery.keep_looking(POLL_INTERVAL, requests.remove(0), true));
    let count = || vfs.source().list_count.load(Ordering::Relaxed);
    // After 0.25, 0.5, 1, 2, 4 and then 5 seconds each.
    for (millis, want) in [(240, 0), (20, 1), (500, 2), (1000, 3), (2000, 4), (4000, 5)] {
        pass(Duration::from_millis(millis)).await;
        assert_eq!(count(), want);
    }
    pass(Duration::from_secs(600)).await;
    assert_eq!(count(), 125);
    vfs.source().set_down(false);
    pass(POLL_INTERVAL).await;
    assert_eq!(names(&vfs), ["t1"]);
    discovery.abort();
}

#[tokio::test(start_paused = true)]
async fn a_look_that_is_asked_for_begins_after_the_question() {
    let vfs = vfs_of(Flaky::new(0));
    let discovery = Discovery::new(Arc::clone(&vfs), None);
    let (refresher, mut requests) = Refresher::new(1);
    let discovery = tokio::spawn(discovery.keep_looking(POLL_INTERVAL, requests.remove(0), false));
    let start = Instant::now();
    for id in 1..=5 {
        vfs.source().source.add(single_file(id, &format!("t{id}"), 1));
        let (one, other) = tokio::join!(look_now(&refresher), look_now(&refresher));
        one.and(other).unwrap();
        assert_eq!(names(&vfs).len(), usize::from(id));
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    // Those who ask together have one look.
    assert_eq!(vfs.source().list_count.load(Ordering::Relaxed), 5);
    discovery.abort();
    assert!(matches!(look_now(&refresher).await, Err(RefreshError::Ended)));
}

#[tokio::test]
async fn a_restart_shows_the_same_tree_and_asks_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let flaky = Flaky::new(5);
    // Same names, a name that must be escaped, no date, a date from the future.
    flaky.source.add(kept(single_file(20, "t1", 9)));
    flaky.source.add(kept(directory(21, "a/b", &[("x", 1), ("x/y", 2)])));
    for (id, created) in [(22, None), (23, Some(4_000_000_000))] {
        flaky.source.add(TorrentDetails { created, ..kept(single_file(id, "dated", 1)) });
    }
    let mut session = Session::start(dir.path(), flaky).await;
    session.look().await.unwrap();
    let before = view(&session.vfs);
    assert_eq!(before.len(), 2 + 9);

    let flaky = session.end().await;
    // The server has them in another order, under other ids.
    for (order, info_hash) in [21, 20, 23, 22, 5, 4, 3, 2, 1].into_iter().map(hash).enumerate() {
        flaky.source.update(info_hash, |summary| summary.added_order = order as u64);
    }
    let mut session = Session::start(dir.path(), flaky).await;
    assert_eq!(view(&session.vfs), before);
    assert_eq!(session.look().await.unwrap(), Changes::default());
    assert_eq!(view(&session.vfs), before);
    assert_eq!(session.vfs.source().details_count(), 0);
    let summaries = session.vfs.summaries_not_in(ServerId::FIRST, &[]);
    assert!(summaries.iter().all(|summary| summary.file_progress.is_some()));

    // And with a server that is down.
    let flaky = session.end().await;
    flaky.set_down(true);
    let mut session = Session::start(dir.path(), flaky).await;
    session.look().await.unwrap_err();
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
    session.look().await.unwrap();
    assert_eq!(names(&session.vfs), ["same", "same [02020202]"]);
    let before = view(&session.vfs);
    session.vfs.source().source.remove(hash(1));
    session.look().await.unwrap();
    assert_eq!(names(&session.vfs), ["same [02020202]"]);

    let flaky = session.end().await;
    flaky.source.add(dated(1));
    let mut session = Session::start(dir.path(), flaky).await;
    session.look().await.unwrap();
    assert_eq!(names(&session.vfs), ["same [02020202]", "same"]);
    assert_eq!(session.vfs.source().details_count(), 0);
    let mut after = view(&session.vfs);
    after.sort();
    let mut before = before;
    before.sort();
    assert_eq!(before[2..], after[2..]);

    // Somebody else takes the name meanwhile.
    session.vfs.source().source.remove(hash(1));
    session.look().await.unwrap();
    session.vfs.source().source.add(dated(3));
    session.look().await.unwrap();
    session.vfs.source().source.add(dated(1));
    session.look().await.unwrap();
    assert_eq!(names(&session.vfs), ["same [02020202]", "same", "same [01010101]"]);
    assert_eq!(session.vfs.source().details_count(), 1);
}

#[tokio::test]
async fn what_is_missing_after_a_start_is_shown_until_the_server_has_settled() {
    let dir = tempfile::tempdir().unwrap();
    let mut session = Session::start(dir.path(), Flaky::new(3)).await;
    session.look().await.unwrap();

    let flaky = session.end().await;
    flaky.uptime.store(1, Ordering::Relaxed);
    for id in 1..=3 {
        flaky.source.remove(hash(id));
    }
    let mut session = Session::start(dir.path(), flaky).await;
    let before = view(&session.vfs);
    assert_eq!(session.look().await.unwrap(), Changes::default());
    assert_eq!(view(&session.vfs), before);
    // One is there again, and then it is removed by the run that had it.
    session.vfs.source().source.add(kept(single_file(1, "t1", 1)));
    session.look().await.unwrap();
    session.vfs.source().source.remove(hash(1));
    session.look().await.unwrap();
    assert_eq!(names(&session.vfs), ["t2", "t3"]);

    session.vfs.source().uptime.store(61, Ordering::Relaxed);
    assert_eq!(session.look().await.unwrap().removed.len(), 2);
    assert_eq!(names(&session.vfs), [] as [&str; 0]);

    // An empty tree is known to be empty, and yet not shown while nobody answers.
    let flaky = session.end().await;
    flaky.set_down(true);
    let mut session = Session::start(dir.path(), flaky).await;
    session.look().await.unwrap_err();
    assert!(!session.discovery.is_tree_known());
    session.vfs.source().set_down(false);
    session.look().await.unwrap();
    assert_eq!(names(&session.vfs), [] as [&str; 0]);
}
