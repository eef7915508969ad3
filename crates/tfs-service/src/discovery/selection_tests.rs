//! Discovery of selections and of finished torrents, over a source that counts requests.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tfs_state::{ServerIdentity, ServerState};
use tfs_testkit::fake::{FakeSource, FakeStream, directory};
use vfs_core::{Bitfield, ByteRange, FileId, FileIndex, Ino, SourceLimits, TorrentTime, VfsConfig};

use super::*;

/// The selection of a torrent, and the size that the server reports for it.
type FakeSelection = ([bool; 2], u64);

/// A server whose torrents have two files of 100 and 20 bytes.
#[derive(Clone)]
struct Selecting {
    source: FakeSource,
    selections: Arc<Mutex<HashMap<InfoHash, FakeSelection>>>,
    changed: Arc<Mutex<Vec<InfoHash>>>,
    answered: Arc<Mutex<HashMap<InfoHash, Bitfield>>>,
    details_count: Arc<AtomicUsize>,
    details_fail: Arc<AtomicBool>,
}

impl Selecting {
    fn new(selections: &[(u8, FakeSelection)]) -> Self {
        let (map, changed, answered, details_count, details_fail) = Default::default();
        let source = FakeSource::new(4);
        let selecting =
            Self { source, selections: map, changed, answered, details_count, details_fail };
        for (id, selection) in selections {
            let files = [("a", 100), ("b", 20)];
            let mut details = directory(*id, &format!("t{id}"), &files);
            details.piece_len = std::num::NonZero::new(16384);
            let torrent = selecting.source.add(details);
            selecting.source.update(torrent, |it| it.file_progress = Some([0, 0].into()));
            selecting.select(*id, *selection);
        }
        selecting
    }

    fn select(&self, id: u8, selection: FakeSelection) {
        let last = self.selections.lock().unwrap().insert(hash(id), selection);
        if last.is_none_or(|(_, bytes)| bytes != selection.1) {
            self.changed.lock().unwrap().push(hash(id));
        }
    }

    fn details_count(&self) -> usize {
        self.details_count.swap(0, Ordering::Relaxed)
    }
}

impl TorrentSource for Selecting {
    type Stream = FakeStream;

    async fn list(&self) -> Result<Vec<TorrentSummary>, SourceError> {
        self.source.list().await
    }

    async fn details(&self, torrent: InfoHash) -> Result<TorrentDetails, SourceError> {
        self.details_count.fetch_add(1, Ordering::Relaxed);
        if self.details_fail.load(Ordering::Relaxed) {
            return Err(SourceError::new(SourceErrorKind::TimedOut, "ask the test"));
        }
        let selection = self.selections.lock().unwrap().get(&torrent).copied();
        if let Some((files, _)) = selection.filter(|(files, _)| *files != [true; 2]) {
            let bits = Bitfield::from_fn(2, |file| files[usize::try_from(file).unwrap()]);
            self.answered.lock().unwrap().insert(torrent, bits.unwrap());
        }
        self.source.details(torrent).await
    }

    fn selected_bytes(&self, torrent: InfoHash) -> Option<u64> {
        self.selections.lock().unwrap().get(&torrent).map(|(_, bytes)| *bytes)
    }

    fn take_reselected(&self) -> Vec<InfoHash> {
        std::mem::take(&mut self.changed.lock().unwrap())
    }

    fn take_selection(&self, torrent: InfoHash) -> Option<Bitfield> {
        self.answered.lock().unwrap().remove(&torrent)
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

fn hash(id: u8) -> InfoHash {
    InfoHash::from_bytes([id; 20])
}

/// One mount without the kernel.
struct SelectingMount {
    vfs: Arc<Vfs<Selecting>>,
    discovery: Discovery<Selecting>,
    state: ServerState,
}

impl SelectingMount {
    async fn start(dir: &Path, source: &Selecting) -> Self {
        let identity = ServerIdentity::of_url(&"http://h".parse().unwrap());
        let (state, known) = ServerState::open(dir, identity).await.unwrap();
        let config = VfsConfig { times: TorrentTime::Finished, ..VfsConfig::default() };
        let vfs = Arc::new(Vfs::new(Arc::new(source.clone()), config));
        let mut discovery = Discovery::new(Arc::clone(&vfs), Some(state.recorder()));
        discovery.remember(&known);
        discovery.restore(known);
        Self { vfs, discovery, state }
    }

    /// Polls, and processes answers until nothing is pending.
    async fn poll(&mut self) {
        self.discovery.poll(&PollOptions::default()).await.unwrap();
        let quiet = Duration::from_secs(1);
        while tokio::time::timeout(quiet, self.discovery.progress()).await.is_ok() {}
    }

    fn selected(&self, id: u8) -> [bool; 2] {
        let file = |index| FileId { torrent: hash(id), index: FileIndex(index) };
        [0, 1].map(|index| self.vfs.is_selected(file(index)))
    }

    fn mtime(&self, id: u8) -> i64 {
        let attr = self.vfs.lookup(Ino::ROOT, format!("t{id}").as_bytes()).unwrap().attr;
        self.vfs.forget(attr.ino, 1);
        attr.mtime
    }

    async fn end(self) {
        drop(self.discovery);
        self.state.recorder().record_progress(self.vfs.summaries_not_in(ServerId::FIRST, &[]));
        self.state.close().await;
    }
}

const ALL: FakeSelection = ([true, true], 120);

#[tokio::test(start_paused = true)]
async fn selections_come_with_the_details_and_a_restart_requests_nothing() {
    let dir = tempfile::tempdir().unwrap();
    // Of the third the server counts whole pieces: all of them.
    let part = [true, false];
    let all = [(1, ALL), (2, (part, 100)), (3, (part, 120)), (4, ([false, false], 0))];
    let source = Selecting::new(&all);
    let check = |mounted: &SelectingMount| {
        for (id, (files, _)) in all {
            assert_eq!(mounted.selected(id), files, "{id}");
        }
    };
    let mut mounted = SelectingMount::start(dir.path(), &source).await;
    mounted.poll().await;
    check(&mounted);
    mounted.poll().await;
    assert_eq!(source.details_count(), 4);
    mounted.end().await;

    // The server reports every size again.
    source.changed.lock().unwrap().extend([1, 2, 3, 4].map(hash));
    let mut mounted = SelectingMount::start(dir.path(), &source).await;
    check(&mounted);
    mounted.poll().await;
    check(&mounted);
    assert_eq!(source.details_count(), 0);
    mounted.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_size_costs_one_request() {
    let dir = tempfile::tempdir().unwrap();
    let source = Selecting::new(&[(1, ALL), (2, ALL)]);
    let mut mounted = SelectingMount::start(dir.path(), &source).await;
    mounted.poll().await;
    source.details_count();
    for selection in [([false, true], 20), ([false, false], 0), ALL, ([true, false], 100)] {
        source.select(1, selection);
        mounted.poll().await;
        assert_eq!(mounted.selected(1), selection.0);
        mounted.poll().await;
        assert_eq!(source.details_count(), 1, "{selection:?}");
    }
    assert_eq!(mounted.selected(2), [true, true]);
    mounted.end().await;
    // It changed while no mount ran.
    source.select(1, ALL);
    let mut mounted = SelectingMount::start(dir.path(), &source).await;
    assert_eq!(mounted.selected(1), [true, false]);
    mounted.poll().await;
    assert_eq!((mounted.selected(1), source.details_count()), ([true, true], 1));
    mounted.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_counts_otherwise_is_asked_once_for_each_size() {
    let dir = tempfile::tempdir().unwrap();
    let source = Selecting::new(&[(1, ([true, true], 7))]);
    // The first time, its details are requested too.
    for requests in [2, 0] {
        let mut mounted = SelectingMount::start(dir.path(), &source).await;
        mounted.poll().await;
        mounted.poll().await;
        assert_eq!(mounted.selected(1), [true, true]);
        assert_eq!(source.details_count(), requests);
        mounted.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_fails_is_repeated_after_a_pause() {
    let dir = tempfile::tempdir().unwrap();
    let source = Selecting::new(&[(1, ALL)]);
    let mut mounted = SelectingMount::start(dir.path(), &source).await;
    mounted.poll().await;
    source.details_count();
    source.details_fail.store(true, Ordering::Relaxed);
    source.select(1, ([false, true], 20));
    mounted.poll().await;
    assert_eq!((mounted.selected(1), source.details_count()), ([true, true], 1));
    source.details_fail.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(2)).await;
    mounted.poll().await;
    assert_eq!((mounted.selected(1), source.details_count()), ([false, true], 1));
    mounted.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_selection_of_a_removed_torrent_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let source = Selecting::new(&[(1, ([true, false], 100)), (2, ALL)]);
    let mut mounted = SelectingMount::start(dir.path(), &source).await;
    mounted.poll().await;
    assert_eq!(mounted.selected(1), [true, false]);
    source.source.remove(hash(1));
    mounted.poll().await;
    // It comes back from the state directory, with another selection of the same size.
    let details = directory(1, "t1", &[("a", 100), ("b", 20)]);
    source.source.add(details);
    source.select(1, ALL);
    mounted.poll().await;
    assert_eq!(mounted.selected(1), [true, true]);
    mounted.end().await;
    let mounted = SelectingMount::start(dir.path(), &source).await;
    assert_eq!(mounted.selected(1), [true, true]);
}

#[tokio::test(start_paused = true)]
async fn finish_times_are_kept_and_never_later_than_the_finish() {
    let dir = tempfile::tempdir().unwrap();
    let source = Selecting::new(&[(1, ALL), (2, ([true, false], 100)), (3, ALL)]);
    let progress = |id, have: [u64; 2]| {
        source.source.update(hash(id), |it| it.file_progress = Some(have.into()));
    };
    progress(3, [100, 20]);
    let before = now();
    let mut mounted = SelectingMount::start(dir.path(), &source).await;
    mounted.poll().await;
    assert!((before..=now()).contains(&mounted.mtime(3)));
    // What is selected of the second is complete.
    progress(2, [100, 0]);
    mounted.poll().await;
    let finished = mounted.vfs.note_finished(ServerId::FIRST, &[1, 2, 3].map(hash), Some(9));
    assert_eq!(finished, []);
    mounted.end().await;

    // The clock of this machine cannot be moved in a test: the log is.
    let log = std::fs::read_dir(dir.path().join("servers")).unwrap().next().unwrap().unwrap();
    let text = std::fs::read_to_string(log.path().join("state.log")).unwrap();
    assert_eq!(text.matches(" finished ").count(), 2, "{text}");
    let times: Vec<_> = {
        let mounted = SelectingMount::start(dir.path(), &source).await;
        [1, 2, 3].map(|id| mounted.mtime(id)).to_vec()
    };
    // The first finishes while no mount runs: the next one sees it first.
    progress(1, [100, 20]);
    let mut mounted = SelectingMount::start(dir.path(), &source).await;
    mounted.poll().await;
    assert_eq!([2, 3].map(|id| mounted.mtime(id))[..], times[1..]);
    assert!((before..=now()).contains(&mounted.mtime(1)));
    mounted.end().await;
    let text = std::fs::read_to_string(log.path().join("state.log")).unwrap();
    assert_eq!(text.matches(" finished ").count(), 3, "{text}");
}
