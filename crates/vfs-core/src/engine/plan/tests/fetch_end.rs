//! Tests of the end of fetching: after failed and cancelled reads, at the end of a piece, and when
//! the server fetched too much ahead.

use super::*;

/// A stream that brought bytes before would linger otherwise.
#[test]
fn the_stream_of_a_cancelled_read_is_closed_at_once() {
    check(
        4,
        0,
        &[
            Selected,
            PlanStep::Read(0, 15_000),
            HavesAre(|_| false),
            Opened(1),
            Wait(200),
            Chunk(1, 0, 10_000),
            Cancel(1),
            Closed(1),
        ],
        &expect![[r#"
            selected is there: -
            read 0+15000: ask
            haves: open 1 0..16384+
            opened 1: -
            200 ms: -
            chunk 1 0+10000: ask peers
            cancel 1: close 1
            closed 1: -
        "#]],
    );
}

#[test]
fn a_stream_that_another_read_shares_stays_open() {
    check(
        4,
        0,
        &[
            Selected,
            PlanStep::Read(0, 1000),
            ReadBy(2, 0, 500),
            HavesAre(|_| false),
            Opened(1),
            Cancel(1),
            Cancel(2),
        ],
        &expect![[r#"
            selected is there: -
            read 0+1000: ask
            read 0+500: -
            haves: open 1 0..1000+
            opened 1: -
            cancel 1: -
            cancel 2: close 1
        "#]],
    );
}

#[test]
fn a_lingering_stream_ends_with_the_last_read_that_fails() {
    check(
        4,
        0,
        &[
            Selected,
            PlanStep::Read(0, 100),
            HavesAre(|_| false),
            Opened(1),
            Wait(250),
            Chunk(1, 0, 100),
            ReadBy(2, 50_000, 100),
            ReadBy(3, 70_000, 100),
            Cancel(2),
            Cancel(3),
        ],
        &expect![[r#"
            selected is there: -
            read 0+100: ask
            haves: open 1 0..100+
            opened 1: -
            250 ms: -
            chunk 1 0+100: reply 1, ask peers
            read 50000+100: open 2 50000..50100+
            read 70000+100: open 3 70000..70100+
            cancel 2: close 2
            cancel 3: close 1, close 3
        "#]],
    );
}

/// It would wait for the end of the file otherwise, which it asks for to keep the peers.
#[test]
fn a_stream_at_the_end_of_its_piece_lingers_no_longer_than_others() {
    check_with(
        Tuning { block_bytes: 1000, rest_bytes_max: 25_000, ..tuning(4) },
        0,
        &[
            Selected,
            PlanStep::Read(0, 100),
            HavesAre(|_| false),
            Opened(1),
            Wait(100),
            Chunk(1, 0, 10_000),
            Wait(99),
            Wait(1),
            Closed(1),
        ],
        &expect![[r#"
            selected is there: -
            read 0+100: ask
            haves: open 1 0..10000+
            opened 1: -
            100 ms: -
            chunk 1 0+10000: reply 1, ask peers
            99 ms: -
            1 ms: close 1
            closed 1: -
        "#]],
    );
}

#[test]
fn with_more_peers_a_stream_lingers_for_a_shorter_time() {
    check(
        4,
        0,
        &[
            Selected,
            PlanStep::Read(0, 100),
            HavesAre(|_| false),
            Opened(1),
            Wait(1000),
            Peers(PeerCounts { live: 4, coming: 0, not_needed: 0, dead: 0, forgotten: 0 }),
            Chunk(1, 0, 100),
            Wait(74),
            Wait(1),
        ],
        &expect![[r#"
            selected is there: -
            read 0+100: ask
            haves: open 1 0..100+
            opened 1: -
            1000 ms: ask peers, ask
            4 live, 0 not needed, 0 forgotten: -
            chunk 1 0+100: reply 1
            74 ms: -
            1 ms: close 1
        "#]],
    );
}

/// The limit doubles, so that a slow swarm makes no series of opens.
#[test]
fn a_stream_that_brings_too_much_that_nothing_asked_for_is_opened_anew() {
    check_with(
        Tuning { unasked_bytes_max: 20_000, server_ahead_bytes: 90_000, ..tuning(4) },
        0,
        &[
            Selected,
            PlanStep::Read(0, 100),
            HavesAre(|_| false),
            Opened(1),
            Wait(1000),
            HavesAre(|piece| matches!(piece, 1 | 2)),
            Wait(1000),
            HavesAre(|piece| matches!(piece, 1..=3)),
            Closed(1),
            Opened(2),
            Wait(1000),
            HavesAre(|piece| matches!(piece, 1..=7)),
            Wait(1000),
            HavesAre(|piece| matches!(piece, 1..=8)),
            Closed(2),
            Opened(3),
            Chunk(3, 0, 100),
        ],
        &expect![[r#"
            selected is there: -
            read 0+100: ask
            haves: open 1 0..100+
            opened 1: -
            1000 ms: ask peers, ask
            haves: -
            1000 ms: ask
            haves: close 1, open 2 0..100+
            closed 1: -
            opened 2: -
            1000 ms: ask
            haves: -
            1000 ms: ask
            haves: close 2, open 3 0..100+
            closed 2: -
            opened 3: -
            chunk 3 0+100: reply 1, close 3
        "#]],
    );
}
