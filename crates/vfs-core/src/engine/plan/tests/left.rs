//! What the kernel reads ahead and the program does not wait for.

use super::*;

/// Further apart than requests of one run ever are.
const FAR: u64 = 64 << 20;

const FILE_LEN: u64 = 100 << 20;

const PIECE_BYTES: u64 = 10_000_000;

const READ_BYTES: u64 = 1000;

/// A plan for one file, in pieces of 10 MB of which the first is there, and what it was told.
struct Told {
    plan: Plan,
    now: Duration,
    read_count: u64,
}

impl Told {
    /// Reads the end of what is there, and goes on with what is missing: on stream 1 and 2.
    fn new() -> Self {
        let plan = Plan::new(tuning(4), MissingPolicy::Wait);
        let mut told = Self { plan, now: Duration::ZERO, read_count: 0 };
        assert_eq!(told.read(PIECE_BYTES - READ_BYTES), ["ask"]);
        assert_eq!(told.haves(1).len(), 1);
        told.bring(1);
        assert_eq!(told.read(PIECE_BYTES).len(), 1);
        told.open(2);
        told
    }

    fn read(&mut self, offset: u64) -> Vec<String> {
        let file = FileId { torrent: InfoHash::from_bytes([1; 20]), index: FileIndex(0) };
        let piece_len = NonZeroU32::new(u32::try_from(PIECE_BYTES).unwrap()).unwrap();
        let geometry = Some(Geometry { file_offset: 0, piece_len });
        let state = Some(FileState { torrent: TorrentState::Live, have_bytes: PIECE_BYTES });
        let facts = FileFacts { len: FILE_LEN, geometry, state };
        let range = ByteRange::clamped(offset, READ_BYTES, FILE_LEN);
        self.read_count += 1;
        let id = ReadId(self.read_count);
        self.plan.on_read(self.now, id, request(HandleId(1), (file, facts), range, self.now));
        self.settle()
    }

    /// Says that the first so many pieces are there.
    fn haves(&mut self, count: u32) -> Vec<String> {
        let have = Bitfield::from_fn(11, |piece_idx| piece_idx < count).unwrap();
        self.plan.on_haves(self.now, InfoHash::from_bytes([1; 20]), Ok(have));
        self.settle()
    }

    fn open(&mut self, stream: u64) {
        let start = self.plan.streams[&StreamId(stream)].pos;
        self.plan.on_opened(self.now, StreamId(stream), start);
        assert!(self.settle().is_empty());
    }

    /// Opens a stream, and brings all its bytes.
    fn bring(&mut self, stream: u64) -> Vec<String> {
        self.open(stream);
        let range = self.plan.streams[&StreamId(stream)].range;
        assert!(self.plan.on_chunk(self.now, StreamId(stream), range.start(), range.len()));
        assert!(self.settle().is_empty());
        self.plan.on_stream_end(self.now, StreamId(stream), StreamEnd::Over);
        self.settle()
    }

    fn closed(&mut self, stream: u64) -> Vec<String> {
        self.plan.on_stream_end(self.now, StreamId(stream), StreamEnd::Closed);
        self.settle()
    }

    fn wait(&mut self, millis: u64) -> Vec<String> {
        self.now += Duration::from_millis(millis);
        self.plan.on_time(self.now);
        self.settle()
    }

    fn settle(&mut self) -> Vec<String> {
        let actions = actions(&mut self.plan, self.now);
        self.plan.check();
        actions
    }
}

#[test]
fn it_gives_way_while_its_reader_waits_elsewhere() {
    let mut told = Told::new();
    assert_eq!(told.read(FAR), ["close 2", "open 3 67108864..67109864"]);
    assert!(told.closed(2).is_empty());
    // As far as anybody can tell, the program is back then.
    assert_eq!(told.bring(3), ["reply 3", "open 4 10000000..10001000"]);
    // It reads there once more.
    assert_eq!(told.read(FAR + READ_BYTES), ["close 4", "open 5 67109864..67110864"]);
}

#[test]
fn it_gives_way_for_no_longer_than_a_turn() {
    let mut told = Told::new();
    told.read(FAR);
    told.closed(2);
    told.open(3);
    let turn = told.plan.tuning.turn_time_missing;
    assert_eq!(told.wait(u64::try_from(turn.as_millis()).unwrap() - 1), ["ask"]);
    told.haves(1);
    assert_eq!(told.wait(1), ["open 4 10000000..10001000"]);
}

#[test]
fn it_gives_way_also_if_its_bytes_are_there() {
    let mut told = Told::new();
    told.read(FAR);
    told.closed(2);
    told.wait(1000);
    // A stream over them would have the server fetch what follows.
    assert!(told.haves(2).is_empty());
    assert_eq!(told.bring(3), ["reply 3", "open 4 10000000..10001000"]);
    assert_eq!(told.bring(4), ["reply 2"]);
}

#[test]
fn a_read_that_goes_on_with_nothing_gives_way_to_none() {
    let mut told = Told::new();
    told.read(FAR);
    told.closed(2);
    told.open(3);
    // Of another thread, as one that waits for a page cannot read elsewhere.
    assert_eq!(told.read(FAR / 2), ["open 4 33554432..33555432"]);
}
