//! A process that reads as instructed. It can be killed at any time, and a mapping that fails
//! (SIGBUS) ends only this process.

mod brief;
mod mapped;
mod nfs;
mod plain;
mod sent;
mod walk;
mod web;

use std::fs::File;
use std::io::{self, BufRead as _};
use std::time::{Duration, Instant};

use rustix::fs::{Advice, fadvise};
use tfs_testkit::random::Random;

use super::task::{ReadMethod, ReaderTask, TaskOutcome};

/// The first argument of such a process.
pub(crate) const MARK: &str = "--soak-reader";

/// How long a task runs; a pending call is then awaited.
pub(crate) const TASK_MAX: Duration = Duration::from_secs(10);

/// The number of errors after which the file is abandoned.
const ERRORS_MAX: u64 = 3;

/// The percentage of tasks that begin with a dropped page cache.
const COLD_PERCENT: u64 = 70;

/// Executes the tasks on standard input, until it is closed.
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
        ReadMethod::WebRanges => web::ranges(&mut running),
        ReadMethod::WebWhole => web::whole(&mut running),
        ReadMethod::Nfs => nfs::run(&mut running),
    }
    running.outcome
}

/// A running task.
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
            // This is only a hint: pages that cannot be dropped are read from the cache, and must
            // be right as well.
            _ = fadvise(&file, 0, None, Advice::DontNeed);
        }
        Some(file)
    }

    /// Returns whether the task may continue.
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
