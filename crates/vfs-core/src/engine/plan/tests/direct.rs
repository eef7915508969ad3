//! Tests of direct reads: when the plan grants them.

use super::*;

const DONE: DirectEnd = DirectEnd::Done;
const MISSED: DirectEnd = DirectEnd::Missed;

#[test]
fn direct_reads_hold_permits() {
    check(
        2,
        LEN,
        &[
            Direct(1, 10_000, 100),
            Direct(1, 20_000, 100),
            Direct(1, 30_000, 100),
            // It waits for the first permit that comes back.
            PlanStep::Read(30_000, 100),
            DirectEnds(1, 10_000, 100, DONE),
            Direct(1, 40_000, 100),
            DirectEnds(1, 20_000, 100, DONE),
            Direct(1, 40_000, 100),
        ],
        &expect![[r#"
            direct 10000+100 granted: -
            direct 20000+100 granted: -
            direct 30000+100 refused: -
            read 30000+100: -
            Done 10000+100: open 1 30000..30100
            direct 40000+100 refused: -
            Done 20000+100: -
            direct 40000+100 granted: -
        "#]],
    );
}

/// Handles are never reused: an entry for a released one would never be removed.
#[test]
fn a_read_that_ends_after_the_release_of_its_handle_leaves_nothing_behind() {
    let mut plan = Plan::new(tuning(4), MissingPolicy::Wait);
    let handle = HandleId(1);
    let file = FileId { torrent: InfoHash::from_bytes([1; 20]), index: FileIndex(0) };
    let geometry = Geometry { file_offset: 0, piece_len: NonZeroU32::new(10_000).unwrap() };
    let state = FileState { torrent: TorrentState::Live, have_bytes: LEN, is_listed: true };
    let facts = FileFacts { len: LEN, geometry: Some(geometry), state: Some(state) };
    let range = ByteRange::clamped(0, 100, LEN);
    let now = Timestamp::ZERO;
    plan.on_open(handle);
    assert!(plan.on_direct(now, (handle, file), &facts, range));
    plan.on_read(now, ReadId(1), request(handle, (file, facts), range, now));
    assert_eq!(actions(&mut plan, now), ["open 1 0..100"]);
    plan.on_release(handle);
    // A direct read, one on a stream, one from memory, one from the disk, and a new one.
    plan.on_direct_end(now, (handle, file), range, DONE);
    plan.on_opened(now, StreamId(1), 0);
    plan.on_chunk(now, StreamId(1), 0, 100);
    plan.on_stream_end(now, StreamId(1), StreamEnd::Over);
    assert_eq!(actions(&mut plan, now), ["reply 1"]);
    plan.on_hit(now, handle, file, range);
    plan.on_local(now, handle, file, range);
    plan.on_interrupted_wait(now, (handle, file), &facts, range);
    plan.on_read(now, ReadId(2), request(handle, (file, facts), range, now));
    assert_eq!(actions(&mut plan, now), ["open 2 0..100"]);
    assert_eq!(plan.known_handles(), std::collections::BTreeSet::new());
    // They are counted nevertheless.
    assert_eq!((plan.tally.total.reads, plan.tally.total.bytes_given), (5, 400));
}

#[test]
fn what_a_stream_brings_is_not_read_directly() {
    check(
        4,
        LEN,
        &[
            PlanStep::Read(10_000, 100),
            // The same bytes, some a little ahead of the stream, and distant ones.
            Direct(2, 10_000, 50),
            Direct(2, 10_050, 50),
            Direct(2, 10_050, 100),
            DirectEnds(2, 10_050, 100, DONE),
            // The third sequential read gets a window.
            Direct(3, 50_000, 100),
            DirectEnds(3, 50_000, 100, DONE),
            Direct(3, 50_100, 100),
            DirectEnds(3, 50_100, 100, DONE),
            Direct(3, 50_200, 100),
            Direct(3, 60_000, 100),
        ],
        &expect![[r#"
            read 10000+100: open 1 10000..10100
            direct 10000+50 refused: -
            direct 10050+50 refused: -
            direct 10050+100 granted: -
            Done 10050+100: -
            direct 50000+100 granted: -
            Done 50000+100: -
            direct 50100+100 granted: -
            Done 50100+100: -
            direct 50200+100 refused: -
            direct 60000+100 granted: -
        "#]],
    );
}

#[test]
fn what_may_be_missing_or_is_long_is_not_read_directly() {
    check(
        4,
        50_000,
        &[Direct(1, 0, 100), Wait(5)],
        &expect![[r#"
        direct 0+100 refused: -
        5 ms: -
    "#]],
    );
    let steps = [
        PlanStep::Read(0, 100),
        HavesAre(|piece| piece < 2),
        Direct(1, 10_000, 100),
        DirectEnds(1, 10_000, 100, DONE),
        Direct(1, 19_950, 100),
    ];
    check(
        4,
        50_000,
        &steps,
        &expect![[r#"
        read 0+100: ask
        haves: open 1 0..100
        direct 10000+100 granted: -
        Done 10000+100: -
        direct 19950+100 refused: -
    "#]],
    );
    check(
        4,
        LEN,
        &[Direct(1, 0, 20_001), Direct(1, 0, 20_000)],
        &expect![[r#"
        direct 0+20001 refused: -
        direct 0+20000 granted: -
    "#]],
    );
}

#[test]
fn a_miss_is_followed_by_longer_and_longer_pauses() {
    let miss = [Direct(1, 0, 100), DirectEnds(1, 0, 100, MISSED)];
    let [direct, missed] = miss;
    check(
        4,
        LEN,
        &[
            direct,
            missed,
            Wait(9),
            Direct(1, 0, 100),
            Wait(1),
            Direct(1, 0, 100),
            DirectEnds(1, 0, 100, MISSED),
            Wait(19),
            Direct(1, 0, 100),
            Wait(1),
            Direct(1, 0, 100),
            DirectEnds(1, 0, 100, DONE),
            Direct(1, 10_000, 100),
            DirectEnds(1, 10_000, 100, MISSED),
            Wait(10),
            Direct(1, 10_000, 100),
        ],
        &expect![[r#"
            direct 0+100 granted: -
            Missed 0+100: -
            9 ms: -
            direct 0+100 refused: -
            1 ms: -
            direct 0+100 granted: -
            Missed 0+100: -
            19 ms: -
            direct 0+100 refused: -
            1 ms: -
            direct 0+100 granted: -
            Done 0+100: -
            direct 10000+100 granted: -
            Missed 10000+100: -
            10 ms: -
            direct 10000+100 granted: -
        "#]],
    );
}
