//! Reads that several servers could answer: the order of servers, and failover. In paused time.
#![expect(clippy::indexing_slicing, clippy::panic, reason = "the plainest way, which fails loudly")]

mod deadlines;
mod figures;
mod piece_map;
mod preload;
mod simulation;
mod waiting;

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tfs_testkit::fake::{FakeSource, file_id, single_file};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use vfs_core::{
    Bitfield, ByteRange, DownloadProgress, FileId, HandleId, InfoHash, Ino, MissingPolicy,
    ReadPolicy, ServerId, SourceError, SourceErrorKind, SourceLimits, SourceStream, TorrentDetails,
    TorrentSource, TorrentState, TorrentSummary, Vfs, VfsConfig, VfsError,
};

use crate::support::SEEN_AT;

const PIECE: u64 = 1 << 16;
const PIECES: u32 = 64;
const LEN: u64 = PIECE * PIECES as u64;
const STREAMS_MAX: usize = 2;

/// The behaviour of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Up,
    /// It answers every request with this error.
    Fails(SourceErrorKind),
    /// It reports its bitfield, and each stream fails with this error.
    FailsStreams(SourceErrorKind),
    /// It accepts requests and never answers.
    Silent,
}

/// A server whose streams are silent at missing data, like those of rqbit.
#[derive(Debug)]
struct SimulatedServer {
    name: &'static str,
    details: TorrentDetails,
    state: Mutex<TorrentState>,
    mode: watch::Sender<Mode>,
    have: watch::Sender<Vec<bool>>,
    latency: Mutex<Duration>,
    open_count: Arc<AtomicUsize>,
    opened: Mutex<Vec<ByteRange>>,
    /// A number that is added to each byte that it delivers.
    lie: Arc<Mutex<u8>>,
    /// When and for how long it fetches bytes of the torrent from peers, if it reports progress.
    fetches: Mutex<Option<(Instant, Duration)>>,
    /// The number of connected peers, if it tells it.
    peers: Mutex<Option<usize>>,
}

impl SimulatedServer {
    fn new(name: &'static str, has: impl Fn(u32) -> bool) -> Arc<Self> {
        let mut details = single_file(1, "film", LEN);
        details.piece_len = NonZeroU32::new(u32::try_from(PIECE).unwrap());
        Arc::new(Self {
            name,
            details,
            state: Mutex::new(TorrentState::Live),
            mode: watch::Sender::new(Mode::Up),
            have: watch::Sender::new((0..PIECES).map(has).collect()),
            latency: Mutex::new(Duration::ZERO),
            open_count: Arc::default(),
            opened: Mutex::default(),
            lie: Arc::default(),
            fetches: Mutex::default(),
            peers: Mutex::default(),
        })
    }

    fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    fn get(&self, pieces: impl Iterator<Item = usize>) {
        self.have.send_modify(|have| pieces.for_each(|piece| have[piece] = true));
    }

    fn opened(&self) -> usize {
        self.opened.lock().unwrap().len()
    }

    async fn answer(&self) -> Result<(), SourceError> {
        match gate(&mut self.mode.subscribe()).await {
            Err(_) if matches!(*self.mode.borrow(), Mode::FailsStreams(_)) => Ok(()),
            answer => answer,
        }
    }

    fn summary(&self) -> TorrentSummary {
        let have = self.have.borrow().iter().filter(|has| **has).count() as u64 * PIECE;
        TorrentSummary {
            info_hash: self.details.info_hash,
            added_order: 0,
            is_resolved: true,
            is_listed: true,
            state: *self.state.lock().unwrap(),
            file_progress: Some([have].into()),
        }
    }
}

/// Waits until a server answers, with success or failure.
async fn gate(mode: &mut watch::Receiver<Mode>) -> Result<(), SourceError> {
    let mode = *mode.wait_for(|mode| *mode != Mode::Silent).await.unwrap();
    match mode {
        Mode::Up | Mode::Silent => Ok(()),
        Mode::Fails(kind) | Mode::FailsStreams(kind) => {
            Err(SourceError::new(kind, "ask the server"))
        }
    }
}

impl TorrentSource for SimulatedServer {
    type Stream = Stream;

    async fn list(&self) -> Result<Vec<TorrentSummary>, SourceError> {
        Ok(vec![self.summary()])
    }

    async fn details(&self, _: InfoHash) -> Result<TorrentDetails, SourceError> {
        Ok(self.details.clone())
    }

    async fn haves(&self, _: InfoHash) -> Result<Bitfield, SourceError> {
        self.answer().await?;
        let have = self.have.borrow();
        Ok(Bitfield::from_fn(PIECES, |piece| have[piece as usize]).unwrap())
    }

    async fn download_progress(&self, _: InfoHash) -> Option<DownloadProgress> {
        self.answer().await.ok()?;
        let peers = *self.peers.lock().unwrap();
        let fetches = *self.fetches.lock().unwrap();
        if fetches.is_none() && peers.is_some() {
            return Some(DownloadProgress { peers, ..DownloadProgress::default() });
        }
        let (since, time) = fetches?;
        let fetched_bytes = since.elapsed().min(time).as_secs() * 100_000;
        let bytes_per_second = if since.elapsed() < time { 100_000 } else { 0 };
        Some(DownloadProgress { fetched_bytes, bytes_per_second, peers })
    }

    async fn open_at(&self, file: FileId, _: u64, range: ByteRange) -> Result<Stream, SourceError> {
        let permit = SimulatedPermit::new(&self.open_count);
        self.opened.lock().unwrap().push(range);
        gate(&mut self.mode.subscribe()).await?;
        Ok(Stream {
            mode: self.mode.subscribe(),
            have: self.have.subscribe(),
            latency: *self.latency.lock().unwrap(),
            file,
            at: range.start(),
            end: range.end(),
            lie: Arc::clone(&self.lie),
            _permit: permit,
        })
    }

    fn name(&self) -> Option<Arc<str>> {
        Some(self.name.into())
    }

    fn limits(&self) -> SourceLimits {
        SourceLimits { streams_max: STREAMS_MAX }
    }
}

/// Counts the open streams.
#[derive(Debug)]
struct SimulatedPermit(Arc<AtomicUsize>);

impl SimulatedPermit {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        assert!(count.fetch_add(1, Ordering::Relaxed) < STREAMS_MAX, "too many streams");
        Self(Arc::clone(count))
    }
}

impl Drop for SimulatedPermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Stream {
    mode: watch::Receiver<Mode>,
    have: watch::Receiver<Vec<bool>>,
    latency: Duration,
    file: FileId,
    at: u64,
    end: u64,
    lie: Arc<Mutex<u8>>,
    _permit: SimulatedPermit,
}

impl SourceStream for Stream {
    async fn next_chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        if self.at == self.end {
            return Ok(None);
        }
        let piece = usize::try_from(self.at / PIECE).unwrap();
        pass(self.latency).await;
        loop {
            gate(&mut self.mode).await?;
            tokio::select! {
                _ = self.have.wait_for(|have| have[piece]) => break,
                _ = self.mode.changed() => {}
            }
        }
        let len = (PIECE - self.at % PIECE).min(self.end - self.at).min(10_000);
        let mut chunk = vec![0; usize::try_from(len).unwrap()];
        FakeSource::content(self.file, LEN).fill(self.at, &mut chunk);
        let lie = *self.lie.lock().unwrap();
        chunk.iter_mut().for_each(|byte| *byte = byte.wrapping_add(lie));
        self.at += len;
        Ok(Some(chunk.into()))
    }

    fn position(&self) -> u64 {
        self.at
    }
}

struct FailoverStage {
    servers: Vec<Arc<SimulatedServer>>,
    vfs: Arc<Vfs<SimulatedServer>>,
}

impl FailoverStage {
    fn new(servers: Vec<Arc<SimulatedServer>>) -> Self {
        Self::with(servers, ReadPolicy::default())
    }

    fn with(servers: Vec<Arc<SimulatedServer>>, read: ReadPolicy) -> Self {
        let config = VfsConfig { read, ..VfsConfig::default() };
        let vfs = Vfs::of_servers(&servers, config);
        let stage = Self { servers, vfs: Arc::new(vfs) };
        stage.hear();
        stage
    }

    fn hear(&self) {
        for (server, id) in self.servers.iter().zip(self.vfs.servers()) {
            let details = vec![server.details.clone()];
            self.vfs.apply(id, vec![server.summary()], details, SEEN_AT);
        }
    }

    fn open(&self) -> HandleId {
        let mut film = None;
        self.vfs.read_dir(Ino::ROOT, 2, |entry| film.replace(entry.attr.ino).is_none()).unwrap();
        self.vfs.open(film.unwrap()).unwrap()
    }

    /// Reads, checks the bytes, and returns how long it took.
    async fn read(&self, handle: HandleId, offset: u64, len: u32) -> Result<Duration, VfsError> {
        read(&self.vfs, handle, offset, len).await
    }

    /// Checks that all servers together keep to the memory limit.
    fn check_memory(&self, bytes_max: usize) {
        let counters = self.vfs.counters();
        let bytes = counters.buffered_bytes + counters.cached_bytes;
        assert!(bytes <= counters.memory_bytes_max, "{counters:?}");
        assert_eq!(counters.memory_bytes_max, bytes_max as u64);
    }

    fn opened(&self) -> Vec<usize> {
        self.servers.iter().map(|server| server.opened()).collect()
    }
}

async fn read(
    vfs: &Vfs<SimulatedServer>,
    handle: HandleId,
    offset: u64,
    len: u32,
) -> Result<Duration, VfsError> {
    let start = Instant::now();
    let bytes = vfs.read(handle, offset, len).await?;
    assert_eq!(bytes.len() as u64, u64::from(len).min(LEN - offset));
    FakeSource::content(file_id(1, 0), LEN).check(offset, &bytes).unwrap();
    Ok(start.elapsed())
}

/// Advances the paused time, which jumps as soon as all tasks are idle.
async fn pass(time: Duration) {
    sleep_until(Instant::now() + time).await;
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The first has the first half, the second has the second, and both have the middle.
fn halves() -> FailoverStage {
    let (first, second) = (|piece| piece <= PIECES / 2, |piece| piece >= PIECES / 2);
    FailoverStage::new(vec![
        SimulatedServer::new("home", first),
        SimulatedServer::new("away", second),
    ])
}

fn twins() -> FailoverStage {
    FailoverStage::new(vec![
        SimulatedServer::new("home", |_| true),
        SimulatedServer::new("away", |_| true),
    ])
}

#[tokio::test(start_paused = true)]
async fn each_byte_comes_from_a_server_that_has_it() {
    let stage = halves();
    let film = stage.open();
    for offset in (0..LEN).step_by(100_000) {
        assert!(stage.read(film, offset, 100_000).await.unwrap() < seconds(3), "{offset}");
    }
    // Across the boundary, at random offsets, and data that only one server has.
    let border = LEN / 2;
    stage.vfs.clear_data();
    stage.read(film, border - 50_000, 200_000).await.unwrap();
    let other = stage.open();
    assert!(stage.read(other, LEN - 9, 9).await.unwrap() < millis(10));
    assert!(stage.read(other, 5, 9).await.unwrap() < millis(10));
    assert_eq!(stage.vfs.counters().total.failures, 0);
    // The data that holes are computed from is the union of all servers.
    let hole = stage.vfs.seek(other, 0, vfs_core::SeekTo::Hole).await.unwrap();
    assert_eq!(hole, LEN);
}

#[tokio::test(start_paused = true)]
async fn a_read_goes_on_where_a_server_failed() {
    use SourceErrorKind::{Denied, Failed, NotFound, Protocol, TimedOut, Unreachable};
    for kind in [Unreachable, TimedOut, Failed, NotFound, Denied, Protocol] {
        let stage = twins();
        let film = stage.open();
        stage.servers[0].set(Mode::Fails(kind));
        assert!(stage.read(film, 5, 9).await.unwrap() < millis(10), "{kind:?}");
        assert_eq!(stage.opened(), [1, 1], "{kind:?}");
        // A server that failed is not tried again for a while.
        stage.read(film, 1_000_000, 9).await.unwrap();
        assert_eq!(stage.opened(), [1, 2], "{kind:?}");
        assert_eq!(stage.vfs.counters().total.moves, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_came_before_a_failure_is_kept() {
    let stage = twins();
    let film = stage.open();
    *stage.servers[0].latency.lock().unwrap() = millis(10);
    let vfs = Arc::clone(&stage.vfs);
    let reading = tokio::spawn(async move { read(&vfs, film, 0, 300_000).await });
    pass(millis(205)).await;
    stage.servers[0].set(Mode::Fails(SourceErrorKind::Unreachable));
    assert!(reading.await.unwrap().unwrap() < millis(300));
    let opened = stage.servers[1].opened.lock().unwrap().clone();
    assert!(opened[0].start() >= PIECE, "{opened:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_silent_costs_a_second_and_then_nothing() {
    let stage = twins();
    let film = stage.open();
    stage.servers[0].set(Mode::Silent);
    let took = stage.read(film, 5, 9).await.unwrap();
    assert!((seconds(1)..millis(1100)).contains(&took), "{took:?}");
    assert!(stage.read(film, 2_000_000, 9).await.unwrap() < millis(10));
    assert_eq!(stage.opened(), [1, 2]);
    // A server whose bytes arrive slowly is not stalled.
    stage.servers[0].set(Mode::Up);
    pass(seconds(40)).await;
    let slow = FailoverStage::new(vec![
        SimulatedServer::new("home", |_| true),
        SimulatedServer::new("away", |_| false),
    ]);
    *slow.servers[0].latency.lock().unwrap() = millis(700);
    let film = slow.open();
    assert!(slow.read(film, 0, 100_000).await.unwrap() > seconds(5));
    assert_eq!(slow.opened(), [1, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_only_one_has_torrents_of_is_waited_for_as_if_it_were_alone() {
    let stage = twins();
    let film = stage.open();
    stage.vfs.apply(ServerId(1), Vec::new(), Vec::new(), SEEN_AT);
    stage.servers[0].set(Mode::Silent);
    let vfs = Arc::clone(&stage.vfs);
    let reading = tokio::spawn(async move { read(&vfs, film, 5, 9).await });
    pass(seconds(20)).await;
    stage.servers[0].set(Mode::Up);
    assert!(reading.await.unwrap().unwrap() < seconds(22));
    // Again after four seconds of silence, and after eight.
    assert_eq!(stage.opened(), [3, 0]);
}

#[tokio::test(start_paused = true)]
async fn the_faster_server_is_asked_and_a_reader_stays_with_it() {
    let stage = twins();
    *stage.servers[0].latency.lock().unwrap() = millis(50);
    *stage.servers[1].latency.lock().unwrap() = millis(1);
    for n in 0..20_u64 {
        let film = stage.open();
        stage.read(film, (n * 7 % 60) * PIECE, 9).await.unwrap();
        stage.vfs.release(film);
        stage.vfs.clear_data();
    }
    let opened = stage.opened();
    assert!(opened[0] <= 1 && opened[1] >= 19, "{opened:?}");
}

#[tokio::test(start_paused = true)]
async fn one_server_that_is_read_from_has_most_of_the_memory() {
    let policy = ReadPolicy { memory_bytes_max: 4 << 20, ..ReadPolicy::default() };
    let servers =
        vec![SimulatedServer::new("home", |_| true), SimulatedServer::new("away", |_| true)];
    *servers[1].latency.lock().unwrap() = millis(900);
    let stage = FailoverStage::with(servers, policy);
    let film = stage.open();
    for offset in (0..LEN).step_by(100_000) {
        stage.read(film, offset, 100_000).await.unwrap();
    }
    let counters = stage.vfs.counters();
    // It was tried once.
    assert_eq!(stage.opened()[1], 1);
    assert_eq!(counters.memory_bytes_max, 4 << 20);
    // Half of the memory is for the cache, and a quarter for the streams of each server.
    assert!(counters.cached_bytes > (2 << 20) - (128 << 10), "{counters:?}");

    // Data that a server delivered stays readable while it is down.
    stage.vfs.release(film);
    stage.servers[0].set(Mode::Fails(SourceErrorKind::Unreachable));
    let film = stage.open();
    assert!(stage.read(film, LEN - (1 << 20), 500_000).await.unwrap() < millis(10));
    assert_eq!(stage.opened()[1], 1);
}

/// tfs does not verify the bytes of a server, so a lie must stay with that server.
#[tokio::test(start_paused = true)]
async fn a_server_that_lies_does_not_answer_for_another() {
    let stage = twins();
    let (liar, honest) = (&stage.servers[0], &stage.servers[1]);
    *liar.lie.lock().unwrap() = 1;
    let film = stage.open();
    let lie = stage.vfs.read(film, 0, 300_000).await.unwrap();
    assert!(FakeSource::content(file_id(1, 0), LEN).check(0, &lie).is_err());
    // All of it is in memory, and the reader of that server gets it from there.
    assert_eq!(stage.vfs.try_read(film, 0, 200_000).unwrap().unwrap(), lie.slice(..200_000));
    assert_eq!(stage.opened()[1], 0);

    // A reader at the other server gets none of it, whichever reader read it first.
    liar.set(Mode::Fails(SourceErrorKind::Unreachable));
    let other = stage.open();
    assert!(stage.vfs.try_read(other, 0, 200_000).is_none());
    stage.read(other, 2_000_000, 9).await.unwrap();
    assert!(honest.opened() > 0);
    assert!(stage.vfs.try_read(other, 0, 200_000).is_none());
    let took = stage.read(other, 0, 300_000).await.unwrap();
    assert!(took < seconds(2), "{took:?}");

    // The bytes of the honest server are read from memory.
    let again = stage.vfs.try_read(other, 0, 200_000).unwrap().unwrap();
    FakeSource::content(file_id(1, 0), LEN).check(0, &again).unwrap();
}

/// If only one of several servers has a torrent, reads from memory are answered without a task.
#[tokio::test(start_paused = true)]
async fn a_reader_at_the_only_server_with_its_torrent_finds_what_it_read() {
    let stage = twins();
    stage.vfs.apply(ServerId(0), Vec::new(), Vec::new(), SEEN_AT);
    let film = stage.open();
    assert!(stage.vfs.try_read(film, 0, 200_000).is_none());
    stage.read(film, 0, 300_000).await.unwrap();
    let bytes = stage.vfs.try_read(film, 0, 200_000).unwrap().unwrap();
    FakeSource::content(file_id(1, 0), LEN).check(0, &bytes).unwrap();
    assert_eq!(stage.opened()[0], 0);
}

/// An unknown id was treated as the first server, whose torrents it then changed and whose bytes it
/// delivered.
#[tokio::test(start_paused = true)]
async fn an_id_that_no_server_has_is_no_server() {
    let stage = twins();
    let unknown = ServerId(2);
    assert!(stage.vfs.source(unknown).is_none());
    let mut other = single_file(2, "other", 9);
    other.piece_len = None;
    let summary = TorrentSummary { info_hash: other.info_hash, ..stage.servers[0].summary() };
    let changes = stage.vfs.apply(unknown, vec![summary.clone()], vec![other.clone()], SEEN_AT);
    assert!(changes.added.is_empty(), "{changes:?}");
    let changes = stage.vfs.add_late(unknown, vec![summary], vec![other], SEEN_AT);
    assert!(changes.added.is_empty(), "{changes:?}");
    // An empty listing of it removes nothing either.
    let changes = stage.vfs.apply(unknown, Vec::new(), Vec::new(), SEEN_AT);
    assert!(changes.removed.is_empty(), "{changes:?}");
    stage.read(stage.open(), 5, 9).await.unwrap();
}
