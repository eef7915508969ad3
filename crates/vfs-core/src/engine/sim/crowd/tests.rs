//! What many readers get, compared with as many as there are permits.

use std::fmt::Write as _;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::super::number;
use super::super::random::SimRandom;
use super::{CrowdOutcome, FILE_BYTES, Habit, KIB, SimLine, run};

/// The number of seeds of [`every_reader_gets_its_turn`].
const SEEDS: u64 = 30;

/// The streams of a mount.
const PERMITS: usize = 4;

/// A gigabit a second.
const LINE_BPS: u64 = 110 * 1024 * KIB / 64;

/// As fast as loopback.
const LOOPBACK_BPS: u64 = 2000 * 1024 * KIB / 64;

const ORDER: Habit = Habit::Order { file_bytes: FILE_BYTES };

const FILM: Habit = Habit::Film { interval: Duration::from_millis(20) };

fn line(micros: u64) -> SimLine {
    let bytes_per_second = if micros < 5000 { LOOPBACK_BPS } else { LINE_BPS };
    SimLine { round_trip: Duration::from_micros(micros), bytes_per_second }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[track_caller]
fn check(micros: u64, rows: &[(&str, Vec<Habit>)], want: &Expect) {
    let mut text = String::new();
    let base = run(line(micros), PERMITS, &[ORDER; PERMITS], 1).speed();
    for (name, habits) in rows {
        let outcome = run(line(micros), PERMITS, habits, 1);
        let CrowdOutcome { order, random, film, opens, bytes_fetched, .. } = &outcome;
        let speed = outcome.speed() / base;
        let per_file = *opens as f64 / (*bytes_fetched as f64 / FILE_BYTES as f64);
        write!(text, "{name}: {speed:.2} of four, {per_file:.1} streams a file").unwrap();
        for (what, waits) in [("order", order), ("random", random), ("film", film)] {
            if !waits.times.is_empty() {
                let (mean, longest) = (ms(waits.mean()), ms(waits.longest()));
                write!(text, ", {what} {mean:.1} at most {longest:.0} ms").unwrap();
            }
        }
        text.push('\n');
    }
    want.assert_eq(&text);
}

/// Readers beside four in order.
fn four_and(habit: Habit, count: usize) -> Vec<Habit> {
    [&[ORDER; PERMITS][..], &vec![habit; count]].concat()
}

fn rows() -> Vec<(&'static str, Vec<Habit>)> {
    let small = Habit::Order { file_bytes: 64 * KIB };
    vec![
        ("6 in order", vec![ORDER; 6]),
        ("16 in order", vec![ORDER; 16]),
        ("4 and a random one", four_and(Habit::Random, 1)),
        ("4 and 8 random ones", four_and(Habit::Random, 8)),
        ("4 and a film", four_and(FILM, 1)),
        ("50 small files", vec![small; 50]),
    ]
}

#[test]
fn many_readers_on_loopback() {
    check(
        500,
        &rows(),
        &expect![[r#"
            6 in order: 1.00 of four, 5.5 streams a file, order 1.2 at most 26 ms
            16 in order: 1.00 of four, 5.5 streams a file, order 3.5 at most 99 ms
            4 and a random one: 0.90 of four, 26.0 streams a file, order 0.9 at most 3 ms, random 2.5 at most 7 ms
            4 and 8 random ones: 0.81 of four, 51.6 streams a file, order 1.1 at most 9 ms, random 6.3 at most 11 ms
            4 and a film: 0.98 of four, 6.7 streams a file, order 0.8 at most 8 ms, film 1.1 at most 1 ms
            50 small files: 1.00 of four, 33.0 streams a file, order 7.0 at most 62 ms
        "#]],
    );
}

#[test]
fn many_readers_over_20_ms() {
    check(
        20_000,
        &rows(),
        &expect![[r#"
            6 in order: 0.98 of four, 14.3 streams a file, order 27.5 at most 309 ms
            16 in order: 0.99 of four, 14.1 streams a file, order 73.0 at most 712 ms
            4 and a random one: 0.86 of four, 26.5 streams a file, order 21.1 at most 75 ms, random 51.9 at most 202 ms
            4 and 8 random ones: 0.79 of four, 43.7 streams a file, order 22.8 at most 204 ms, random 161.0 at most 235 ms
            4 and a film: 0.86 of four, 16.5 streams a file, order 21.0 at most 90 ms, film 70.3 at most 218 ms
            50 small files: 0.92 of four, 33.0 streams a file, order 158.4 at most 1521 ms
        "#]],
    );
}

#[test]
fn many_readers_over_100_ms() {
    check(
        100_000,
        &rows(),
        &expect![[r#"
            6 in order: 0.91 of four, 5.3 streams a file, order 30.3 at most 1019 ms
            16 in order: 0.96 of four, 5.2 streams a file, order 76.3 at most 4736 ms
            4 and a random one: 0.77 of four, 14.4 streams a file, order 24.8 at most 254 ms, random 127.3 at most 452 ms
            4 and 8 random ones: 0.67 of four, 22.9 streams a file, order 27.7 at most 532 ms, random 422.0 at most 565 ms
            4 and a film: 0.88 of four, 5.2 streams a file, order 20.2 at most 720 ms, film 401.5 at most 812 ms
            50 small files: 0.53 of four, 33.0 streams a file, order 330.0 at most 2206 ms
        "#]],
    );
}

/// Each reader waits for a time slice of each of the others at most, divided by the permits, and a
/// brief read for the part of these that it may be kept waiting.
#[test]
fn every_reader_gets_its_turn() {
    let one = number("TFS_SIM_SEED");
    for seed in one.map_or(0..SEEDS, |seed| seed..seed + 1) {
        let mut random = SimRandom::new(seed);
        let permits = usize::try_from(random.range(1, 5)).unwrap();
        let shape = line(random.range(100, 150_000));
        let count = random.range(1, 20);
        let habits: Vec<_> = (0..count)
            .map(|_| match random.range(0, 9) {
                0 => Habit::Random,
                1 => FILM,
                _ => Habit::Order { file_bytes: random.range(1, 256) * KIB },
            })
            .collect();
        let outcome = run(shape, permits, &habits, seed);
        let rounds = u32::try_from(habits.len().div_ceil(permits)).unwrap();
        // To open a stream, to close it, and to get the first bytes of all.
        let change = shape.round_trip * 3 + Duration::from_millis(30);
        let turn_min = (shape.round_trip * 8).min(Duration::from_millis(1500));
        let turn = turn_min.max(Duration::from_millis(250));
        let brief = turn_min.clamp(Duration::from_millis(10), Duration::from_millis(250));
        for (name, waits, turn) in [
            ("order", &outcome.order, turn),
            ("film", &outcome.film, turn),
            ("random", &outcome.random, brief),
        ] {
            let longest = waits.longest();
            let limit = (turn + change) * rounds + change;
            assert!(longest <= limit, "seed {seed}: {name} {longest:?} of {limit:?}, {habits:?}");
        }
    }
}
