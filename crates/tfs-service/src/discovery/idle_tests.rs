//! Discovery of a server that is polled rarely, and that reports changes only.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use tfs_testkit::fake::{FakeSource, FakeStream, directory, file_id};
use vfs_core::{Bitfield, ByteRange, FileId, Freshness, Ino, ListRequest, SourceLimits, VfsConfig};

use super::*;

const INTERVALS: PollIntervals =
    PollIntervals { usual: Duration::from_secs(5), idle: Duration::from_secs(60) };

/// A source that records its polls, and returns changes where they suffice.
struct Reporting {
    source: FakeSource,
    is_near: bool,
    fails: AtomicBool,
    polls: Mutex<Vec<(Instant, ListRequest)>>,
    last: Mutex<Vec<TorrentSummary>>,
}

impl TorrentSource for Reporting {
    type Stream = FakeStream;

    async fn list(&self) -> Result<Vec<TorrentSummary>, SourceError> {
        self.source.list().await
    }

    async fn poll(&self, request: ListRequest) -> Result<ListAnswer, SourceError> {
        let accepts_changes = request.accepts_changes;
        self.polls.lock().unwrap().push((Instant::now(), request));
        if self.fails.load(Ordering::Relaxed) {
            return Err(SourceError::new(SourceErrorKind::Unreachable, "ask the test"));
        }
        let list = self.list().await?;
        let last = std::mem::replace(&mut *self.last.lock().unwrap(), list.clone());
        if !accepts_changes || list.len() != last.len() {
            return Ok(ListAnswer::All(list));
        }
        Ok(ListAnswer::Changed(
            list.into_iter().filter(|summary| !last.contains(summary)).collect(),
        ))
    }

    fn is_on_this_machine(&self) -> bool {
        self.is_near
    }

    async fn details(&self, torrent: InfoHash) -> Result<TorrentDetails, SourceError> {
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

/// A mount without the kernel. Its poll task ends with it.
struct Fixture {
    vfs: Arc<Vfs<Reporting>>,
    refresher: Refresher,
    task: tokio::task::JoinHandle<()>,
    watch: ServerWatch,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fixture {
    async fn start(is_near: bool) -> Self {
        let source = FakeSource::new(4);
        source.add(directory(1, "film", &[("a", 100)]));
        let (fails, polls, last) = Default::default();
        let source = Reporting { source, is_near, fails, polls, last };
        let vfs = Arc::new(Vfs::new(Arc::new(source), VfsConfig::default()));
        let watch = ServerWatch::default();
        let mut discovery = Discovery::new(Arc::clone(&vfs), None).watched_by(watch.clone());
        discovery.poll(&PollOptions::default()).await.unwrap();
        let (refresher, mut requests) = Refresher::new(1);
        let task = tokio::spawn(discovery.poll_loop(INTERVALS, requests.remove(0), false));
        Self { vfs, refresher, task, watch }
    }

    fn source(&self) -> &Reporting {
        self.vfs.source(ServerId::FIRST).unwrap()
    }

    /// Lets time pass, and returns the polls meanwhile, in seconds from the start of that time.
    async fn polls(&self, seconds: u64) -> Vec<u64> {
        self.source().polls.lock().unwrap().clear();
        let start = Instant::now();
        // Half a second, so that each poll is before or after.
        tokio::time::sleep(Duration::from_millis(1000 * seconds + 500)).await;
        let polls = self.source().polls.lock().unwrap();
        polls.iter().map(|(at, _)| at.duration_since(start).as_secs()).collect()
    }

    fn last_request(&self) -> ListRequest {
        self.source().polls.lock().unwrap().last().unwrap().1.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_on_another_machine_is_polled_rarely_until_something_looks() {
    let near = Fixture::start(true).await;
    assert_eq!(near.polls(20).await, [5, 10, 15, 20]);

    let far = Fixture::start(false).await;
    assert_eq!(far.polls(200).await, [5, 15, 35, 75, 135, 195]);
    let vfs = &far.vfs;
    let film = vfs.lookup(Ino::ROOT, b"film").unwrap().attr.ino;
    // A known name, and names inside a torrent, which never change.
    vfs.lookup(film, b"unknown").unwrap_err();
    vfs.open_dir(film).unwrap();
    assert!(far.polls(50).await.is_empty());
    let looks: [&dyn Fn(); 5] = [
        &|| drop(vfs.lookup(Ino::ROOT, b"unknown")),
        &|| vfs.open_dir(Ino::ROOT).unwrap(),
        &|| vfs.read_dir(Ino::ROOT, 0, |_| true).unwrap(),
        &|| vfs.release(vfs.open(vfs.lookup(film, b"a").unwrap().attr.ino).unwrap()),
        &|| vfs.note_command(),
    ];
    for look in looks {
        far.polls(300).await;
        look();
        // At once, and then as if it was calm from now on.
        assert_eq!(far.polls(30).await, [0, 5, 15]);
    }
    assert_eq!(far.last_request().freshness, Freshness::Usual);
    // What looks all the time gets the usual interval.
    for _ in 0..10 {
        vfs.lookup(Ino::ROOT, b"unknown").unwrap_err();
        assert!(far.polls(5).await.len() <= 2);
    }
    assert_eq!(far.source().polls.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_or_a_request_ends_a_long_interval() {
    let far = Fixture::start(false).await;
    far.polls(300).await;
    far.refresher.look_now().await.remove(0).unwrap();
    assert_eq!(far.last_request().freshness, Freshness::Current);
    assert_eq!(far.polls(20).await, [5, 15]);
    far.polls(300).await;
    far.source().source.add(directory(2, "new", &[("b", 1)]));
    let polls = far.polls(70).await;
    let shown = polls[0];
    assert!(far.vfs.lookup(Ino::ROOT, b"new").is_ok());
    assert_eq!(polls[1..3], [shown + 5, shown + 15]);
    far.vfs.note_command();
    far.polls(5).await;
    assert_eq!(far.last_request().freshness, Freshness::Recent);
}

#[tokio::test(start_paused = true)]
async fn changes_of_a_listing_suffice_unless_something_is_undecided() {
    let f = Fixture::start(true).await;
    let torrent = file_id(1, 0).torrent;
    f.polls(5).await;
    assert!(f.last_request().accepts_changes);
    let progress = |bytes: u64| {
        f.source().source.update(torrent, |it| it.file_progress = Some([bytes].into()));
    };
    progress(40);
    f.polls(5).await;
    assert_eq!(f.vfs.stats().have_bytes, 40);
    f.source().source.fail(torrent, "no disk");
    f.polls(5).await;
    assert_eq!(f.watch.discovery().failed.count, 1);
    progress(50);
    f.polls(5).await;
    assert_eq!((f.watch.discovery().failed.count, f.vfs.stats().have_bytes), (1, 50));
    f.source().source.update(torrent, |it| it.state = TorrentState::Live);
    f.polls(5).await;
    assert_eq!(f.watch.discovery().failed.count, 0);
    // After a failure, the source may have returned changes that did not arrive.
    f.source().fails.store(true, Ordering::Relaxed);
    f.polls(5).await;
    f.source().fails.store(false, Ordering::Relaxed);
    f.source().polls.lock().unwrap().clear();
    f.polls(10).await;
    let requests: Vec<_> =
        f.source().polls.lock().unwrap().iter().map(|(_, it)| it.accepts_changes).collect();
    assert_eq!(requests.iter().filter(|accepts| !**accepts).count(), 1, "{requests:?}");
    // An open file.
    let film = f.vfs.lookup(Ino::ROOT, b"film").unwrap().attr.ino;
    f.vfs.open(f.vfs.lookup(film, b"a").unwrap().attr.ino).unwrap();
    f.polls(5).await;
    assert_eq!(f.last_request().in_use, [torrent]);
}
