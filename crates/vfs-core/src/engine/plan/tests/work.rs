//! The cost of an event: the number of reads examined, for any number of waiting reads.

use super::*;

const PIECE_BYTES: u64 = 10_000;

const STUCK: InfoHash = InfoHash::from_bytes([2; 20]);

/// The number of reads examined between two points.
#[derive(Debug, PartialEq, Eq)]
struct Looks {
    elsewhere: u64,
    next_to_it: u64,
}

fn file(torrent: InfoHash, index: u32, have_bytes: u64) -> (FileId, FileFacts) {
    let geometry = Geometry {
        file_offset: u64::from(index) * LEN,
        piece_len: NonZeroU32::new(u32::try_from(PIECE_BYTES).unwrap()).unwrap(),
    };
    let state = FileState { torrent: TorrentState::Live, have_bytes, is_listed: true };
    let facts = FileFacts { len: LEN, geometry: Some(geometry), state: Some(state) };
    (FileId { torrent, index: FileIndex(index) }, facts)
}

/// A plan in which many reads wait for missing data: every second one in a file of its own, the
/// others all over one file.
fn stuck_plan(stuck_count: u64) -> Plan {
    let mut plan = Plan::new(tuning(4), MissingPolicy::Wait);
    let now = Timestamp::ZERO;
    for n in 0..stuck_count {
        let (index, offset) = if n % 2 == 0 { (n + 1, 0) } else { (0, n * 97 % (LEN - 100)) };
        let range = ByteRange::clamped(offset, 100, LEN);
        let target = file(STUCK, u32::try_from(index).unwrap(), 0);
        plan.on_open(HandleId(n + 1));
        plan.on_read(now, ReadId(n + 1), request(HandleId(n + 1), target, range, now));
        actions(&mut plan, now);
    }
    let pieces = u32::try_from((stuck_count + 2) * (LEN / PIECE_BYTES)).unwrap();
    plan.on_haves(now, STUCK, Ok(Bitfield::from_fn(pieces, |_| false).unwrap()));
    actions(&mut plan, now);
    for stream in plan.streams.keys().copied().collect::<Vec<_>>() {
        let start = plan.streams[&stream].pos;
        plan.on_opened(now, stream, start);
        actions(&mut plan, now);
    }
    assert_eq!(plan.streams.len(), 3, "as many streams wait for what is missing as may");
    assert_eq!(plan.index.reader_count() as u64, stuck_count);
    plan
}

/// Reads a complete file from its start: first by single requests, then by a window.
fn read_complete(plan: &mut Plan, target: (FileId, FileFacts), handle: u64) -> u64 {
    let (now, before) = (Timestamp::ZERO, plan.look_count);
    let mut is_open = false;
    plan.on_open(HandleId(handle));
    for n in 0..10 {
        let id = ReadId(1_000_000 + n);
        let range = ByteRange::clamped(n * 1000, 1000, LEN);
        plan.on_read(now, id, request(HandleId(handle), target, range, now));
        actions(plan, now);
        let stream = *plan.streams.keys().next_back().unwrap();
        if !is_open {
            plan.on_opened(now, stream, range.start());
            actions(plan, now);
        }
        assert!(plan.on_chunk(now, stream, range.start(), 1000));
        actions(plan, now);
        is_open = plan.demand(stream) != Demand::End;
        if !is_open {
            plan.on_stream_end(now, stream, StreamEnd::Over);
            actions(plan, now);
        }
        assert!(!plan.reads.contains_key(&id), "{id:?} was not answered");
    }
    plan.on_release(HandleId(handle));
    actions(plan, now);
    plan.on_stream_end(now, *plan.streams.keys().next_back().unwrap(), StreamEnd::Closed);
    actions(plan, now);
    plan.look_count - before
}

fn looks(stuck_count: u64) -> Looks {
    let mut plan = stuck_plan(stuck_count);
    let elsewhere = file(InfoHash::from_bytes([1; 20]), 0, LEN);
    // A file of the torrent of the waiting reads, whose bitfield is requested all the time.
    let next_to_it = file(STUCK, u32::try_from(stuck_count + 1).unwrap(), LEN);
    Looks {
        elsewhere: read_complete(&mut plan, elsewhere, 1_000_000),
        next_to_it: read_complete(&mut plan, next_to_it, 1_000_001),
    }
}

#[test]
fn a_complete_file_costs_the_same_however_many_reads_wait() {
    let few = looks(10);
    assert_eq!(few, looks(1000));
    assert!(few.elsewhere > 0 && few.elsewhere <= 60, "{few:?} for ten reads");
}

#[test]
fn the_turn_of_one_costs_no_look_at_the_others() {
    let cost = |stuck_count| {
        let mut plan = stuck_plan(stuck_count);
        let now = Timestamp::from_start(plan.tuning.turn_time_missing);
        let before = plan.look_count;
        plan.on_time(now);
        let closed = actions(&mut plan, now);
        assert_eq!(closed.iter().filter(|action| action.starts_with("close")).count(), 3);
        plan.look_count - before
    };
    assert_eq!(cost(10), cost(1000));
}
