//! A process that reads as it is told: it can be killed at any time, and a mapping that fails
//! (SIGBUS) ends nobody else.

mod brief;
mod mapped;
mod plain;
mod sent;
mod walk;

use std::fs::File;
use std::io::{self, BufRead as _};
use std::time::{Duration, Instant};

use rustix::fs::{Advice, fadvise};
use tfs_testkit::random::Random;

use super::order::{Order, Outcome, Way};

/// What comes first among the arguments of such a process.
pub(crate) const MARK: &str = "--soak-reader";

/// How long an order goes on; a call that is under way then is waited for.
pub(crate) const ORDER_MAX: Duration = Duration::from_secs(10);

/// After so many errors the file is given up.
const ERRORS_MAX: u64 = 3;

/// How many of a hundred orders begin with pages that the kernel has to ask for anew.
const COLD_PERCENT: u64 = 70;

/// Does what it reads from standard input, until nobody writes there any more.
pub(crate) fn run() {
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        println!("{}", obey(&Order::parse(&line)).to_line());
    }
}

fn obey(order: &Order) -> Outcome {
    let mut job = Job {
        order: order.clone(),
        random: Random::new(order.seed),
        outcome: Outcome::default(),
        start: Instant::now(),
    };
    match order.way {
        Way::Sequential => plain::sequential(&mut job),
        Way::Random => plain::random(&mut job),
        Way::Direct => plain::direct(&mut job),
        Way::Shared => plain::shared(&mut job),
        Way::Mapped => mapped::run(&mut job),
        Way::Sent => sent::run(&mut job),
        Way::Brief => brief::run(&mut job),
        Way::Walk => walk::run(&mut job),
    }
    job.outcome
}

/// An order that is being obeyed.
struct Job {
    order: Order,
    random: Random,
    outcome: Outcome,
    start: Instant,
}

impl Job {
    /// Opens the file.
    fn open(&mut self) -> Option<File> {
        let path = self.order.path.clone();
        let file = self.outcome.timed("open", || File::open(path))?;
        if self.random.chance(COLD_PERCENT) {
            // A hint: what cannot be dropped is read from the cache, and is to be right as well.
            _ = fadvise(&file, 0, None, Advice::DontNeed);
        }
        Some(file)
    }

    /// Returns whether there is time for more.
    fn goes_on(&self) -> bool {
        self.start.elapsed() < ORDER_MAX && self.outcome.error_count() < ERRORS_MAX
    }

    /// Returns an offset in the file; sometimes its last bytes.
    fn offset(&mut self) -> u64 {
        let len = self.order.content.len();
        if self.random.chance(10) {
            return len.saturating_sub(self.random.range(0, 5000));
        }
        self.random.range(0, len)
    }

    /// Returns a length up to `max`.
    fn len(&mut self, max: u64) -> usize {
        usize::try_from(self.random.range(1, max)).unwrap()
    }
}
