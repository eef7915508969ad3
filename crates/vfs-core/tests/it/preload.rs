//! Preloads over the fake: their cost, how they yield to readers, and how they end.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{child, vfs_with};
use tfs_testkit::fake::{FakeSource, directory, file_id};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use vfs_core::{
    Bitfield, FileParts, Ino, PreloadError, PreloadProgress, PreloadWait, ReadPolicy, ServerId,
    SourceErrorKind, TorrentFile, TorrentState, Vfs,
};

const MIB: u64 = 1 << 20;
const FILE_LEN: u64 = 24 * MIB;
const PIECE_LEN: u32 = 1 << 20;
const WHOLE: FileParts = FileParts { head: None, tail: None };

struct Fixture {
    source: FakeSource,
    vfs: Arc<Vfs<FakeSource>>,
}

/// A running preload.
struct PreloadRun {
    task: JoinHandle<Result<(), PreloadError>>,
    progress: watch::Receiver<PreloadProgress>,
}

impl Fixture {
    /// A torrent of two files: every other piece of the first is present, and none of the second.
    fn new(streams_max: usize) -> Self {
        let source = FakeSource::new(streams_max);
        source.set_chunk_bytes(100_000);
        let mut details = directory(1, "t", &[("every-other", FILE_LEN), ("nothing", FILE_LEN)]);
        details.piece_len = NonZeroU32::new(PIECE_LEN);
        source.add(details);
        let torrent = file_id(1, 0).torrent;
        source.update(torrent, |it| it.file_progress = Some([FILE_LEN / 2, 0].into()));
        let fixture = Self { vfs: Arc::new(vfs_with(&source, ReadPolicy::default())), source };
        fixture.has(|piece| piece < 24 && piece % 2 == 0);
        fixture
    }

    fn has(&self, has: impl FnMut(u32) -> bool) {
        let haves = Bitfield::from_fn(48, has).unwrap();
        self.source.set_haves(file_id(1, 0).torrent, haves);
    }

    fn file(&self, path: &str) -> TorrentFile {
        self.vfs.files_below(path).unwrap().remove(0)
    }

    fn preload(&self, path: &str, parts: FileParts) -> PreloadRun {
        let (sender, progress) = watch::channel(PreloadProgress::default());
        let (vfs, file) = (Arc::clone(&self.vfs), self.file(path));
        let task = tokio::spawn(async move {
            vfs.preload(&file, parts, |progress| {
                sender.send_replace(progress);
            })
            .await
        });
        PreloadRun { task, progress }
    }

    fn opened(&self) -> Vec<(u32, u64, u64)> {
        let opened = self.source.opened().into_iter();
        opened.map(|(file, range)| (file.index.0, range.start() / MIB, range.end() / MIB)).collect()
    }

    fn set_state(&self, state: TorrentState) {
        self.source.update(file_id(1, 0).torrent, |it| it.state = state);
        self.vfs.apply(ServerId::FIRST, self.source.listing(), Vec::new(), 1);
    }

    async fn all_closed(&self) {
        while self.source.open_now() > 0 {
            pass(Duration::from_millis(1)).await;
        }
        assert_eq!(self.source.violations(), [] as [String; 0]);
    }
}

/// Advances the paused time, which jumps as soon as all tasks are idle.
async fn pass(time: Duration) {
    sleep_until(Instant::now() + time).await;
}

#[tokio::test(start_paused = true)]
async fn only_what_is_missing_is_streamed_and_nothing_is_kept() {
    let f = Fixture::new(4);
    let parts = FileParts { head: Some(4 * MIB), tail: Some(2 * MIB) };
    let running = f.preload("t/every-other", parts);
    running.task.await.unwrap().unwrap();
    assert_eq!(f.opened(), [(0, 1, 2), (0, 3, 4), (0, 23, 24)]);
    let all = PreloadProgress { bytes_there: 6 * MIB, bytes_total: 6 * MIB, wait: None };
    assert_eq!(*running.progress.borrow(), all);
    let counters = f.vfs.counters();
    assert_eq!((counters.bytes_preloaded, counters.preloads), (3 * MIB, 0));
    assert_eq!((counters.cached_bytes, counters.buffered_bytes), (0, 0));
    assert_eq!((counters.total.reads, counters.total.bytes_fetched), (0, 0));
    f.all_closed().await;

    // Now the bitfield shows it too: a second preload needs no stream.
    f.has(|piece| piece < 4 || (22..24).contains(&piece));
    pass(Duration::from_secs(2)).await;
    f.vfs.clear_pieces();
    f.preload("t/every-other", parts).task.await.unwrap().unwrap();
    assert_eq!(f.opened().len(), 3);
}

/// Present bytes were counted as speed, and the reason for the stall was not shown.
#[tokio::test(start_paused = true)]
async fn a_preload_says_what_it_waits_for_and_counts_nothing_before_it_is_known() {
    let f = Fixture::new(4);
    f.source.hold(file_id(1, 0));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (vfs, file) = (Arc::clone(&f.vfs), f.file("t/every-other"));
    let steps = Arc::clone(&seen);
    let preload = tokio::spawn(async move {
        vfs.preload(&file, WHOLE, |progress| steps.lock().unwrap().push(progress)).await
    });
    pass(Duration::from_millis(600)).await;
    let second = f.preload("t/nothing", WHOLE);
    pass(Duration::from_secs(4)).await;
    // Without a bitfield the count is meaningless; with one, all present bytes count.
    let known = |it: &PreloadProgress| it.wait != Some(PreloadWait::Bitfield);
    let steps = seen.lock().unwrap().clone();
    let first = steps.iter().find(|it| known(it)).unwrap();
    assert_eq!((first.bytes_there, first.wait), (FILE_LEN / 2, None));
    assert!(steps.iter().all(|it| !known(it) || it.bytes_there >= FILE_LEN / 2), "{steps:?}");
    // No peer sends data, and the other preload waits for its turn.
    assert_eq!(steps.last().unwrap().wait, Some(PreloadWait::Peers));
    assert_eq!(second.progress.borrow().wait, Some(PreloadWait::Turn));

    // A reader of missing data has precedence.
    f.source.hold(file_id(1, 1));
    let top = child(&f.vfs, Ino::ROOT, "t").unwrap().ino;
    let handle = f.vfs.open(child(&f.vfs, top, "nothing").unwrap().ino).unwrap();
    let vfs = Arc::clone(&f.vfs);
    let read = tokio::spawn(async move { vfs.read(handle, 5 * MIB, 100).await });
    pass(Duration::from_secs(1)).await;
    assert_eq!(seen.lock().unwrap().last().unwrap().wait, Some(PreloadWait::Readers));
    read.abort();

    // The server checks the torrent, and then continues.
    f.set_state(TorrentState::Initializing);
    pass(Duration::from_secs(3)).await;
    assert_eq!(seen.lock().unwrap().last().unwrap().wait, Some(PreloadWait::Check));
    f.set_state(TorrentState::Live);
    f.source.let_go(file_id(1, 0));
    f.source.let_go(file_id(1, 1));
    preload.await.unwrap().unwrap();
    let last = PreloadProgress { bytes_there: FILE_LEN, bytes_total: FILE_LEN, wait: None };
    assert_eq!(seen.lock().unwrap().last(), Some(&last));
}

#[tokio::test(start_paused = true)]
async fn readers_come_first_and_the_preload_goes_on_where_it_was() {
    for streams_max in [1, 4] {
        let f = Fixture::new(streams_max);
        let top = child(&f.vfs, Ino::ROOT, "t").unwrap().ino;
        let handle = f.vfs.open(child(&f.vfs, top, "nothing").unwrap().ino).unwrap();
        f.source.hold(file_id(1, 0));
        let mut running = f.preload("t/every-other", WHOLE);
        running.progress.wait_for(|it| it.bytes_there >= FILE_LEN / 2).await.unwrap();
        assert_eq!(f.source.open_now(), 1);

        // A reader of missing data waits for no preload, and meanwhile none runs.
        f.source.hold(file_id(1, 1));
        let vfs = Arc::clone(&f.vfs);
        let read = tokio::spawn(async move { vfs.read(handle, 5 * MIB, 100).await });
        pass(Duration::from_millis(10)).await;
        f.source.let_go(file_id(1, 0));
        pass(Duration::from_secs(1)).await;
        assert_eq!(f.opened(), [(0, 1, 2), (1, 5, 6)], "{streams_max}");
        assert_eq!(f.source.open_now(), 1);
        f.source.let_go(file_id(1, 1));
        let bytes = read.await.unwrap().unwrap();
        FakeSource::content(file_id(1, 1), FILE_LEN).check(5 * MIB, &bytes).unwrap();
        f.vfs.release(handle);
        running.task.await.unwrap().unwrap();
        assert_eq!(f.opened()[2], (0, 1, 2));
        f.all_closed().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_preload_that_is_dropped_leaves_nothing() {
    let f = Fixture::new(4);
    f.source.hold(file_id(1, 1));
    let mut running = f.preload("t/nothing", WHOLE);
    running.progress.changed().await.unwrap();
    pass(Duration::from_secs(1)).await;
    assert_eq!((f.source.open_now(), f.vfs.counters().preloads), (1, 1));
    running.task.abort();
    assert!(running.task.await.unwrap_err().is_cancelled());
    f.all_closed().await;
    assert_eq!(f.vfs.counters().preloads, 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_costs_only_time() {
    let f = Fixture::new(4);
    f.source.fail_opens(file_id(1, 1), Some(SourceErrorKind::Unreachable));
    let running = f.preload("t/nothing", WHOLE);
    // One night.
    pass(Duration::from_secs(8 * 3600)).await;
    assert!(!running.task.is_finished());
    f.source.fail_opens(file_id(1, 1), None);
    timeout(Duration::from_secs(10), running.task).await.unwrap().unwrap().unwrap();
    f.all_closed().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_come_ends_the_preload_and_says_why() {
    let f = Fixture::new(4);
    for (state, want) in [
        (TorrentState::Paused, "get missing data: the torrent is paused"),
        (TorrentState::Failed, "get missing data: the torrent has failed"),
    ] {
        f.set_state(TorrentState::Live);
        f.source.hold(file_id(1, 1));
        let running = f.preload("t/nothing", WHOLE);
        pass(Duration::from_secs(1)).await;
        assert!(!running.task.is_finished());
        f.set_state(state);
        let ended = timeout(Duration::from_secs(5), running.task).await.unwrap().unwrap();
        assert_eq!(ended.unwrap_err().to_string(), want);
        // Present data does not need a running torrent.
        let head = FileParts { head: Some(MIB), tail: None };
        if state == TorrentState::Paused {
            f.vfs.preload(&f.file("t/every-other"), head, |_| ()).await.unwrap();
        }
    }
    f.set_state(TorrentState::Live);
    let running = f.preload("t/nothing", WHOLE);
    let began_at = Instant::now();
    assert!(matches!(running.task.await.unwrap(), Err(PreloadError::Stalled)));
    assert!((60..70).contains(&began_at.elapsed().as_secs()));

    let file = f.file("t/nothing");
    f.source.remove(file_id(1, 0).torrent);
    f.vfs.apply(ServerId::FIRST, f.source.listing(), Vec::new(), 1);
    assert!(matches!(f.vfs.preload(&file, WHOLE, |_| ()).await, Err(PreloadError::Gone)));
    f.all_closed().await;
}

#[tokio::test(start_paused = true)]
async fn of_two_preloads_one_has_a_stream_and_the_stuck_one_steps_back() {
    let f = Fixture::new(4);
    f.source.hold(file_id(1, 0));
    let stuck = f.preload("t/every-other", WHOLE);
    pass(Duration::from_secs(1)).await;
    let other = f.preload("t/nothing", WHOLE);
    pass(Duration::from_secs(1)).await;
    assert_eq!(f.source.open_now(), 1);
    timeout(Duration::from_secs(20), other.task).await.unwrap().unwrap().unwrap();
    assert!(!stuck.task.is_finished());
    f.source.let_go(file_id(1, 0));
    stuck.task.await.unwrap().unwrap();
    f.all_closed().await;
}

/// A piece of 32 MiB over 2 MBit/s takes two minutes. A torrent that only fetches other files is
/// no reason to keep the others waiting.
#[tokio::test(start_paused = true)]
async fn a_large_piece_on_a_slow_line_is_no_stall_unless_other_files_take_the_line() {
    let minutes = |count: u64| Duration::from_secs(60 * count);
    let stalled_after = async |bytes_per_second| {
        let f = Fixture::new(4);
        f.source.hold(file_id(1, 1));
        f.source.set_download(bytes_per_second);
        let began = Instant::now();
        let running = f.preload("t/nothing", WHOLE);
        match timeout(minutes(4), running.task).await {
            Ok(ended) => {
                assert!(matches!(ended.unwrap(), Err(PreloadError::Stalled)));
                Some(began.elapsed().as_secs() / 60)
            }
            Err(_goes_on) => None,
        }
    };
    assert_eq!(stalled_after(0).await, Some(1));
    assert_eq!(stalled_after(250_000).await, None);
    // 64 MiB at this speed are a minute, of which samples see half. A minute of silence follows.
    assert_eq!(stalled_after(1_100_000).await, Some(3));
}

#[test]
fn paths_lead_to_files() {
    let source = FakeSource::new(1);
    source.add(directory(1, "t", &[("b", 1), ("a/2", 2), ("a/1", 3), ("c/d/e", 4)]));
    source.add(directory(2, "u", &[("x", 5)]));
    let vfs = vfs_with(&source, ReadPolicy::default());
    let paths = |path: &str| {
        let files = vfs.files_below(path).map_err(|error| error.to_string())?;
        Ok::<_, String>(files.into_iter().map(|file| file.path).collect::<Vec<_>>().join(" "))
    };
    let all = "t/a/1 t/a/2 t/b t/c/d/e u/x";
    for (path, want) in [
        ("", Ok(all)),
        ("/", Ok(all)),
        ("t", Ok("t/a/1 t/a/2 t/b t/c/d/e")),
        ("/t//a/", Ok("t/a/1 t/a/2")),
        ("t/c", Ok("t/c/d/e")),
        ("u/x", Ok("u/x")),
        ("u/x/y", Err("not a directory")),
        ("nothing", Err("no such file or directory")),
    ] {
        assert_eq!(paths(path), want.map(str::to_owned).map_err(str::to_owned), "{path}");
    }
}
