//! Tests of sources that fail, stall, or violate the protocol.

use super::*;

#[test]
fn a_stream_that_stays_silent_is_asked_for_anew() {
    check(
        4,
        0,
        &[PlanStep::Read(0, 100), HavesAre(|_| false), Opened(1), Wait(9_999), Wait(1), Closed(1)],
        &expect![[r#"
            read 0+100: ask
            haves: open 1 0..100
            opened 1: -
            9999 ms: ask
            1 ms: close 1, open 2 0..100
            closed 1: -
        "#]],
    );
}

#[test]
fn what_is_there_may_be_silent_for_twice_as_long() {
    let usual = Tuning::new(4, 1 << 20);
    check_with(
        Tuning { silence_time_min: usual.silence_time_min, ..tuning(4) },
        0,
        &[
            PlanStep::Read(0, 100),
            HavesAre(|_| true),
            // First no response head arrives, then no byte.
            Wait(3_999),
            Wait(1),
            Closed(1),
            Wait(1_000),
            Opened(2),
            Wait(7_999),
            Wait(1),
            Closed(2),
            Opened(3),
            Chunk(3, 0, 100),
            Over(3),
        ],
        &expect![[r#"
            read 0+100: ask
            haves: open 1 0..100
            3999 ms: ask
            1 ms: close 1, open 2 0..100
            closed 1: -
            1000 ms: -
            opened 2: -
            7999 ms: -
            1 ms: close 2, open 3 0..100
            closed 2: -
            opened 3: -
            chunk 3 0+100: -
            over 3: reply 1
        "#]],
    );
}

#[test]
fn silence_is_borne_for_longer_each_time() {
    let usual = Tuning::new(4, 1 << 20);
    check_with(
        Tuning { silence_time_min: usual.silence_time_min, ..tuning(4) },
        0,
        &[
            PlanStep::Read(0, 100),
            HavesAre(|_| false),
            Opened(1),
            Wait(1_999),
            Wait(1),
            Closed(1),
            Opened(2),
            Wait(3_999),
            Wait(1),
            Closed(2),
            Opened(3),
            // A byte resets the stall time.
            Chunk(3, 0, 50),
            Wait(1_999),
            Wait(1),
            Closed(3),
        ],
        &expect![[r#"
            read 0+100: ask
            haves: open 1 0..100
            opened 1: -
            1999 ms: -
            1 ms: close 1, open 2 0..100
            closed 1: -
            opened 2: -
            3999 ms: ask
            1 ms: close 2, open 3 0..100
            closed 2: -
            opened 3: -
            chunk 3 0+50: -
            1999 ms: -
            1 ms: close 3, open 4 0..100
            closed 3: -
        "#]],
    );
}

#[test]
fn failures_are_tried_again_where_they_happened() {
    check(
        1,
        LEN,
        &[
            PlanStep::Read(0, 1000),
            Opened(1),
            Chunk(1, 0, 300),
            Fails(1, SourceErrorKind::Unreachable),
            Wait(100),
            Fails(1, SourceErrorKind::Unreachable),
            Wait(100),
            Wait(100),
            Opened(1),
            Chunk(1, 300, 700),
            Over(1),
            PlanStep::Read(5000, 10),
            Fails(2, SourceErrorKind::NotFound),
            PlanStep::Read(5000, 10),
            Cancel(3),
            Closed(3),
            PlanStep::Read(7000, 10),
            Wait(60_000),
        ],
        &expect![[r#"
            read 0+1000: open 1 0..1000
            opened 1: -
            chunk 1 0+300: -
            fails 1 unreachable: -
            100 ms: reopen 1 300..1000
            fails 1 unreachable: -
            100 ms: -
            100 ms: reopen 1 300..1000
            opened 1: -
            chunk 1 300+700: -
            over 1: reply 1
            read 5000+10: open 2 5000..5010
            fails 2 not found: fail 2 (the torrent is gone)
            read 5000+10: open 3 5000..5010
            cancel 3: close 3
            closed 3: -
            read 7000+10: open 4 7000..7010
            60000 ms: fail 4 (the data did not arrive in time), close 4
        "#]],
    );
}

#[test]
fn an_answer_that_cannot_be_right_is_asked_for_once_more() {
    use SourceErrorKind::{Protocol, Unreachable};

    check(
        4,
        LEN,
        &[
            PlanStep::Read(0, 1000),
            Fails(1, Protocol),
            Wait(100),
            Opened(1),
            Chunk(1, 0, 300),
            Fails(1, Unreachable),
            Wait(100),
            Fails(1, Protocol),
            Wait(200),
            Fails(1, Protocol),
            PlanStep::Read(0, 1000),
            Opened(2),
            Fails(2, Protocol),
        ],
        &expect![[r#"
            read 0+1000: open 1 0..1000
            fails 1 protocol violated: -
            100 ms: reopen 1 0..1000
            opened 1: -
            chunk 1 0+300: -
            fails 1 unreachable: -
            100 ms: reopen 1 300..1000
            fails 1 protocol violated: -
            200 ms: reopen 1 300..1000
            fails 1 protocol violated: fail 1 (x)
            read 0+1000: open 2 0..1000
            opened 2: -
            fails 2 protocol violated: fail 2 (x)
        "#]],
    );
}

#[test]
fn a_stream_that_breaks_the_rules_answers_nobody() {
    check(
        4,
        LEN,
        &[
            PlanStep::Read(0, 100),
            Opened(1),
            Chunk(1, 50, 10),
            Closed(1),
            PlanStep::Read(0, 100),
            Opened(2),
            Chunk(2, 0, 101),
            Closed(2),
            PlanStep::Read(0, 100),
            Opened(3),
            Chunk(3, 0, 99),
            Over(3),
        ],
        &expect![[r#"
            read 0+100: open 1 0..100
            opened 1: -
            chunk 1 50+10: fail 1 (the stream is at offset 50 instead of 0), close 1
            closed 1: -
            read 0+100: open 2 0..100
            opened 2: -
            chunk 2 0+101: fail 2 (the stream goes on after offset 100), close 2
            closed 2: -
            read 0+100: open 3 0..100
            opened 3: -
            chunk 3 0+99: -
            over 3: fail 3 (the stream ends at offset 99 of 100)
        "#]],
    );
}

#[test]
fn an_error_that_is_not_retryable_ends_the_read_at_once() {
    use SourceErrorKind::{Denied, Failed};

    check(
        1,
        LEN,
        &[
            PlanStep::Read(0, 100),
            FailsAs(1, Failed, true),
            Wait(100),
            FailsAs(1, Failed, false),
            PlanStep::Read(0, 100),
            FailsAs(2, Denied, false),
        ],
        &expect![[r#"
            read 0+100: open 1 0..100
            fails 1 failed on the server, retryable: -
            100 ms: reopen 1 0..100
            fails 1 failed on the server, final: fail 1 (x)
            read 0+100: open 2 0..100
            fails 2 denied, final: fail 2 (x)
        "#]],
    );
}

#[test]
fn a_404_is_final_only_if_the_list_lacks_the_torrent() {
    use SourceErrorKind::NotFound;

    check(
        1,
        0,
        &[
            PlanStep::Read(0, 100),
            HavesAre(|_| true),
            FailsAs(1, NotFound, true),
            // The server has it again.
            Wait(100),
            Opened(1),
            Chunk(1, 0, 100),
            Over(1),
            // The list finally lacks it too.
            PlanStep::Read(0, 100),
            FailsAs(2, NotFound, true),
            Listed(false),
        ],
        &expect![[r#"
            read 0+100: ask
            haves: open 1 0..100
            fails 1 not found, retryable: -
            100 ms: reopen 1 0..100
            opened 1: -
            chunk 1 0+100: -
            over 1: reply 1
            read 0+100: open 2 0..100
            fails 2 not found, retryable: -
            listed: false: fail 2 (the torrent is gone)
        "#]],
    );
}

#[test]
fn a_404_about_pieces_ends_reads_that_the_list_lacks() {
    check(
        1,
        0,
        &[
            PlanStep::Read(0, 100),
            HavesNotFound,
            Opened(1),
            Wait(1_000),
            HavesNotFound,
            Listed(false),
            Closed(1),
        ],
        &expect![[r#"
            read 0+100: ask
            haves: not found: open 1 0..100
            opened 1: -
            1000 ms: -
            haves: not found: -
            listed: false: fail 1 (the torrent is gone), close 1
            closed 1: -
        "#]],
    );
}

// Found by the simulation. The request was sent before the breaker opened and before a read
// depended on it.
#[test]
fn a_late_bitfield_is_noticed_while_the_breaker_is_open() {
    let breaker = BreakerTuning {
        failures_min: 1,
        down_time_min: Duration::ZERO,
        cool_down: Duration::from_secs(10),
    };
    let mut plan = Plan::new(Tuning { breaker, ..tuning(4) }, MissingPolicy::Wait);
    plan.on_open(HandleId(1));
    let at = |millis| Timestamp::from_start(Duration::from_millis(millis));
    let file =
        |torrent| FileId { torrent: InfoHash::from_bytes([torrent; 20]), index: FileIndex(0) };
    let facts = |have_bytes| {
        let geometry = Geometry { file_offset: 0, piece_len: NonZeroU32::new(10_000).unwrap() };
        let state = FileState { torrent: TorrentState::Live, have_bytes, is_listed: true };
        FileFacts { len: LEN, geometry: Some(geometry), state: Some(state) }
    };
    let (present, missing) = ((file(1), facts(LEN)), (file(2), facts(0)));
    let range = ByteRange::clamped(0, 1000, LEN);
    plan.on_read(at(0), ReadId(1), request(HandleId(1), present, range, at(0)));
    assert_eq!(actions(&mut plan, at(0)), ["open 1 0..1000"]);
    plan.on_bitfield_query(at(0), missing.0.torrent);
    assert_eq!(actions(&mut plan, at(0)), ["ask"]);
    fails(&mut plan, at(500), 1, SourceError::new(SourceErrorKind::Unreachable, "x"));
    assert_eq!(actions(&mut plan, at(500)), [""; 0]);
    plan.on_preload(at(1000), ReadId(2), missing, range);
    assert_eq!(actions(&mut plan, at(1000)), [""; 0]);
    // Two seconds after the request.
    assert_eq!(plan.next_time(), Some(at(2000)));
    plan.on_time(at(2000));
    assert_eq!(actions(&mut plan, at(2000)), [""; 0]);
}
