//! Seeded simulation in virtual time: many readers against a server that does what it likes.
//!
//! Every invariant of [`engine`](super) is checked after every event. A failure prints its seed;
//! `TFS_SIM_SEED=n` runs that one alone, `TFS_SIM_SEEDS=n` that many.

mod random;
mod run;
mod server;
mod summary;
mod world;

/// How many seeds a usual run of the tests tries.
const SEEDS: u64 = 10_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn no_invariant_is_ever_broken() {
    if let Some(seed) = number("TFS_SIM_SEED") {
        println!("seed {seed}: {:?}", run::run(seed));
        return;
    }
    let seeds = number("TFS_SIM_SEEDS").unwrap_or(SEEDS);
    let thread_count = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let threads: Vec<_> = (0..thread_count)
        .map(|thread| {
            std::thread::spawn(move || {
                let seeds = (0..seeds).skip(usize::try_from(thread).unwrap());
                let mut total = summary::Summary::default();
                for seed in seeds.step_by(usize::try_from(thread_count).unwrap()) {
                    let result = std::panic::catch_unwind(|| run::run(seed));
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
    // A simulation in which nothing happens proves nothing.
    assert!(total.has_all(), "{total:?}");
}
