//! Tests of reads over pages of which some are present and others are missing.

use super::*;

#[test]
fn a_read_over_a_border_is_split_at_once() {
    let head = |piece| piece < 2;
    check(
        4,
        20_000,
        &[
            PlanStep::ReadPages(15_000, 10_000),
            HavesAre(head),
            // All of it is present, none of it, or no whole page.
            PlanStep::ReadPages(10_000, 10_000),
            PlanStep::ReadPages(20_000, 10_000),
            PlanStep::ReadPages(19_500, 10_000),
            // A read that may not be split waits.
            PlanStep::Read(15_000, 10_000),
        ],
        &expect![[r#"
            read 15000+10000: ask
            haves: fail 1 (part of the data is missing)
            read 10000+10000: open 1 10000..20000
            read 20000+10000: open 2 20000..30000
            read 19500+10000: open 3 19500..29500
            read 15000+10000: open 4 15000..25000
        "#]],
    );
}

#[test]
fn a_read_whose_first_pages_came_is_split_when_the_rest_does_not_come() {
    check(
        4,
        0,
        &[
            PlanStep::ReadPages(8_000, 4000),
            HavesAre(|_| false),
            Opened(1),
            Chunk(1, 8_000, 900),
            Wait(500),
            Chunk(1, 8_900, 1100),
            Wait(99),
            Wait(1),
        ],
        &expect![[r#"
            read 8000+4000: ask
            haves: open 1 8000..16384
            opened 1: -
            chunk 1 8000+900: -
            500 ms: -
            chunk 1 8900+1100: -
            99 ms: -
            1 ms: fail 1 (part of the data is missing), close 1
        "#]],
    );
}

#[test]
fn a_read_is_split_when_a_later_page_comes_first() {
    check(
        4,
        0,
        &[
            PlanStep::ReadPages(8_000, 4000),
            HavesAre(|_| false),
            Opened(1),
            Wait(3_000),
            HavesAre(|piece| piece == 1),
        ],
        &expect![[r#"
            read 8000+4000: ask
            haves: open 1 8000..16384
            opened 1: -
            3000 ms: ask
            haves: fail 1 (part of the data is missing), close 1
        "#]],
    );
}
