//! Tests of time slices at present data.

use super::*;

/// Reads the first 300 bytes of the part of a handle, on streams from `first` on. The last stays
/// open as a window.
fn in_order(handle: u64, first: u64) -> Vec<PlanStep> {
    let start = handle * 10_000;
    let mut steps = Vec::new();
    for (nth, offset) in [start, start + 100, start + 200].into_iter().enumerate() {
        let stream = first + nth as u64;
        steps.extend([ReadBy(handle, offset, 100), Opened(stream), Chunk(stream, offset, 100)]);
        steps.extend((nth < 2).then_some(Over(stream)));
    }
    steps
}

/// Checks what follows after `readers` readers in order have a window each: streams 3, 6, 9...
#[track_caller]
fn check_after(tuning: Tuning, readers: u64, steps: Vec<PlanStep>, want: &Expect) {
    let mut all = Vec::new();
    (1..=readers).for_each(|reader| all.extend(in_order(reader, reader * 3 - 2)));
    let skipped = all.len();
    all.extend(steps);
    check_from(tuning, skipped, &all, want);
}

/// Two reads of a handle, which are answered by memory: a third is in order.
const KNOWN: [PlanStep; 2] = [Hit(9, 90_000, 100), Hit(9, 90_100, 100)];

/// Does what [`check_after`] does, after the reads of [`KNOWN`].
#[track_caller]
fn check_known(tuning: Tuning, readers: u64, steps: &[PlanStep], want: &Expect) {
    check_after(tuning, readers, [&KNOWN[..], steps].concat(), want);
}

#[test]
fn a_reader_in_order_keeps_its_stream_between_its_reads_for_a_time_slice() {
    let mut steps = KNOWN.to_vec();
    steps.push(ReadBy(9, 90_200, 100));
    let mut offset = 10_300;
    for _ in 0..3 {
        steps.extend([Wait(4), ReadBy(1, offset, 100), Chunk(3, offset, 100)]);
        offset += 100;
    }
    steps.extend([ReadBy(1, offset, 100), Wait(237), Chunk(3, offset, 50), Wait(1), Closed(3)]);
    check_after(
        tuning(1),
        1,
        steps,
        &expect![[r#"
            hit 90000+100: -
            hit 90100+100: -
            read 90200+100: -
            4 ms: -
            read 10300+100: -
            chunk 3 10300+100: reply 5
            4 ms: -
            read 10400+100: -
            chunk 3 10400+100: reply 6
            4 ms: -
            read 10500+100: -
            chunk 3 10500+100: reply 7
            read 10600+100: -
            237 ms: -
            chunk 3 10600+50: -
            1 ms: close 3
            closed 3: open 4 90200..90300
        "#]],
    );
}

#[test]
fn a_stream_without_reads_is_idle_after_a_pause() {
    check_known(
        tuning(1),
        1,
        &[ReadBy(9, 90_200, 100), Wait(4), Wait(1)],
        &expect![[r#"
        hit 90000+100: -
        hit 90100+100: -
        read 90200+100: -
        4 ms: -
        1 ms: close 3
    "#]],
    );
}

#[test]
fn a_brief_read_waits_for_a_part_of_a_time_slice() {
    let steps = vec![ReadBy(1, 10_300, 100), ReadBy(9, 90_000, 100), Wait(9), Wait(1), Closed(3)];
    check_after(
        tuning(1),
        1,
        steps,
        &expect![[r#"
        read 10300+100: -
        read 90000+100: -
        9 ms: -
        1 ms: close 3
        closed 3: open 4 90000..90100
    "#]],
    );
}

#[test]
fn many_bytes_end_a_time_slice() {
    check_known(
        Tuning { turn_bytes: 900, ..tuning(1) },
        1,
        &[
            ReadBy(9, 90_200, 100),
            ReadBy(1, 10_300, 900),
            Chunk(3, 10_300, 799),
            Chunk(3, 11_099, 1),
            Closed(3),
        ],
        &expect![[r#"
            hit 90000+100: -
            hit 90100+100: -
            read 90200+100: -
            read 10300+900: -
            chunk 3 10300+799: -
            chunk 3 11099+1: close 3
            closed 3: open 4 90200..90300
        "#]],
    );
}

#[test]
fn a_time_slice_grows_with_the_round_trip() {
    check_known(
        tuning(1),
        1,
        &[RoundTrips(100), ReadBy(1, 10_300, 100), ReadBy(9, 90_200, 100), Wait(799), Wait(1)],
        &expect![[r#"
            hit 90000+100: -
            hit 90100+100: -
            round trips of 100 ms: -
            read 10300+100: -
            read 90200+100: -
            799 ms: -
            1 ms: close 3
        "#]],
    );
}

#[test]
fn the_stream_that_brings_least_is_taken() {
    check_known(
        tuning(2),
        2,
        &[
            ReadBy(1, 10_300, 500),
            ReadBy(2, 20_300, 500),
            Chunk(3, 10_300, 200),
            Chunk(6, 20_300, 100),
            Wait(250),
            ReadBy(9, 90_200, 100),
            Closed(6),
        ],
        &expect![[r#"
            hit 90000+100: -
            hit 90100+100: -
            read 10300+500: -
            read 20300+500: -
            chunk 3 10300+200: -
            chunk 6 20300+100: -
            250 ms: -
            read 90200+100: close 6, close 3
            closed 6: open 7 90200..90300
        "#]],
    );
}
