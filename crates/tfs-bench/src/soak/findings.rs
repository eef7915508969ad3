//! The findings of all readers.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::task::{ReadMethod, ReaderTask, TaskOutcome};
use super::{CALL_MAX, READ_MAX};

/// How many findings of each kind are kept: the first ones are enough for an analysis.
const KEPT_MAX: usize = 20;

/// Errors that a read may return, see docs/reference/reads.md.
const READ_ERRORS: [&str; 4] = ["read EIO", "read ETIMEDOUT", "read EAGAIN", "read ESTALE"];

/// Errors that a request over WebDAV may get: a status, and bodies that break off.
const WEB_ERRORS: [&str; 6] = [
    "get EIO",
    "get ETIMEDOUT",
    "get EAGAIN",
    "get ESTALE",
    "get unexpected end of file",
    "get ECONNRESET",
];

/// Errors of calls on removed files.
const GONE_ERRORS: [&str; 2] = ["ENOENT", "ESTALE"];

/// The error of a mapping.
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
    /// Calls that exceeded their time limit.
    pub(super) hangs: Vec<String>,
    /// Errors without a reason.
    pub(super) unexpected: Vec<String>,
    /// Readers that were killed, and the longest time until one had ended.
    pub(super) killed: u64,
    pub(super) freed_worst: Duration,
}

impl Findings {
    /// Returns the sum over all methods.
    pub(super) fn all(&self) -> TaskOutcome {
        let mut all = TaskOutcome::default();
        self.by_way.values().cloned().for_each(|outcome| all.add(outcome));
        all
    }
}

impl SharedFindings {
    /// Adds the result of a task on a file of a permanent torrent, or of a guest.
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

    /// Adds a reader that did not end in time.
    pub(super) fn on_hang(&self, task: &ReaderTask, what: &str) {
        let said = format!("{} {}: {what}", task.way.name(), task.path.display());
        keep(&mut self.lock().hangs, said);
    }

    /// Adds a command that did not end in time.
    pub(super) fn on_hung_command(&self, command: &str, limit: Duration) {
        keep(&mut self.lock().hangs, format!("tfs {command} did not end in {limit:?}"));
    }

    pub(super) fn on_unexpected(&self, what: String) {
        keep(&mut self.lock().unexpected, what);
    }

    /// Adds the time until a killed reader had ended.
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

/// Prints it immediately, and keeps it if it is among the first.
fn keep(findings: &mut Vec<String>, what: String) {
    println!("soak: FOUND {what}");
    if findings.len() < KEPT_MAX {
        findings.push(what);
    }
}

fn is_allowed(way: ReadMethod, is_guest: bool, error: &str) -> bool {
    let is_of_gone = GONE_ERRORS.iter().any(|errno| error.ends_with(errno));
    if way == ReadMethod::Walk {
        // A path in a view may belong to a guest.
        return is_of_gone && !error.starts_with("view");
    }
    if matches!(way, ReadMethod::WebRanges | ReadMethod::WebWhole) {
        return WEB_ERRORS.contains(&error) || (is_guest && is_of_gone);
    }
    error == BUS_ERROR || READ_ERRORS.contains(&error) || (is_guest && is_of_gone)
}
