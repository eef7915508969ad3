//! Tables of preloads: their requests, and how they yield to readers.

use expect_test::expect;

use super::PlanStep::{
    self, Cancel, Chunk, Closed, Fails, Haves as HavesAre, Opened, Over, Preload, ReadBy, Wait,
};
use super::check;
use crate::SourceErrorKind;

#[test]
fn a_preload_goes_over_what_is_missing_and_asks_for_nothing_else() {
    check(
        4,
        50_000,
        &[
            Preload(0, 100_000),
            // Every other piece is present: no stream covers it.
            HavesAre(|piece_idx| piece_idx % 2 == 0),
            Opened(1),
            Chunk(1, 10_000, 10_000),
            Over(1),
            Opened(2),
            Wait(1000),
            // The others have arrived in the meantime: nothing is left to do.
            HavesAre(|_| true),
            Closed(2),
            // All of it is known to be present.
            Preload(5_000, 20_000),
        ],
        &expect![[r#"
            preload 0+100000: ask
            haves: open 1 10000..20000
            opened 1: -
            chunk 1 10000+10000: -
            over 1: open 2 30000..40000
            opened 2: -
            1000 ms: -
            haves: preloaded 1, close 2
            closed 2: -
            preload 5000+20000: preloaded 2
        "#]],
    );
}

#[test]
fn a_preload_gives_way_to_readers() {
    check(
        2,
        50_000,
        &[
            Preload(0, 20_000),
            HavesAre(|piece_idx| piece_idx >= 5),
            Opened(1),
            // Present data needs a stream, but not that of the preload, which only pauses.
            PlanStep::Read(60_000, 100),
            Chunk(1, 0, 100),
            Opened(2),
            Chunk(2, 60_000, 100),
            Over(2),
            Closed(2),
            // Missing data has precedence over the preload.
            ReadBy(2, 30_000, 100),
            Closed(1),
            Opened(3),
            Wait(3000),
            Chunk(3, 30_000, 100),
            Over(3),
            // The preload pauses for a while after that.
            Wait(900),
            Wait(100),
        ],
        &expect![[r#"
            preload 0+20000: ask
            haves: open 1 0..20000
            opened 1: -
            read 60000+100: open 2 60000..60100
            chunk 1 0+100: -
            opened 2: -
            chunk 2 60000+100: -
            over 2: reply 2
            closed 2: -
            read 30000+100: close 1, open 3 30000..32768
            closed 1: -
            opened 3: -
            3000 ms: ask
            chunk 3 30000+100: reply 3
            over 3: -
            900 ms: -
            100 ms: open 4 100..20000
        "#]],
    );
}

#[test]
fn a_preload_waits_its_turn_and_can_be_withdrawn() {
    check(
        1,
        0,
        &[
            Preload(0, 10_000),
            Preload(50_000, 10_000),
            HavesAre(|_| false),
            Opened(1),
            Chunk(1, 0, 5000),
            // A failure costs the preload only time.
            Fails(1, SourceErrorKind::Unreachable),
            Wait(100),
            Opened(1),
            // It was silent for too long: the next preload may start.
            Wait(10_000),
            Closed(1),
            Cancel(2),
            Opened(2),
            Closed(2),
            Opened(3),
            Chunk(3, 5000, 5000),
            Over(3),
        ],
        &expect![[r#"
            preload 0+10000: ask
            preload 50000+10000: -
            haves: open 1 0..10000
            opened 1: -
            chunk 1 0+5000: -
            fails 1 unreachable: -
            100 ms: reopen 1 5000..10000
            opened 1: -
            10000 ms: close 1, ask
            closed 1: open 2 50000..60000
            cancel 2: close 2
            opened 2: -
            closed 2: open 3 5000..10000
            opened 3: -
            chunk 3 5000+5000: preloaded 1, close 3
            over 3: -
        "#]],
    );
}

#[test]
fn a_preload_of_what_never_comes_ends() {
    let mut steps = vec![Preload(0, 10_000), HavesAre(|_| false)];
    for stream in 1..=6 {
        steps.extend([Opened(stream), Wait(10_000), Closed(stream), HavesAre(|_| false)]);
    }
    check(
        1,
        0,
        &steps,
        &expect![[r#"
        preload 0+10000: ask
        haves: open 1 0..10000
        opened 1: -
        10000 ms: close 1, ask
        closed 1: open 2 0..10000
        haves: -
        opened 2: -
        10000 ms: close 2, ask
        closed 2: open 3 0..10000
        haves: -
        opened 3: -
        10000 ms: close 3, ask
        closed 3: open 4 0..10000
        haves: -
        opened 4: -
        10000 ms: close 4, ask
        closed 4: open 5 0..10000
        haves: -
        opened 5: -
        10000 ms: close 5, ask
        closed 5: open 6 0..10000
        haves: -
        opened 6: -
        10000 ms: fail 1 (the data did not arrive in time), close 6
        closed 6: -
        haves: -
    "#]],
    );
}
