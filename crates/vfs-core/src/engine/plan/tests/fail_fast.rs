//! Tests of fail-fast: reads of missing data by a handle whose wait has failed.

use super::*;

#[test]
fn after_a_failed_wait_missing_data_fails_at_once_for_a_growing_while() {
    let none = |_| false;
    check(
        4,
        0,
        &[
            PlanStep::Read(0, 100),
            HavesAre(none),
            Wait(60_000),
            // For ten seconds, but not for another handle.
            PlanStep::Read(20_000, 100),
            HavesAre(none),
            ReadBy(2, 40_000, 100),
            Cancel(3),
            Wait(10_000),
            PlanStep::Read(0, 100),
            HavesAre(none),
            Wait(60_000),
            // Then for twenty seconds.
            Wait(19_000),
            PlanStep::Read(0, 100),
            HavesAre(none),
            Wait(1000),
            PlanStep::Read(0, 100),
            HavesAre(none),
        ],
        &expect![[r#"
            read 0+100: ask
            haves: open 1 0..100
            60000 ms: fail 1 (the data did not arrive in time), close 1
            read 20000+100: ask
            haves: fail 2 (the data did not arrive in time)
            read 40000+100: open 2 40000..49152
            cancel 3: close 2
            10000 ms: -
            read 0+100: open 3 0..100
            haves: -
            60000 ms: fail 4 (the data did not arrive in time), close 3
            19000 ms: -
            read 0+100: ask
            haves: fail 5 (the data did not arrive in time)
            1000 ms: -
            read 0+100: open 4 0..100
            haves: -
        "#]],
    );
}

#[test]
fn reads_that_waited_together_have_failed_once() {
    let none = |_| false;
    check(
        4,
        0,
        &[
            PlanStep::Read(0, 100),
            HavesAre(none),
            Wait(100),
            PlanStep::Read(50_000, 100),
            Wait(59_900),
            Wait(100),
            Wait(9_850),
            PlanStep::Read(0, 100),
            HavesAre(none),
            Wait(50),
            PlanStep::Read(0, 100),
            HavesAre(none),
        ],
        &expect![[r#"
            read 0+100: ask
            haves: open 1 0..100
            100 ms: -
            read 50000+100: open 2 50000..50100
            59900 ms: fail 1 (the data did not arrive in time), close 1, close 2, ask, open 3 50000..50100
            100 ms: fail 2 (the data did not arrive in time), close 3
            9850 ms: -
            read 0+100: -
            haves: fail 3 (the data did not arrive in time)
            50 ms: -
            read 0+100: open 4 0..100
            haves: -
        "#]],
    );
}

#[test]
fn any_byte_of_the_file_that_comes_ends_it() {
    let none = |_| false;
    check(
        4,
        0,
        &[
            PlanStep::Read(0, 100),
            HavesAre(none),
            Wait(60_000),
            PlanStep::Read(20_000, 100),
            HavesAre(none),
            // A piece that another reader waits for.
            ReadBy(2, 40_000, 100),
            Opened(2),
            Chunk(2, 40_000, 100),
            PlanStep::Read(20_000, 100),
            HavesAre(none),
            // The state that the server reports.
            Wait(60_000),
            PlanStep::Read(20_000, 100),
            HavesAre(|piece| piece == 9),
            PlanStep::Read(30_000, 100),
        ],
        &expect![[r#"
            read 0+100: ask
            haves: open 1 0..100
            60000 ms: fail 1 (the data did not arrive in time), close 1
            read 20000+100: ask
            haves: fail 2 (the data did not arrive in time)
            read 40000+100: open 2 40000..49152
            opened 2: -
            chunk 2 40000+100: reply 3
            read 20000+100: open 3 20000..20100
            haves: close 2
            60000 ms: fail 4 (the data did not arrive in time), close 3
            read 20000+100: ask
            haves: open 4 20000..20100
            read 30000+100: -
        "#]],
    );
}

#[test]
fn what_is_there_is_read_meanwhile() {
    let head = |piece| piece < 2;
    check(
        4,
        20_000,
        &[
            PlanStep::Read(50_000, 100),
            HavesAre(head),
            Wait(60_000),
            PlanStep::Read(0, 100),
            HavesAre(head),
            PlanStep::Read(20_000, 100),
            // A released handle has no failed waits.
            Release(1),
            PlanStep::Read(20_000, 100),
        ],
        &expect![[r#"
            read 50000+100: ask
            haves: open 1 50000..50100
            60000 ms: fail 1 (the data did not arrive in time), close 1
            read 0+100: open 2 0..100
            haves: -
            read 20000+100: fail 3 (the data did not arrive in time)
            release 1: -
            read 20000+100: open 3 20000..20100
        "#]],
    );
}
