//! Signals: which programs are released at once, and whose reads continue.

mod cases;
mod program;
mod stage;

use std::time::Duration;

use rustix::process::Signal;
use tfs_testkit::fake::file_id;
use tfs_testkit::skip;

use self::cases::CASES;
use self::program::Program;
use self::stage::InterruptStage;
use crate::support::{CALL_TIME_MAX, eventually, run, run_long};

/// Number of measurements of each case.
const ROUNDS: usize = 3;

#[test]
fn who_wants_to_end_is_free_at_once() {
    let test = tfs_testkit::test_name!();
    run_long(test, |dir| {
        let mut stage = InterruptStage::new(dir, CASES.len() * ROUNDS);
        println!(
            "| reader | signal | ends with | free after, ms (median, max) |\n|---|---|---|---|"
        );
        for (name, program, wait, signal, want) in CASES {
            if !program.can_run() {
                skip::for_lack_of("Python", test);
                continue;
            }
            let mut times = Vec::new();
            for _ in 0..ROUNDS {
                let (end, took) = stage.waiting(*program, *wait).end_by(*signal);
                assert_eq!(end.to_string(), *want, "{name} {signal:?}");
                assert!(took < CALL_TIME_MAX, "{name} {signal:?} took {took:?}");
                times.push(took);
            }
            times.sort_unstable();
            let ms = |time: Duration| time.as_millis();
            let (median, max) = (ms(times[ROUNDS / 2]), ms(times[ROUNDS - 1]));
            println!("| {name} | {signal:?} | {want} | {median}, {max} |");
        }
        // No stream is left: the reads were cancelled.
        eventually("all streams are closed", || stage.fixture.source.fake.open_now() == 0);
        stage.fixture.finish(stage.mount);
    });
}

/// Programs whose reads continue: the signals they get while they read, and their output.
const UNHARMED: &[(&str, &str, &[Signal])] = &[
    ("is stopped and continued", "print(said(read))", &[Signal::STOP, Signal::CONT]),
    ("has a timer", "on(signal.SIGALRM); tick(0.05); got = said(read); tick(0); print(got)", &[]),
    (
        "has a timer without restarts, and no retries",
        "on(signal.SIGALRM); tick(0.05); got = read_once(); tick(0); print(got)",
        &[],
    ),
    ("handles another signal", "on(signal.SIGUSR1); print(read_once())", &[Signal::USR1]),
    ("has a child that ends", "on(signal.SIGCHLD); print(read_once())", &[Signal::CHILD]),
    (
        "ignores it",
        "signal.signal(signal.SIGINT, signal.SIG_IGN); print(read_once())",
        &[Signal::INT],
    ),
    (
        "blocks it",
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); print(read_once())",
        &[Signal::TERM],
    ),
    (
        "waits in another thread than the one that handles it",
        "
on(signal.SIGINT)
reader = threading.Thread(target=lambda: print(said(read), flush=True))
reader.start()
reader.join()",
        &[Signal::INT],
    ),
];

#[test]
fn who_does_not_want_to_end_gets_its_bytes() {
    let test = tfs_testkit::test_name!();
    run(test, |dir| {
        // Three more each for the witnesses that show that the threads were polled.
        let mut stage = InterruptStage::new(dir, UNHARMED.len() * 4);
        for (name, text, signals) in UNHARMED {
            let program = Program::Python(text);
            if !program.can_run() {
                skip::for_lack_of("Python", test);
                continue;
            }
            let (index, path) = stage.held_file();
            let running = program.start(&path);
            stage.until_opened(index, |_| true);
            for signal in *signals {
                running.send(*signal);
                stage.until_looked();
            }
            stage.until_looked();
            stage.fixture.source.fake.let_go(file_id(1, index));
            assert_eq!(running.end().to_string(), "exit 0, 4096", "{name}");
        }
        stage.fixture.finish(stage.mount);
    });
}
