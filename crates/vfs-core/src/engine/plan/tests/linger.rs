//! Tests of a torrent of which nothing that is selected is missing: streams that linger, and looks
//! at its peers.

use super::*;

const NONE: PeerCounts = PeerCounts { live: 0, coming: 0, not_needed: 0, dead: 0, forgotten: 0 };

#[test]
fn a_stream_lingers_for_as_long_as_its_bytes_took() {
    check(
        4,
        0,
        &[
            Selected,
            PlanStep::Read(0, 100),
            HavesAre(|_| false),
            Opened(1),
            Wait(80),
            Peers(NONE),
            Chunk(1, 0, 100),
            Release(1),
            Wait(79),
            Wait(1),
            Closed(1),
            // One more look, and none after that.
            Wait(1000),
            Peers(NONE),
            Wait(100_000),
        ],
        &expect![[r#"
            selected is there: -
            read 0+100: ask
            haves: open 1 0..100+
            opened 1: -
            80 ms: -
            0 live, 0 not needed, 0 forgotten: -
            chunk 1 0+100: reply 1, ask peers
            release 1: -
            79 ms: -
            1 ms: close 1
            closed 1: -
            1000 ms: ask
            0 live, 0 not needed, 0 forgotten: ask peers
            100000 ms: -
        "#]],
    );
}

#[test]
fn a_stream_lingers_until_the_next_is_open() {
    check(
        4,
        0,
        &[
            Selected,
            PlanStep::Read(0, 100),
            HavesAre(|_| false),
            Opened(1),
            Wait(1000),
            Peers(PeerCounts { live: 1, ..NONE }),
            Chunk(1, 0, 100),
            Release(1),
            Wait(20),
            ReadBy(2, 50_000, 100),
            Opened(2),
            Closed(1),
            Wait(300),
            Chunk(2, 50_000, 100),
            // The last one ends by itself at the end of the file, so the one before lingers on.
            ReadBy(2, 99_000, 1000),
            Opened(3),
            Wait(299),
            Wait(1),
            Closed(2),
            Chunk(3, 99_000, 1000),
            Over(3),
        ],
        &expect![[r#"
            selected is there: -
            read 0+100: ask
            haves: open 1 0..100+
            opened 1: -
            1000 ms: ask peers, ask
            1 live, 0 not needed, 0 forgotten: -
            chunk 1 0+100: reply 1
            release 1: -
            20 ms: -
            read 50000+100: open 2 50000..50100+
            opened 2: close 1
            closed 1: -
            300 ms: -
            chunk 2 50000+100: reply 2
            read 99000+1000: open 3 99000..100000
            opened 3: -
            299 ms: -
            1 ms: -
            closed 2: -
            chunk 3 99000+1000: -
            over 3: reply 3
        "#]],
    );
}

#[test]
fn a_lingering_stream_gives_its_permit_to_a_reader() {
    check(
        1,
        0,
        &[
            Selected,
            PlanStep::Read(0, 100),
            HavesAre(|_| false),
            Opened(1),
            Wait(200),
            Chunk(1, 0, 100),
            ReadBy(2, 50_000, 100),
            Closed(1),
        ],
        &expect![[r#"
            selected is there: -
            read 0+100: ask
            haves: open 1 0..100+
            opened 1: -
            200 ms: -
            chunk 1 0+100: reply 1, ask peers
            read 50000+100: close 1
            closed 1: open 2 50000..50100+
        "#]],
    );
}

#[test]
fn a_stream_of_a_torrent_that_still_downloads_does_not_linger() {
    check(
        4,
        0,
        &[
            PlanStep::Read(0, 100),
            HavesAre(|_| false),
            Opened(1),
            Wait(200),
            Chunk(1, 0, 100),
            Over(1),
        ],
        &expect![[r#"
            read 0+100: ask
            haves: open 1 0..100
            opened 1: -
            200 ms: -
            chunk 1 0+100: -
            over 1: reply 1
        "#]],
    );
}

#[test]
fn a_peer_that_is_not_needed_by_mistake_is_met_by_another_stream() {
    let usual = Tuning::new(4, 1 << 20);
    check_with(
        Tuning { silence_time_min: usual.silence_time_min, ..tuning(4) },
        0,
        &[
            Selected,
            PlanStep::Read(0, 100),
            HavesAre(|_| false),
            Opened(1),
            Wait(999),
            Wait(1),
            Peers(PeerCounts { not_needed: 1, ..NONE }),
            Closed(1),
            Opened(2),
            Wait(1000),
            // A requester that sleeps is not woken by another stream.
            Peers(PeerCounts { live: 1, ..NONE }),
            Wait(2000),
            Peers(PeerCounts { live: 1, ..NONE }),
            Wait(2999),
            Chunk(2, 0, 100),
        ],
        &expect![[r#"
            selected is there: -
            read 0+100: ask
            haves: open 1 0..100+
            opened 1: -
            999 ms: -
            1 ms: ask peers, ask
            0 live, 1 not needed, 0 forgotten: close 1, open 2 0..100+
            closed 1: -
            opened 2: -
            1000 ms: ask peers
            1 live, 0 not needed, 0 forgotten: -
            2000 ms: ask peers
            1 live, 0 not needed, 0 forgotten: -
            2999 ms: -
            chunk 2 0+100: reply 1
        "#]],
    );
}

#[test]
fn forgotten_peers_are_added_again() {
    check(
        4,
        0,
        &[
            Selected,
            PlanStep::Read(0, 100),
            HavesAre(|_| false),
            Opened(1),
            Wait(1000),
            Peers(PeerCounts { forgotten: 2, ..NONE }),
            Wait(2000),
            // Some are connected, and others are still forgotten.
            Peers(PeerCounts { live: 1, forgotten: 1, ..NONE }),
            Wait(4000),
            Peers(PeerCounts { live: 2, ..NONE }),
            Cancel(1),
        ],
        &expect![[r#"
            selected is there: -
            read 0+100: ask
            haves: open 1 0..100+
            opened 1: -
            1000 ms: ask peers, ask
            0 live, 0 not needed, 2 forgotten: add peers
            2000 ms: ask peers
            1 live, 0 not needed, 1 forgotten: add peers
            4000 ms: ask peers
            2 live, 0 not needed, 0 forgotten: -
            cancel 1: close 1
        "#]],
    );
}

/// The peers of a torrent, after hours without a stream, are gone: the trackers know others.
#[test]
fn a_read_without_connected_peers_makes_the_source_search_once_in_two_minutes() {
    let failed = PeerCounts { dead: 2, ..NONE };
    check(
        4,
        0,
        &[
            Selected,
            PlanStep::Read(0, 100),
            HavesAre(|_| false),
            Opened(1),
            Wait(1000),
            // They are being connected to.
            Peers(PeerCounts { coming: 2, ..NONE }),
            Wait(1000),
            Peers(failed),
            Wait(2000),
            Peers(failed),
            // Bytes do not permit an earlier search.
            Chunk(1, 0, 100),
            Release(1),
            Wait(300),
            Closed(1),
            Wait(1000),
            Peers(failed),
        ],
        &expect![[r#"
            selected is there: -
            read 0+100: ask
            haves: open 1 0..100+
            opened 1: -
            1000 ms: ask peers, ask
            0 live, 0 not needed, 0 forgotten: -
            1000 ms: ask peers
            0 live, 0 not needed, 0 forgotten: find peers
            2000 ms: ask peers
            0 live, 0 not needed, 0 forgotten: -
            chunk 1 0+100: reply 1
            release 1: -
            300 ms: close 1
            closed 1: -
            1000 ms: ask peers
            0 live, 0 not needed, 0 forgotten: -
        "#]],
    );
}
