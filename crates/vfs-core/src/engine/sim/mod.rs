//! Seeded simulation in virtual time: many readers against a faulty server.
//!
//! Every invariant of [`engine`](super) is checked after every event. A failure prints its seed.
//! `TFS_SIM_SEED=n` runs only seed `n`; `TFS_SIM_SEEDS=n` runs `n` seeds.

mod crowd;
mod download;
mod peers;
mod random;
mod run;
mod server;
mod shared;
mod summary;
mod world;

/// The default number of seeds in a test run.
const SEEDS: u64 = 10_000;

/// The same for the simulation with several plans, whose runs take three times as long.
const SEEDS_SHARED: u64 = 500;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn no_invariant_is_ever_broken() {
    let total = run_all(SEEDS, run::run);
    // A simulation without all kinds of events tests nothing.
    assert!(total.is_none_or(|total| total.has_all()));
}

/// Two to four plans on one budget, like mounts of one server in one or several processes.
#[test]
fn no_invariant_is_ever_broken_by_mounts_that_share_a_server() {
    let total = run_all(SEEDS_SHARED, shared::run);
    assert!(total.is_none_or(|total| total.has_all() && total.recalls > 0 && total.lowered > 0));
}

/// Runs seeds on all processors, and returns their summary; `None` if only one was requested.
fn run_all(seeds: u64, run: fn(u64) -> summary::Summary) -> Option<summary::Summary> {
    if let Some(seed) = number("TFS_SIM_SEED") {
        println!("seed {seed}: {:?}", run(seed));
        return None;
    }
    let seeds = number("TFS_SIM_SEEDS").unwrap_or(seeds);
    let thread_count = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let threads: Vec<_> = (0..thread_count)
        .map(|thread| {
            std::thread::spawn(move || {
                let seeds = (0..seeds).skip(usize::try_from(thread).unwrap());
                let mut total = summary::Summary::default();
                for seed in seeds.step_by(usize::try_from(thread_count).unwrap()) {
                    let result = std::panic::catch_unwind(|| run(seed));
                    let Ok(summary) = result else { panic!("seed {seed} broke an invariant") };
                    total.add(&summary);
                }
                total
            })
        })
        .collect();
    let mut total = summary::Summary::default();
    for thread in threads {
        total.add(&thread.join().unwrap());
    }
    println!("{seeds} seeds: {total:?}");
    println!("{} bytes a stream", total.bytes_fetched / total.opens.max(1));
    Some(total)
}
