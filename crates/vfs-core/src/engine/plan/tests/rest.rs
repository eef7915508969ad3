//! Tests of `ToPieceEnd` streams: following bytes that need no wait arrive on the same stream.

use super::*;

/// Runs the steps with blocks small enough to end at the ends of pieces.
#[track_caller]
fn check(streams_max: usize, have_bytes: u64, steps: &[PlanStep], want: &Expect) {
    let tuning = Tuning { block_bytes: 1000, rest_bytes_max: 25_000, ..tuning(streams_max) };
    check_with(tuning, have_bytes, steps, want);
}

#[test]
fn a_piece_that_was_waited_for_comes_as_a_whole() {
    check(
        4,
        0,
        &[
            PlanStep::Read(100, 300),
            HavesAre(|_| false),
            Opened(1),
            Chunk(1, 100, 500),
            // Later in the piece: on the same stream.
            PlanStep::Read(2000, 300),
            Chunk(1, 600, 2000),
            // Beyond the piece: on another stream over the next piece.
            PlanStep::Read(9500, 1000),
            Closed(1),
            Opened(2),
            Chunk(2, 9500, 10_500),
            Over(2),
            // The piece has arrived, so no read has to wait for it.
            PlanStep::Read(300, 100),
        ],
        &expect![[r#"
            read 100+300: ask
            haves: open 1 100..10000
            opened 1: -
            chunk 1 100+500: reply 1
            read 2000+300: -
            chunk 1 600+2000: reply 2
            read 9500+1000: close 1, open 2 9500..20000
            closed 1: -
            opened 2: -
            chunk 2 9500+10500: reply 3
            over 2: -
            read 300+100: open 3 300..400
        "#]],
    );
}

#[test]
fn what_is_there_goes_on_for_who_reads_in_order_only() {
    check(
        4,
        50_000,
        &[
            PlanStep::Read(20_000, 100),
            HavesAre(|piece| piece < 5),
            Opened(1),
            Chunk(1, 20_000, 100),
            Over(1),
            PlanStep::Read(20_100, 100),
            Opened(2),
            Chunk(2, 20_100, 100),
            Over(2),
            // Up to the maximum length of a rest.
            PlanStep::Read(20_200, 100),
            Opened(3),
            Chunk(3, 20_200, 24_800),
            Over(3),
            // Up to the end of the present bytes.
            PlanStep::Read(45_300, 100),
            Opened(4),
            // Another reader, which jumps.
            ReadBy(2, 10_000, 100),
            ReadBy(2, 100, 100),
        ],
        &expect![[r#"
            read 20000+100: ask
            haves: open 1 20000..20100
            opened 1: -
            chunk 1 20000+100: -
            over 1: reply 1
            read 20100+100: open 2 20100..20200
            opened 2: -
            chunk 2 20100+100: -
            over 2: reply 2
            read 20200+100: open 3 20200..45000
            opened 3: -
            chunk 3 20200+24800: reply 3
            over 3: -
            read 45300+100: open 4 45300..50000
            opened 4: -
            read 10000+100: open 5 10000..10100
            read 100+100: open 6 100..200
        "#]],
    );
}

#[test]
fn a_rest_ends_when_nobody_goes_on_to_read_it() {
    check(
        4,
        0,
        &[
            PlanStep::Read(0, 100),
            HavesAre(|_| false),
            Opened(1),
            Chunk(1, 0, 200),
            // At another place.
            PlanStep::Read(50_000, 100),
            Closed(1),
            // Before any byte arrived.
            Opened(2),
            Cancel(2),
            Closed(2),
            PlanStep::Read(60_000, 100),
            Opened(3),
            Chunk(3, 60_000, 200),
            Wait(100),
            Release(1),
            Closed(3),
            // No read waits for it.
            ReadBy(2, 70_000, 100),
            Opened(4),
            Chunk(4, 70_000, 200),
            Wait(3_999),
            Wait(1),
        ],
        &expect![[r#"
            read 0+100: ask
            haves: open 1 0..10000
            opened 1: -
            chunk 1 0+200: reply 1
            read 50000+100: close 1, open 2 50000..60000
            closed 1: -
            opened 2: -
            cancel 2: close 2
            closed 2: -
            read 60000+100: open 3 60000..70000
            opened 3: -
            chunk 3 60000+200: reply 3
            100 ms: -
            release 1: close 3
            closed 3: -
            read 70000+100: open 4 70000..80000
            opened 4: -
            chunk 4 70000+200: reply 4
            3999 ms: -
            1 ms: close 4
        "#]],
    );
}

#[test]
fn a_rest_gives_its_permit_to_who_waits() {
    check(
        1,
        0,
        &[
            PlanStep::Read(0, 100),
            HavesAre(|_| false),
            Opened(1),
            ReadBy(2, 50_000, 100),
            Chunk(1, 0, 200),
            Closed(1),
        ],
        &expect![[r#"
            read 0+100: ask
            haves: open 1 0..10000
            opened 1: -
            read 50000+100: -
            chunk 1 0+200: reply 1, close 1
            closed 1: open 2 50000..60000
        "#]],
    );
}
