//! The read engine over the fake: the requests that reads cause, and their results.

use std::collections::HashSet;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use crate::support::{child, vfs_with};
use tfs_testkit::fake::{FakeSource, directory, file_id, single_file};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use vfs_core::{
    Bitfield, BreakerState, HandleId, Ino, MissingPolicy, ReadPolicy, ServerId, SourceErrorKind,
    TorrentState, Vfs, VfsError,
};

const MIB: u64 = 1 << 20;
const FILE_LEN: u64 = 24 * MIB;
const PIECE_LEN: u32 = 1 << 20;

struct Fixture {
    source: FakeSource,
    vfs: Arc<Vfs<FakeSource>>,
}

/// Returns a torrent with one file whose first half is present, and one complete file.
fn fixture(read: ReadPolicy) -> Fixture {
    let source = FakeSource::new(4);
    source.set_chunk_bytes(100_000);
    let mut details = directory(1, "t", &[("half", FILE_LEN), ("full", FILE_LEN)]);
    details.piece_len = NonZeroU32::new(PIECE_LEN);
    source.add(details);
    let torrent = file_id(1, 0).torrent;
    source.update(torrent, |it| it.file_progress = Some([FILE_LEN / 2, FILE_LEN].into()));
    source.set_haves(torrent, Bitfield::from_fn(48, |piece| !(12..24).contains(&piece)).unwrap());
    let vfs = Arc::new(vfs_with(&source, read));
    Fixture { source, vfs }
}

impl Fixture {
    fn open(&self, name: &str) -> HandleId {
        let top = child(&self.vfs, Ino::ROOT, "t").unwrap().ino;
        self.vfs.open(child(&self.vfs, top, name).unwrap().ino).unwrap()
    }

    async fn check(&self, handle: HandleId, file: u32, offset: u64, len: u32) {
        let bytes = self.vfs.read(handle, offset, len).await.unwrap();
        assert_eq!(bytes.len(), len as usize);
        FakeSource::content(file_id(1, file), FILE_LEN).check(offset, &bytes).unwrap();
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

fn at_once() -> Duration {
    Duration::from_millis(100)
}

#[tokio::test(start_paused = true)]
async fn missing_bytes_fail_at_once_where_they_must_not_be_waited_for() {
    let f = fixture(ReadPolicy { missing: MissingPolicy::Fail, ..ReadPolicy::default() });
    let half = f.open("half");
    let read = timeout(at_once(), f.vfs.read(half, FILE_LEN - 9, 9)).await.unwrap();
    assert!(matches!(read, Err(VfsError::WouldBlock)));
    // A read across the boundary gets no bytes either.
    let read = timeout(at_once(), f.vfs.read(half, FILE_LEN / 2 - 5, 9)).await.unwrap();
    assert!(matches!(read, Err(VfsError::WouldBlock)));
    assert_eq!((f.source.opened().len(), f.source.bitfield_requests()), (0, 1));
    f.check(half, 0, FILE_LEN / 2 - 9, 9).await;
    f.check(f.open("full"), 1, 5, 9).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_stopped_gives_what_it_has_and_nobody_waits() {
    let f = fixture(ReadPolicy::default());
    let (half, full) = (f.open("half"), f.open("full"));
    for state in [TorrentState::Paused, TorrentState::Failed] {
        f.set_state(state);
        let read = timeout(at_once(), f.vfs.read(half, FILE_LEN - 9, 9)).await.unwrap();
        assert!(matches!(read, Err(VfsError::WouldBlock)), "{state:?}");
        f.check(full, 1, 5, 9).await;
    }
    f.set_state(TorrentState::Paused);
    f.check(half, 0, 5, 9).await;

    // A torrent that is stopped while a read waits ends the read.
    f.set_state(TorrentState::Live);
    f.source.hold(file_id(1, 0));
    let vfs = Arc::clone(&f.vfs);
    let waits = tokio::spawn(async move { vfs.read(half, FILE_LEN - 9, 9).await });
    pass(Duration::from_secs(5)).await;
    f.set_state(TorrentState::Paused);
    let read = timeout(Duration::from_secs(2), waits).await.unwrap().unwrap();
    assert!(matches!(read, Err(VfsError::WouldBlock)));
    f.all_closed().await;
}

#[tokio::test(start_paused = true)]
async fn reads_of_a_torrent_that_is_checked_wait_until_their_deadline() {
    let f = fixture(ReadPolicy::default());
    let half = f.open("half");
    f.set_state(TorrentState::Initializing);
    f.source.hold(file_id(1, 0));
    let start = Instant::now();
    assert!(matches!(f.vfs.read(half, 0, 9).await, Err(VfsError::TimedOut)));
    assert_eq!(start.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn complete_files_need_no_question_and_random_reads_cost_what_they_ask_for() {
    let f = fixture(ReadPolicy::default());
    let full = f.open("full");
    for offset in [0, FILE_LEN - 1000, 5 * MIB, MIB] {
        f.check(full, 1, offset, 1000).await;
    }
    let want = [0, FILE_LEN - 1000, 5 * MIB, MIB];
    let opened: Vec<_> = f.source.opened().iter().map(|(_, it)| (it.start(), it.len())).collect();
    assert_eq!(opened, want.map(|offset| (offset, 1000)));
    assert_eq!((f.source.bitfield_requests(), f.vfs.counters().total.bytes_fetched), (0, 4000));
}

#[tokio::test(start_paused = true)]
async fn a_sequential_reader_has_one_stream_and_what_it_read_is_kept() {
    let f = fixture(ReadPolicy::default());
    let full = f.open("full");
    for offset in (0..FILE_LEN).step_by(128 << 10) {
        f.check(full, 1, offset, 128 << 10).await;
    }
    assert!(f.source.opened().len() <= 4, "{:?}", f.source.opened());
    let counters = f.vfs.counters();
    assert_eq!((counters.total.bytes_fetched, counters.bytes_unused), (FILE_LEN, 0));

    let other = f.open("full");
    f.check(other, 1, 1000, 500_000).await;
    let bytes = f.vfs.try_read(other, 5 * MIB + 1, 300_000).unwrap().unwrap();
    FakeSource::content(file_id(1, 1), FILE_LEN).check(5 * MIB + 1, &bytes).unwrap();
    assert_eq!(f.vfs.counters().total.bytes_fetched, FILE_LEN);
    assert_eq!(f.vfs.counters().files.len(), 1);
    f.all_closed().await;
}

/// A request for exactly what the kernel asks makes rqbit fetch another piece each time.
#[tokio::test(start_paused = true)]
async fn the_rest_of_a_piece_that_was_waited_for_is_in_memory_afterwards() {
    let f = fixture(ReadPolicy::default());
    let half = f.open("half");
    let piece = FILE_LEN / 2;
    for offset in (piece..piece + MIB).step_by(128 << 10) {
        f.check(half, 0, offset, 128 << 10).await;
    }
    f.check(half, 0, piece + 5, 300_000).await;
    f.all_closed().await;
    let opened: Vec<_> = f.source.opened().iter().map(|(_, it)| (it.start(), it.len())).collect();
    assert_eq!(opened, [(piece, MIB)]);
    assert_eq!(f.vfs.counters().total.bytes_fetched, MIB);

    // A received piece is present, so reads of it transfer only the requested bytes.
    f.vfs.clear_data();
    f.check(half, 0, piece + 5000, 4096).await;
    let (_, last) = f.source.opened().pop().unwrap();
    assert_eq!((last.start(), last.len()), (piece + 5000, 4096));
    f.all_closed().await;
}

#[tokio::test(start_paused = true)]
async fn memory_answers_at_once_or_not_at_all() {
    let f = fixture(ReadPolicy::default());
    let full = f.open("full");
    assert!(f.vfs.try_read(full, 0, 9).is_none());
    assert!(f.vfs.try_read(full, FILE_LEN, 9).unwrap().unwrap().is_empty());
    let gone = f.open("full");
    f.vfs.release(gone);
    assert!(matches!(f.vfs.try_read(gone, 0, 9), Some(Err(VfsError::BadHandle))));
    f.vfs.shut_down();
    assert!(matches!(f.vfs.try_read(full, 0, 9), Some(Err(VfsError::ShuttingDown))));
}

#[tokio::test(start_paused = true)]
async fn readers_of_one_region_share_a_stream() {
    let f = fixture(ReadPolicy::default());
    f.source.hold(file_id(1, 1));
    let mut reads = JoinSet::new();
    for n in 0..20 {
        let (vfs, handle) = (Arc::clone(&f.vfs), f.open("full"));
        reads.spawn(async move { vfs.read(handle, 100, 1000 - n).await.unwrap().len() });
    }
    pass(at_once()).await;
    assert_eq!(f.source.opened().len(), 1);
    f.source.let_go(file_id(1, 1));
    let lens: usize = reads.join_all().await.into_iter().sum();
    assert_eq!(lens, (981..=1000).sum::<usize>());
    assert_eq!(f.vfs.counters().total.bytes_fetched, 1000);
    f.all_closed().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_there_never_queues_behind_what_is_missing() {
    let f = fixture(ReadPolicy::default());
    f.source.hold(file_id(1, 0));
    let mut reads = JoinSet::new();
    for n in 0..64 {
        let (vfs, handle) = (Arc::clone(&f.vfs), f.open("half"));
        let offset = FILE_LEN / 2 + n * FILE_LEN / 2 / 64;
        reads.spawn(async move { vfs.read(handle, offset, 9).await });
    }
    for _ in 0..50 {
        pass(Duration::from_millis(500)).await;
        assert!(f.source.open_now() <= 3, "{}", f.source.open_now());
        let start = Instant::now();
        f.check(f.open("full"), 1, 7, 3).await;
        assert!(start.elapsed() < at_once());
    }
    // All pieces had their time slices, each for all of its reads, and the bitfield was requested
    // once a second.
    let opened = f.source.opened();
    let missing = opened.iter().filter(|(file, _)| *file == file_id(1, 0));
    let pieces: HashSet<_> = missing.map(|(_, range)| range.start() / MIB).collect();
    assert_eq!(pieces, (12..24).collect());
    assert!(f.source.bitfield_requests() <= 27, "{}", f.source.bitfield_requests());
    f.source.let_go(file_id(1, 0));
    while let Some(read) = reads.join_next().await {
        assert_eq!(read.unwrap().unwrap().len(), 9);
    }
    f.all_closed().await;
}

#[tokio::test(start_paused = true)]
async fn idle_streams_are_closed_within_seconds_and_those_of_released_handles_at_once() {
    let f = fixture(ReadPolicy::default());
    for is_released in [false, true] {
        let handle = f.open("full");
        let start = if is_released { 12 * MIB } else { 0 };
        for n in 0..8 {
            f.check(handle, 1, start + n * 1000, 1000).await;
        }
        assert_eq!(f.source.open_now(), 1);
        let since = Instant::now();
        if is_released {
            f.vfs.release(handle);
        }
        f.all_closed().await;
        let limit = if is_released { at_once() } else { Duration::from_secs(5) };
        assert!(since.elapsed() < limit, "{:?}", since.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_inside_the_deadline() {
    let f = fixture(ReadPolicy::default());
    let full = f.open("full");
    for kind in [SourceErrorKind::Unreachable, SourceErrorKind::TimedOut, SourceErrorKind::Failed] {
        f.source.fail_opens(file_id(1, 1), Some(kind));
        let (source, start) = (f.source.clone(), Instant::now());
        let mend = async {
            pass(Duration::from_secs(8)).await;
            source.fail_opens(file_id(1, 1), None);
        };
        tokio::join!(f.check(full, 1, start.elapsed().as_secs(), 9), mend);
        assert!(start.elapsed() < Duration::from_secs(11), "{:?}", start.elapsed());
    }
    for kind in [SourceErrorKind::Denied, SourceErrorKind::Protocol, SourceErrorKind::NotFound] {
        f.source.fail_opens(file_id(1, 1), Some(kind));
        assert!(timeout(at_once(), f.vfs.read(full, MIB, 9)).await.unwrap().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn the_breaker_lets_reads_fail_fast_and_one_probe_closes_it() {
    // Without the piece length no bitfield is requested: a server that answers is up.
    let source = FakeSource::new(4);
    source.add(single_file(1, "plain", FILE_LEN));
    let f = Fixture { vfs: Arc::new(vfs_with(&source, ReadPolicy::default())), source };
    let full = f.vfs.open(child(&f.vfs, Ino::ROOT, "plain").unwrap().ino).unwrap();
    f.source.fail_opens(file_id(1, 0), Some(SourceErrorKind::Unreachable));
    let Err(VfsError::Source(error)) = f.vfs.read(full, 0, 9).await else { panic!("no error") };
    assert_eq!(error.kind, SourceErrorKind::Unreachable);
    assert_ne!(f.vfs.counters().breaker, BreakerState::Closed);
    // A read that arrives after the cool-down is the probe; it waits, and the next fails at once.
    pass(Duration::from_secs(5)).await;
    let vfs = Arc::clone(&f.vfs);
    let probe = tokio::spawn(async move { vfs.read(full, 0, 9).await });
    pass(at_once()).await;
    assert_eq!(f.vfs.counters().breaker, BreakerState::Open);
    let read = timeout(at_once(), f.vfs.read(full, MIB, 9)).await.unwrap();
    assert!(matches!(read, Err(VfsError::Source(_))));
    f.source.fail_opens(file_id(1, 0), None);
    assert_eq!(probe.await.unwrap().unwrap().len(), 9);
    assert_eq!(f.vfs.counters().breaker, BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn memory_holds_however_many_read() {
    let f = fixture(ReadPolicy { memory_bytes_max: 4 << 20, ..ReadPolicy::default() });
    let mut reads = JoinSet::new();
    for n in 0..200 {
        let (vfs, handle) = (Arc::clone(&f.vfs), f.open("full"));
        reads.spawn(async move {
            for step in 0..4 {
                let offset = n * 100_000 + step * 300_000;
                let bytes = vfs.read(handle, offset, 300_000).await.unwrap();
                FakeSource::content(file_id(1, 1), FILE_LEN).check(offset, &bytes).unwrap();
                let counters = vfs.counters();
                let bytes = counters.buffered_bytes + counters.cached_bytes;
                assert!(bytes <= counters.memory_bytes_max && bytes <= 4 << 20, "{counters:?}");
            }
        });
    }
    reads.join_all().await;
    assert_eq!(f.source.violations(), [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn who_reads_what_and_waits_for_which_piece_is_told() {
    let f = fixture(ReadPolicy::default());
    let (half, full) = (f.open("half"), f.open("full"));
    f.check(full, 1, 0, 500_000).await;
    f.source.hold(file_id(1, 0));
    let vfs = Arc::clone(&f.vfs);
    let missing = FILE_LEN / 2 + 3 * MIB + 7;
    let waits = tokio::spawn(async move { vfs.read(half, missing, 9).await });
    pass(Duration::from_secs(3)).await;
    let readers = f.vfs.readers();
    let paths: Vec<_> = readers.iter().map(|reader| reader.path.as_deref()).collect();
    assert_eq!(paths, [Some("t/half"), Some("t/full")]);
    let wait = readers[0].wait.unwrap();
    assert_eq!((wait.offset, wait.piece_idx), (missing, Some(15)));
    assert!(wait.waited >= Duration::from_secs(3), "{wait:?}");
    assert_eq!((readers[0].bytes_given, readers[0].offset), (0, 0));
    assert_eq!((readers[1].bytes_given, readers[1].offset), (500_000, 500_000));
    assert_eq!(readers[1].wait, None);

    waits.abort();
    f.vfs.release(full);
    pass(Duration::from_millis(1)).await;
    let readers = f.vfs.readers();
    assert_eq!(readers.len(), 1);
    assert_eq!(readers[0].wait, None);
}

#[tokio::test(start_paused = true)]
async fn what_was_cleared_comes_from_the_source_again() {
    let f = fixture(ReadPolicy::default());
    let full = f.open("full");
    let hits_and_misses = || (f.vfs.counters().total.hits, f.vfs.counters().total.misses);
    // A sequential reader, so that a window reads ahead.
    for chunk in 0..8 {
        f.check(full, 1, chunk * 500_000, 500_000).await;
    }
    pass(Duration::from_millis(100)).await;
    let (hits, misses) = hits_and_misses();
    f.check(full, 1, 2_000_000, 100_000).await;
    assert_eq!(hits_and_misses(), (hits + 1, misses), "memory has it");

    let counters = f.vfs.counters();
    let cleared = f.vfs.clear_data();
    assert_eq!(cleared, counters.buffered_bytes + counters.cached_bytes);
    assert!(cleared > 1_000_000, "{cleared}");
    let counters = f.vfs.counters();
    assert_eq!((counters.buffered_bytes, counters.cached_bytes), (0, 0));
    let fetched = f.vfs.counters().total.bytes_fetched;
    f.check(full, 1, 2_000_000, 100_000).await;
    assert_eq!(hits_and_misses(), (hits + 1, misses + 1));
    assert!(f.vfs.counters().total.bytes_fetched >= fetched + 100_000);
    f.vfs.release(full);
    f.all_closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_read_that_waits_gets_its_bytes_although_all_was_cleared() {
    let f = fixture(ReadPolicy::default());
    let full = f.open("full");
    f.source.hold(file_id(1, 1));
    let vfs = Arc::clone(&f.vfs);
    let waits = tokio::spawn(async move { vfs.read(full, 0, 1_000_000).await });
    pass(Duration::from_secs(1)).await;
    f.vfs.clear_data();
    f.vfs.clear_pieces();
    pass(Duration::from_secs(1)).await;
    f.source.let_go(file_id(1, 1));
    let bytes = waits.await.unwrap().unwrap();
    FakeSource::content(file_id(1, 1), FILE_LEN).check(0, &bytes).unwrap();
    f.vfs.release(full);
    f.all_closed().await;
}

/// Reads all of a file in blocks, and returns the virtual time that it took.
async fn time_of(vfs: Arc<Vfs<FakeSource>>, handle: HandleId, file: u32, len: u64) -> Duration {
    let start = Instant::now();
    for offset in (0..len).step_by(BLOCK_LEN as usize) {
        let bytes = vfs.read(handle, offset, BLOCK_LEN).await.unwrap();
        FakeSource::content(file_id(1, file), FILE_LEN).check(offset, &bytes).unwrap();
    }
    start.elapsed()
}

const BLOCK_LEN: u32 = 128 * 1024;

/// Bytes in a second.
const LIMIT: u64 = 64 * 1024;

#[tokio::test(start_paused = true)]
async fn a_bandwidth_limit_is_shared_by_all_readers_and_fails_none() {
    let bytes_per_second_max = NonZeroU64::new(LIMIT);
    // Shorter than a block takes with two readers.
    let timeout = Duration::from_secs(3);
    let f = fixture(ReadPolicy { timeout, bytes_per_second_max, ..ReadPolicy::default() });
    let len = 2 * MIB;
    let start = Instant::now();
    let readers = [("half", 0), ("full", 1)]
        .map(|(name, file)| tokio::spawn(time_of(Arc::clone(&f.vfs), f.open(name), file, len)));
    let mut times = Vec::new();
    for reader in readers {
        times.push(reader.await.unwrap().as_secs_f64());
    }
    // Read-ahead received more than the readers got.
    let received = f.vfs.counters().total.bytes_fetched;
    assert!(received >= 2 * len, "{received}");
    let rate = received as f64 / start.elapsed().as_secs_f64();
    assert!((0.97..1.03).contains(&(rate / LIMIT as f64)), "{rate} bytes in a second");
    assert!((0.9..1.1).contains(&(times[0] / times[1])), "{times:?}");
    // What memory has costs nothing.
    let again = f.open("half");
    let start = Instant::now();
    f.check(again, 0, MIB, BLOCK_LEN).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}
