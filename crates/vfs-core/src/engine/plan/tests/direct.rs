//! Which reads their threads may do themselves.

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
            // It waits for the first that comes back.
            Step::Read(30_000, 100),
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

#[test]
fn what_a_stream_brings_is_not_read_directly() {
    check(
        4,
        LEN,
        &[
            Step::Read(10_000, 100),
            // The same bytes, some a little further on than the stream, and others.
            Direct(2, 10_000, 50),
            Direct(2, 10_050, 50),
            Direct(2, 10_050, 100),
            DirectEnds(2, 10_050, 100, DONE),
            // The third in a row is for a window.
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
        Step::Read(0, 100),
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
