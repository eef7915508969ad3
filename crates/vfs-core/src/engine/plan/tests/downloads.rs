//! Tests of downloads by reader, and of reads that must not cause any.

use super::*;

#[test]
fn pieces_count_for_the_reader_whose_stream_was_open() {
    check(
        4,
        0,
        &[
            Selected,
            PlanStep::Read(0, 100),
            HavesAre(|_| false),
            Opened(1),
            Wait(200),
            Chunk(1, 0, 100),
            Downloaded(1),
            Wait(200),
            Closed(1),
            Wait(1000),
            HavesAre(|piece| piece < 3),
            Downloaded(1),
            Release(1),
            TakeClosed,
            TakeClosed,
        ],
        &expect![[r#"
            selected is there: -
            read 0+100: ask
            haves: open 1 0..100+
            opened 1: -
            200 ms: -
            chunk 1 0+100: reply 1, ask peers
            1 has downloaded 0: -
            200 ms: close 1
            closed 1: -
            1000 ms: ask
            haves: -
            1 has downloaded 30000: -
            release 1: -
            closed: [(HandleId(1), 30000)]: -
            closed: []: -
        "#]],
    );
}

#[test]
fn the_last_pieces_count_after_the_release() {
    check(
        4,
        0,
        &[
            Selected,
            PlanStep::Read(0, 100),
            HavesAre(|_| false),
            Opened(1),
            Wait(200),
            Chunk(1, 0, 100),
            Release(1),
            TakeClosed,
            Wait(200),
            Closed(1),
            Wait(1000),
            HavesAre(|piece| piece < 2),
            TakeClosed,
            Wait(60_000),
        ],
        &expect![[r#"
            selected is there: -
            read 0+100: ask
            haves: open 1 0..100+
            opened 1: -
            200 ms: -
            chunk 1 0+100: reply 1, ask peers
            release 1: -
            closed: []: -
            200 ms: close 1
            closed 1: -
            1000 ms: ask
            haves: -
            closed: [(HandleId(1), 20000)]: -
            60000 ms: -
        "#]],
    );
}

/// In proportion to what they received of missing pieces.
#[test]
fn readers_of_one_torrent_share_its_downloads() {
    check(
        4,
        0,
        &[
            Selected,
            PlanStep::Read(0, 300),
            HavesAre(|_| false),
            ReadBy(2, 50_000, 100),
            Opened(1),
            Opened(2),
            Chunk(1, 0, 300),
            Chunk(2, 50_000, 100),
            Wait(10),
            Closed(1),
            Closed(2),
            Wait(1000),
            HavesAre(|piece| matches!(piece, 0 | 1 | 5 | 6)),
            Downloaded(1),
            Downloaded(2),
        ],
        &expect![[r#"
            selected is there: -
            read 0+300: ask
            haves: open 1 0..300+
            read 50000+100: open 2 50000..50100+
            opened 1: -
            opened 2: -
            chunk 1 0+300: reply 1, close 1, ask peers
            chunk 2 50000+100: reply 2, close 2
            10 ms: -
            closed 1: -
            closed 2: -
            1000 ms: ask
            haves: -
            1 has downloaded 30000: -
            2 has downloaded 10000: -
        "#]],
    );
}

#[test]
fn a_torrent_that_downloads_by_itself_counts_for_no_reader() {
    check(
        4,
        0,
        &[
            PlanStep::Read(0, 100),
            HavesAre(|_| false),
            Opened(1),
            Chunk(1, 0, 100),
            Over(1),
            Wait(2000),
            Selected,
            PlanStep::Read(50_000, 100),
            Opened(2),
            SelectsMore,
            Wait(1000),
            HavesAre(|_| true),
            Downloaded(1),
        ],
        &expect![[r#"
            read 0+100: ask
            haves: open 1 0..100
            opened 1: -
            chunk 1 0+100: -
            over 1: reply 1
            2000 ms: -
            selected is there: -
            read 50000+100: open 2 50000..50100+, ask
            opened 2: -
            more is selected: -
            1000 ms: ask peers
            haves: -
            1 has downloaded 0: -
        "#]],
    );
}

#[test]
fn a_read_that_must_not_download_fails_at_once_without_a_stream() {
    check(
        4,
        0,
        &[
            Selected,
            ReadPresent(0, 100),
            HavesAre(|piece| piece == 1),
            ReadPresent(0, 100),
            ReadPresent(9_000, 2_000),
            // The stream ends where it was asked to.
            ReadPresent(19_000, 500),
            Opened(1),
            Chunk(1, 19_000, 500),
            Over(1),
        ],
        &expect![[r#"
            selected is there: -
            read 0+100 if present: ask
            haves: fail 1 (the data is missing, and the read must not wait)
            read 0+100 if present: fail 2 (the data is missing, and the read must not wait)
            read 9000+2000 if present: fail 3 (the data is missing, and the read must not wait)
            read 19000+500 if present: open 1 19000..19500
            opened 1: -
            chunk 1 19000+500: -
            over 1: reply 4
        "#]],
    );
}

#[test]
fn a_read_that_must_not_download_joins_no_stream_that_waits_for_peers() {
    check(
        4,
        0,
        &[
            Selected,
            ReadBy(2, 0, 100),
            HavesAre(|_| false),
            Opened(1),
            ReadPresent(0, 50),
            Wait(1100),
            ReadPresent(0, 50),
            HavesAre(|_| false),
        ],
        &expect![[r#"
            selected is there: -
            read 0+100: ask
            haves: open 1 0..100+
            opened 1: -
            read 0+50 if present: fail 2 (the data is missing, and the read must not wait)
            1100 ms: ask peers, ask
            read 0+50 if present: -
            haves: fail 3 (the data is missing, and the read must not wait)
        "#]],
    );
}

/// Without an answer to its question for the pieces, the read does not try a stream.
#[test]
fn a_read_that_must_not_download_fails_if_nothing_is_known() {
    check(
        4,
        0,
        &[Selected, ReadPresent(0, 100), Wait(1999), Wait(1)],
        &expect![[r#"
        selected is there: -
        read 0+100 if present: ask
        1999 ms: -
        1 ms: fail 1 (the data is missing, and the read must not wait)
    "#]],
    );
}
