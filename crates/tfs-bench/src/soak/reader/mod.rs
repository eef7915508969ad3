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

use super::task::{ReadMethod, ReaderTask, TaskOutcome};

/// What comes first among the arguments of such a process.
pub(crate) const MARK: &str = "--soak-reader";

/// How long a task goes on; a call that is under way then is waited for.
pub(crate) const TASK_MAX: Duration = Duration::from_secs(10);

/// After so many errors the file is given up.
const ERRORS_MAX: u64 = 3;

/// How many of a hundred tasks begin with pages that the kernel has to ask for anew.
const COLD_PERCENT: u64 = 70;

/// Does what it reads from standard input, until nobody writes there any more.
pub(crate) fn run() {
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        println!("{}", execute(&ReaderTask::parse(&line)).to_line());
    }
}

fn execute(task: &ReaderTask) -> TaskOutcome {
    let mut running = RunningTask {
        task: task.clone(),
        random: Random::new(task.seed),
        outcome: TaskOutcome::default(),
        start: Instant::now(),
    };
    match task.way {
        ReadMethod::Sequential => plain::sequential(&mut running),
        ReadMethod::Random => plain::random(&mut running),
        ReadMethod::Direct => plain::direct(&mut running),
        ReadMethod::Shared => plain::shared(&mut running),
        ReadMethod::Mapped => mapped::run(&mut running),
        ReadMethod::Sent => sent::run(&mut running),
        ReadMethod::Brief => brief::run(&mut running),
        ReadMethod::Walk => walk::run(&mut running),
    }
    running.outcome
}

/// A task that is being executed.
struct RunningTask {
    task: ReaderTask,
    random: Random,
    outcome: TaskOutcome,
    start: Instant,
}

impl RunningTask {
    /// Opens the file.
    fn open(&mut self) -> Option<File> {
        let path = self.task.path.clone();
        let file = self.outcome.timed("open", || File::open(path))?;
        if self.random.chance(COLD_PERCENT) {
            // A hint: what cannot be dropped is read from the cache, and is to be right as well.
            _ = fadvise(&file, 0, None, Advice::DontNeed);
        }
        Some(file)
    }

    /// Returns whether there is time for more.
    fn goes_on(&self) -> bool {
        self.start.elapsed() < TASK_MAX && self.outcome.error_count() < ERRORS_MAX
    }

    /// Returns an offset in the file; sometimes its last bytes.
    fn offset(&mut self) -> u64 {
        let len = self.task.content.len();
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
