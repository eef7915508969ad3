//! What readers found, all together.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::task::{ReadMethod, ReaderTask, TaskOutcome};
use super::{CALL_MAX, READ_MAX};

/// What is kept of each kind of finding: whoever has to look into it needs the first ones.
const KEPT_MAX: usize = 20;

/// Errors that a read may end with, see docs/reading.md.
const READ_ERRORS: [&str; 4] = ["read EIO", "read ETIMEDOUT", "read EAGAIN", "read ESTALE"];

/// Errors of calls on what has gone meanwhile.
const GONE_ERRORS: [&str; 2] = ["ENOENT", "ESTALE"];

/// What a mapping shows in place of an error.
pub(super) const BUS_ERROR: &str = "read SIGBUS";

/// The findings so far.
#[derive(Debug, Default)]
pub(super) struct SharedFindings {
    inner: Mutex<Findings>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Findings {
    pub(super) by_way: BTreeMap<ReadMethod, TaskOutcome>,
    /// Bytes that are not those of the file.
    pub(super) wrong: Vec<String>,
    /// Calls that took longer than they may.
    pub(super) hangs: Vec<String>,
    /// Errors that there is no reason for.
    pub(super) unexpected: Vec<String>,
    /// Readers that were killed, and the longest that it took until one was gone.
    pub(super) killed: u64,
    pub(super) freed_worst: Duration,
}

impl Findings {
    /// Returns all ways together.
    pub(super) fn all(&self) -> TaskOutcome {
        let mut all = TaskOutcome::default();
        self.by_way.values().cloned().for_each(|outcome| all.add(outcome));
        all
    }
}

impl SharedFindings {
    /// Takes in what came of a task on a file of a torrent that stays, or of a guest.
    pub(super) fn on_outcome(&self, task: &ReaderTask, is_guest: bool, outcome: TaskOutcome) {
        let limit = if task.way == ReadMethod::Walk { CALL_MAX } else { READ_MAX };
        let said = |what: &str| {
            format!("{} {} (seed {}): {what}", task.way.name(), task.path.display(), task.seed)
        };
        let mut findings = self.lock();
        if outcome.worst > limit {
            keep(&mut findings.hangs, said(&format!("a call took {:?}", outcome.worst)));
        }
        for wrong in &outcome.wrong {
            keep(&mut findings.wrong, said(wrong));
        }
        for error in outcome.errors.keys() {
            if !is_allowed(task.way, is_guest, error) {
                keep(&mut findings.unexpected, said(error));
            }
        }
        findings.by_way.entry(task.way).or_default().add(outcome);
    }

    /// Takes in that a reader did not end in time.
    pub(super) fn on_hang(&self, task: &ReaderTask, what: &str) {
        let said = format!("{} {}: {what}", task.way.name(), task.path.display());
        keep(&mut self.lock().hangs, said);
    }

    /// Takes in that a command did not end in time.
    pub(super) fn on_hung_command(&self, command: &str, limit: Duration) {
        keep(&mut self.lock().hangs, format!("tfs {command} did not end in {limit:?}"));
    }

    pub(super) fn on_unexpected(&self, what: String) {
        keep(&mut self.lock().unexpected, what);
    }

    /// Takes in how long it took until a reader that was killed was gone.
    pub(super) fn on_killed(&self, freed: Duration) {
        let mut findings = self.lock();
        findings.killed += 1;
        findings.freed_worst = findings.freed_worst.max(freed);
    }

    pub(super) fn snapshot(&self) -> Findings {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Findings> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says it at once, and keeps it if it is among the first.
fn keep(findings: &mut Vec<String>, what: String) {
    println!("soak: FOUND {what}");
    if findings.len() < KEPT_MAX {
        findings.push(what);
    }
}

fn is_allowed(way: ReadMethod, is_guest: bool, error: &str) -> bool {
    let is_of_gone = GONE_ERRORS.iter().any(|errno| error.ends_with(errno));
    if way == ReadMethod::Walk {
        // What it comes by may be a guest's.
        return is_of_gone && !error.starts_with("view");
    }
    error == BUS_ERROR || READ_ERRORS.contains(&error) || (is_guest && is_of_gone)
}
