//! Files on the local disk: which reads they answer, and which they never answer.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{child, vfs_with};
use tfs_testkit::fake::{FakeSource, directory, file_id};
use tfs_testkit::fake_local::{FakeLocal, LocalDisk};
use tokio::time::{Instant, sleep_until};
use vfs_core::{
    Bitfield, ByteRange, HandleId, Ino, LocalPieces, ReadPolicy, ReadWay, ServerId,
    SourceErrorKind, TorrentState, Vfs, VfsError,
};

const LEN: u64 = 1000;
const PIECE: u32 = 100;

/// How many pieces' bytes must be read from the source before a local file is probed.
const PROOF_PIECES: u32 = 8;

/// A torrent of one file of ten pieces, which is also on the local disk.
struct Fixture {
    source: FakeSource,
    vfs: Arc<Vfs<FakeSource>>,
    local: FakeLocal,
    handle: HandleId,
}

fn have(pieces: impl Fn(u32) -> bool) -> Bitfield {
    Bitfield::from_fn(10, pieces).unwrap()
}

async fn pass(time: Duration) {
    sleep_until(Instant::now() + time).await;
}

impl Fixture {
    /// Returns a file whose first `pieces` pieces are present; the others are holes.
    fn new(pieces: u32) -> Self {
        let source = FakeSource::new(4);
        let mut details = directory(1, "t", &[("a", LEN)]);
        details.piece_len = NonZeroU32::new(PIECE);
        source.add(details);
        let local = FakeLocal::new(FakeSource::content(file_id(1, 0), LEN));
        source.set_local(file_id(1, 0), Some(local.clone()));
        let vfs = Arc::new(vfs_with(&source, ReadPolicy::default()));
        let top = child(&vfs, Ino::ROOT, "t").unwrap().ino;
        let handle = vfs.open(child(&vfs, top, "a").unwrap().ino).unwrap();
        let fixture = Self { source, vfs, local, handle };
        fixture.has(pieces);
        fixture
    }

    /// Sets the bitfield to the first `pieces` pieces.
    fn has(&self, pieces: u32) {
        let torrent = file_id(1, 0).torrent;
        let have_bytes = u64::from(pieces * PIECE);
        self.source.set_haves(torrent, have(|piece_idx| piece_idx < pieces));
        self.source.update(torrent, |it| it.file_progress = Some([have_bytes].into()));
        self.local.set_holes(vec![ByteRange::clamped(have_bytes, LEN, LEN)]);
        self.apply();
    }

    fn set_state(&self, state: TorrentState) {
        self.source.update(file_id(1, 0).torrent, |it| it.state = state);
        self.apply();
    }

    fn apply(&self) {
        self.vfs.apply(ServerId::FIRST, self.source.listing(), Vec::new(), 1);
    }

    /// Reads like a front end, and returns how many bytes came from the disk.
    async fn read(&self, offset: u64, len: u32) -> u64 {
        let before = self.vfs.counters().total.bytes_local;
        let bytes = match self.vfs.try_read(self.handle, offset, len) {
            Some(read) => read.unwrap(),
            None => self.vfs.read(self.handle, offset, len).await.unwrap(),
        };
        assert_eq!(bytes.len(), len as usize);
        FakeSource::content(file_id(1, 0), LEN).check(offset, &bytes).unwrap();
        self.vfs.counters().total.bytes_local - before
    }

    fn way(&self) -> ReadWay {
        self.vfs.readers().pop().unwrap().way
    }

    /// Reads enough from the source to be worth a verification: eight pieces.
    async fn read_enough(&self, offset: u64) {
        for _ in 0..PROOF_PIECES {
            let read = self.vfs.read(self.handle, offset, PIECE).await;
            assert_eq!(read.unwrap().len(), PIECE as usize);
        }
    }

    /// Waits until the running probes have ended.
    async fn looked(&self, way: ReadWay) {
        for _ in 0..100 {
            pass(Duration::from_millis(1)).await;
        }
        assert_eq!(self.way(), way);
    }
}

#[tokio::test(start_paused = true)]
async fn a_finished_file_is_read_here_once_it_is_proven() {
    let f = Fixture::new(10);
    assert_eq!(f.way(), ReadWay::Source);
    assert_eq!(f.read(0, 100).await, 0);
    f.read_enough(0).await;
    f.looked(ReadWay::Local).await;
    assert_eq!(f.source.proofs(), [LocalPieces::All]);
    let opened = f.source.opened().len();
    for offset in [0, 350, 900] {
        assert_eq!(f.read(offset, 100).await, 100);
    }
    // Reads wait for the disk if necessary, and send no request to the source.
    f.local.set_disk(LocalDisk::Cold);
    assert!(f.vfs.try_read(f.handle, 0, 100).is_none());
    assert_eq!(f.read(200, 300).await, 300);
    assert_eq!(f.source.opened().len(), opened);
    let total = f.vfs.counters().total;
    assert_eq!((total.local_reads, total.bytes_local, total.bytes_given), (5, 700, 1500));
    let reader = &f.vfs.readers()[0];
    assert_eq!((reader.offset, reader.bytes_given), (500, 1500));
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_streamed_within_one_read_and_holes_are_never_read() {
    let f = Fixture::new(4);
    assert_eq!(f.read(0, 10).await, 0);
    f.read_enough(0).await;
    f.looked(ReadWay::Local).await;
    assert_eq!(f.read(250, 150).await, 150);
    // Across the boundary: present data comes from the disk, the rest when it arrives.
    let opened = f.source.opened().len();
    assert_eq!(f.read(350, 400).await, 50);
    assert!(f.source.opened()[opened..].iter().all(|(_, range)| range.start() >= 400));
    assert_eq!(f.read(400, 100).await, 0);
    let holes = ByteRange::clamped(400, LEN, LEN);
    assert!(f.local.reads().iter().all(|read| read.end() <= holes.start()));
}

#[tokio::test(start_paused = true)]
async fn pieces_in_the_middle_of_a_read_are_found() {
    let f = Fixture::new(0);
    let torrent = file_id(1, 0).torrent;
    f.source.set_haves(torrent, have(|piece_idx| [1, 2, 5, 8].contains(&piece_idx)));
    f.source.update(torrent, |it| it.file_progress = Some([400].into()));
    let missing = [(0, 100), (300, 200), (600, 200), (900, 100)];
    f.local.set_holes(missing.map(|(at, len)| ByteRange::clamped(at, len, LEN)).to_vec());
    f.apply();
    assert_eq!(f.read(0, 10).await, 0);
    f.read_enough(0).await;
    f.looked(ReadWay::Local).await;
    assert_eq!(f.read(0, 1000).await, 400);
    assert_eq!(f.read(50, 900).await, 400);
    assert_eq!(f.source.violations(), [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_later_is_read_here_only_after_it_was_proven() {
    let f = Fixture::new(4);
    assert_eq!(f.read(0, 10).await, 0);
    f.read_enough(0).await;
    f.looked(ReadWay::Local).await;
    f.has(6);
    // It is present, but not verified yet.
    assert_eq!(f.read(400, 200).await, 0);
    pass(Duration::from_secs(3)).await;
    assert_eq!(f.read(500, 10).await, 0);
    f.read_enough(500).await;
    f.looked(ReadWay::Local).await;
    assert_eq!(f.read(400, 200).await, 200);
    f.has(10);
    pass(Duration::from_secs(3)).await;
    assert_eq!(f.read(900, 10).await, 0);
    f.read_enough(900).await;
    f.looked(ReadWay::Local).await;
    assert_eq!(f.read(0, 1000).await, 1000);
    assert_eq!(f.source.proofs().last(), Some(&LocalPieces::All));
}

#[tokio::test(start_paused = true)]
async fn pieces_that_were_lost_are_not_read_here() {
    for pieces in [4, 10] {
        let f = Fixture::new(pieces);
        f.read(0, 10).await;
        f.read_enough(0).await;
        f.looked(ReadWay::Local).await;
        f.has(2);
        assert_eq!(f.way(), ReadWay::Source);
        assert_eq!(f.read(150, 150).await, 0);
        // The previous bitfield is not used any more.
        f.looked(ReadWay::Source).await;
        pass(Duration::from_secs(2)).await;
        assert_eq!(f.read(150, 150).await, 0);
        f.read_enough(0).await;
        f.looked(ReadWay::Local).await;
        assert_eq!(f.read(150, 150).await, 50);
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_server_checks_its_files_parts_of_them_are_not_read_here() {
    for state in [TorrentState::Initializing, TorrentState::Failed] {
        let f = Fixture::new(9);
        f.read(0, 10).await;
        f.read_enough(0).await;
        f.looked(ReadWay::Local).await;
        f.set_state(state);
        assert_eq!(f.way(), ReadWay::Source);
        // A torrent that failed is not read from the disk in part.
        let before = f.vfs.counters().total.bytes_local;
        drop(f.vfs.read(f.handle, 0, 100).await);
        assert_eq!(f.vfs.counters().total.bytes_local, before);
        f.looked(ReadWay::Source).await;
        f.set_state(TorrentState::Paused);
        pass(Duration::from_secs(2)).await;
        f.read(0, 10).await;
        f.read_enough(0).await;
        f.looked(ReadWay::Local).await;
    }
}

/// <https://github.com/ikatson/rqbit/issues/628>: every start of rqbit checks the whole library.
#[tokio::test(start_paused = true)]
async fn a_verified_whole_file_is_read_here_whatever_state_its_torrent_is_in() {
    for state in [TorrentState::Initializing, TorrentState::Failed] {
        let f = Fixture::new(10);
        f.read(0, 10).await;
        f.read_enough(0).await;
        f.looked(ReadWay::Local).await;
        f.local.set_known();
        let begin = |pieces_said: Option<u64>| {
            f.source.update(file_id(1, 0).torrent, |it| {
                it.state = state;
                it.file_progress = pieces_said.map(|said| [said].into());
            });
            f.source.fail_opens(file_id(1, 0), Some(SourceErrorKind::Failed));
            f.apply();
        };
        begin(None);
        assert_eq!(f.way(), ReadWay::Local);
        // `tar -S` treats a file without blocks as one hole.
        let top = child(&f.vfs, Ino::ROOT, "t").unwrap().ino;
        assert_eq!(child(&f.vfs, top, "a").unwrap().have_bytes, LEN);
        let last = f.vfs.last_summaries(ServerId::FIRST, &[file_id(1, 0).torrent]).remove(0);
        assert_eq!((last.state, last.file_progress.as_deref()), (state, Some(&[LEN][..])));
        assert_eq!(f.read(0, 1000).await, 1000);
        // Like half a minute without reads: it is opened again, and not verified.
        f.vfs.clear_pieces();
        assert!(f.vfs.is_local_known(f.handle));
        assert!(!f.vfs.is_missing(f.handle, 0, 100));
        assert_eq!(f.read(0, 1000).await, 1000);
        // Listings without changes change nothing.
        f.apply();
        assert_eq!(f.read(500, 500).await, 500);
        assert_eq!(f.source.proofs().len(), 1);

        // A piece of it was bad: the server's report counts.
        f.source.fail_opens(file_id(1, 0), None);
        f.source.set_haves(file_id(1, 0).torrent, have(|piece_idx| piece_idx != 5));
        f.source.update(file_id(1, 0).torrent, |it| {
            it.state = TorrentState::Paused;
            it.file_progress = Some([900].into());
        });
        f.apply();
        assert_eq!(f.way(), ReadWay::Source);
        assert!(!f.vfs.is_local_known(f.handle));
        assert_eq!(f.read(0, 100).await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_changes_while_the_server_checks_it_is_not_verified_by_guess() {
    let f = Fixture::new(10);
    f.local.set_known();
    f.source.update(file_id(1, 0).torrent, |it| {
        it.state = TorrentState::Initializing;
        it.file_progress = None;
    });
    f.apply();
    assert_eq!(f.read(0, 100).await, 100);
    f.local.set_disk(LocalDisk::Changed);
    f.source.fail_opens(file_id(1, 0), Some(SourceErrorKind::Failed));
    let read = f.vfs.read(f.handle, 0, 100).await;
    assert!(matches!(read, Err(VfsError::Source(_) | VfsError::TimedOut)), "{read:?}");
    // It is probed once more, and has another identity.
    pass(Duration::from_secs(3)).await;
    drop(f.vfs.read(f.handle, 0, 100).await);
    f.local.set_disk(LocalDisk::Cached);
    pass(Duration::from_secs(60)).await;
    drop(f.vfs.read(f.handle, 0, 100).await);
    assert_eq!((f.way(), f.source.proofs().len()), (ReadWay::Source, 0));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_changed_or_broke_is_read_from_the_source_at_once() {
    for (disk, patience) in [(LocalDisk::Changed, 2), (LocalDisk::Broken, 60)] {
        let f = Fixture::new(10);
        f.read(0, 10).await;
        f.read_enough(0).await;
        f.looked(ReadWay::Local).await;
        f.local.set_disk(disk);
        assert_eq!(f.read(500, 500).await, 0);
        assert_eq!(f.way(), ReadWay::Source);
        f.local.set_disk(LocalDisk::Cached);
        f.read(0, 100).await;
        f.looked(ReadWay::Source).await;
        assert_eq!(f.source.proofs().len(), 1, "{disk:?}");
        pass(Duration::from_secs(patience)).await;
        f.read(0, 100).await;
        f.read_enough(0).await;
        f.looked(ReadWay::Local).await;
        assert_eq!(f.source.proofs().len(), 2, "{disk:?}");

        // Reads that wait for the disk get their bytes too.
        f.local.set_disk(LocalDisk::Cold);
        let (read, ()) = tokio::join!(f.vfs.read(f.handle, 100, 100), async {
            f.local.set_disk(disk);
        });
        FakeSource::content(file_id(1, 0), LEN).check(100, &read.unwrap()).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_not_here_is_not_looked_for_with_each_read() {
    let f = Fixture::new(10);
    f.source.set_local(file_id(1, 0), None);
    for _ in 0..20 {
        assert_eq!(f.read(0, 100).await, 0);
    }
    f.looked(ReadWay::Source).await;
    assert_eq!(f.source.proofs().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_proven_in_an_earlier_run_is_read_here_at_once_without_its_server() {
    let f = Fixture::new(10);
    f.local.set_known();
    f.source.fail_opens(file_id(1, 0), Some(SourceErrorKind::Unreachable));
    for disk in [LocalDisk::Cold, LocalDisk::Cached] {
        f.local.set_disk(disk);
        assert_eq!(f.read(0, 1000).await, 1000);
        // Like half a minute without reads.
        f.vfs.clear_pieces();
    }
    assert_eq!((f.source.proofs().len(), f.source.opened().len()), (0, 0));

    // A file that was replaced meanwhile is not used: the source is tried, which is down.
    f.local.set_disk(LocalDisk::Changed);
    let read = f.vfs.read(f.handle, 0, 100).await;
    assert!(matches!(read, Err(VfsError::Source(_))), "{read:?}");
    f.source.fail_opens(file_id(1, 0), None);
    pass(Duration::from_secs(60)).await;
    assert_eq!(f.read(0, 100).await, 0);
    // It is verified again, like any other file.
    f.local.set_disk(LocalDisk::Cached);
    f.looked(ReadWay::Source).await;
    f.read_enough(0).await;
    f.looked(ReadWay::Local).await;
    assert_eq!(f.source.proofs(), [LocalPieces::All]);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_proven_once_counts_only_while_the_server_says_that_it_is_complete() {
    let f = Fixture::new(4);
    f.local.set_known();
    assert_eq!(f.read(0, 100).await, 0);
    f.looked(ReadWay::Source).await;
    let f = Fixture::new(10);
    f.local.set_known();
    f.set_state(TorrentState::Live);
    assert_eq!(f.read(0, 100).await, 100);
}

#[tokio::test(start_paused = true)]
async fn an_open_file_is_read_on_when_its_torrent_is_gone() {
    let f = Fixture::new(10);
    f.read(0, 10).await;
    f.read_enough(0).await;
    f.looked(ReadWay::Local).await;
    f.source.remove(file_id(1, 0).torrent);
    f.apply();
    assert_eq!(f.read(0, 1000).await, 1000);

    // An incomplete file is not used without a bitfield.
    let f = Fixture::new(5);
    f.read(0, 10).await;
    f.read_enough(0).await;
    f.looked(ReadWay::Local).await;
    f.source.remove(file_id(1, 0).torrent);
    f.apply();
    f.vfs.clear_data();
    assert!(matches!(f.vfs.read(f.handle, 0, 100).await, Err(VfsError::Stale)));
}

#[tokio::test(start_paused = true)]
async fn an_end_is_an_end_here_too() {
    let f = Fixture::new(10);
    f.read(0, 10).await;
    f.read_enough(0).await;
    f.looked(ReadWay::Local).await;
    f.vfs.shut_down();
    assert!(matches!(f.vfs.try_read(f.handle, 0, 10), Some(Err(VfsError::ShuttingDown))));
    assert!(matches!(f.vfs.read(f.handle, 0, 10).await, Err(VfsError::ShuttingDown)));
}

#[tokio::test(start_paused = true)]
async fn maps_count_proven_files_and_need_no_request_for_complete_ones() {
    let f = Fixture::new(4);
    f.read(0, 10).await;
    f.read_enough(0).await;
    f.looked(ReadWay::Local).await;
    // The server forgets what it had; the file here is still proven.
    let torrent = file_id(1, 0).torrent;
    f.source.set_haves(torrent, have(|piece_idx| piece_idx == 9));
    pass(Duration::from_secs(2)).await;
    let map = f.vfs.piece_map(file_id(1, 0), 512).await.unwrap();
    let all: Vec<_> = [9, 9, 9, 9, 0, 0, 0, 0, 0, 9].map(Some).into();
    assert_eq!((map.shares, map.pieces, map.piece_bytes), (all, 10, PIECE));

    let f = Fixture::new(10);
    let map = f.vfs.piece_map(file_id(1, 0), 2).await.unwrap();
    assert_eq!((map.shares, f.source.bitfield_requests()), (vec![Some(9); 2], 0));
}
