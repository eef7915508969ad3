//! What is known about each file of a watch folder: a pure state machine, whose time is an
//! argument.
//!
//! ```text
//!           found            whole               dealt with
//! (unknown) ----> Fresh ---------------> sent -------------> renamed: gone
//!                   |  ^ changed           |        |
//!          unusable v  |                   |        `-> cannot be renamed: Marking, retried
//!                 Settling                 `-> server or peers missing: Failed, retried
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::held_dir::{FileStamp, FoundFile};
use super::marks::FileMark;

/// How long a file that cannot be used must stay unchanged before it is refused: browsers and
/// network copies pause for a second or two.
pub(super) const SETTLE_TIME: Duration = Duration::from_secs(5);

/// How long a file without a recognizable end must stay unchanged before it is read. qBittorrent
/// waits as long.
pub(super) const QUIET_TIME: Duration = Duration::from_secs(2);

/// First and last interval of retries of one file.
const RETRY_MIN: Duration = Duration::from_secs(30);
const RETRY_MAX: Duration = Duration::from_secs(3600);

/// Maximum number of files that are known at a time. Those that are renamed make room.
const FILES_MAX: usize = 20_000;

/// State of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum FileStage {
    /// It is examined at a time.
    Fresh { at: Instant },
    /// It was unusable, and is examined for the last time at a time.
    Settling { at: Instant },
    /// It is being sent.
    Sending,
    /// It is empty or no list of links. It is left alone until it changes.
    Ignored,
    /// It was not added, and is retried at a time.
    Failed { at: Instant, why: String },
    /// It was dealt with and could not be renamed; that is retried at a time.
    Marking { at: Instant, mark: FileMark, why: String },
}

#[derive(Debug, Clone)]
struct LedgerEntry {
    stamp: FileStamp,
    stage: FileStage,
    /// Number of failures in a row.
    failures: u32,
}

/// Something to do for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileTask {
    /// Read it, and send what it holds. `is_final`: what is unusable now is refused.
    Examine { is_final: bool },
    /// Rename it.
    Mark(FileMark),
}

/// All known files.
#[derive(Debug, Default)]
pub(super) struct FileLedger {
    files: BTreeMap<PathBuf, LedgerEntry>,
}

impl FileLedger {
    /// Takes over what a pass found. `has_end` tells whether the end of a file shows that it is
    /// whole.
    pub(super) fn update(
        &mut self,
        found: Vec<FoundFile>,
        is_complete: bool,
        now: Instant,
        has_end: impl Fn(&Path) -> bool,
    ) {
        let mut before = std::mem::take(&mut self.files);
        for FoundFile { path, stamp } in found {
            let known = before.remove(&path);
            let known = known.filter(|known| {
                // The end of the sending shows whether it was changed meanwhile.
                known.stamp == stamp || known.stage == FileStage::Sending
            });
            if known.is_none() && self.files.len() >= FILES_MAX {
                continue;
            }
            let fresh = || {
                let wait = if has_end(&path) { Duration::ZERO } else { QUIET_TIME };
                LedgerEntry { stamp, stage: FileStage::Fresh { at: now + wait }, failures: 0 }
            };
            let known = known.unwrap_or_else(fresh);
            self.files.insert(path, known);
        }
        // What is being sent reports its end.
        before.retain(|_, file| !is_complete || file.stage == FileStage::Sending);
        self.files.append(&mut before);
    }

    /// Returns what is due, at most `count_max` files. Only those that `may_examine` accepts are
    /// examined.
    pub(super) fn due(
        &self,
        now: Instant,
        count_max: usize,
        may_examine: impl Fn(&Path) -> bool,
    ) -> Vec<(PathBuf, FileTask)> {
        let due = self.files.iter().filter_map(|(path, file)| {
            let task = match &file.stage {
                FileStage::Fresh { at } if *at <= now => FileTask::Examine { is_final: false },
                FileStage::Failed { at, .. } if *at <= now => FileTask::Examine { is_final: false },
                FileStage::Settling { at } if *at <= now => FileTask::Examine { is_final: true },
                FileStage::Marking { at, mark, .. } if *at <= now => FileTask::Mark(mark.clone()),
                FileStage::Fresh { .. }
                | FileStage::Failed { .. }
                | FileStage::Settling { .. }
                | FileStage::Marking { .. }
                | FileStage::Sending
                | FileStage::Ignored => return None,
            };
            let is_possible = matches!(task, FileTask::Mark(_)) || may_examine(path);
            is_possible.then(|| (path.clone(), task))
        });
        due.take(count_max).collect()
    }

    /// Returns when the next file is due, with the same `may_examine`.
    pub(super) fn next_deadline(&self, may_examine: impl Fn(&Path) -> bool) -> Option<Instant> {
        let deadlines = self.files.iter().filter_map(|(path, file)| match &file.stage {
            FileStage::Fresh { at } | FileStage::Settling { at } | FileStage::Failed { at, .. } => {
                may_examine(path).then_some(*at)
            }
            FileStage::Marking { at, .. } => Some(*at),
            FileStage::Sending | FileStage::Ignored => None,
        });
        deadlines.min()
    }

    /// Records that a file is unusable for now.
    pub(super) fn on_unusable(&mut self, path: &Path, now: Instant) {
        self.set(path, FileStage::Settling { at: now + SETTLE_TIME });
    }

    /// Records that a file is left alone until it changes.
    pub(super) fn on_ignored(&mut self, path: &Path) {
        self.set(path, FileStage::Ignored);
    }

    /// Records that a file is being sent, with the stamp of the bytes that were read.
    pub(super) fn on_sending(&mut self, path: &Path, stamp: FileStamp) {
        if let Some(file) = self.files.get_mut(path) {
            file.stamp = stamp;
            file.stage = FileStage::Sending;
        }
    }

    /// Returns the stamp of a file.
    pub(super) fn stamp(&self, path: &Path) -> Option<FileStamp> {
        self.files.get(path).map(|file| file.stamp)
    }

    /// Records that a file was not added, and is retried.
    pub(super) fn on_failed(&mut self, path: &Path, why: String, now: Instant) {
        self.fail(path, now, |at| FileStage::Failed { at, why });
    }

    /// Records that a file was not sent, since the server cannot be used: it is due again at once.
    pub(super) fn on_not_sent(&mut self, path: &Path, now: Instant) {
        self.set(path, FileStage::Fresh { at: now });
    }

    /// Records that a file could not be renamed.
    pub(super) fn on_not_marked(&mut self, path: &Path, mark: FileMark, why: String, now: Instant) {
        self.fail(path, now, |at| FileStage::Marking { at, mark, why });
    }

    /// Forgets a file: it was renamed, is gone, or was changed.
    pub(super) fn remove(&mut self, path: &Path) {
        self.files.remove(path);
    }

    /// Forgets all files: the folder is another one.
    pub(super) fn clear(&mut self) {
        self.files.clear();
    }

    /// Returns how many files are not dealt with.
    pub(super) fn waiting_count(&self) -> usize {
        self.files.values().filter(|file| file.stage != FileStage::Ignored).count()
    }

    /// Returns how often a file has failed in a row.
    pub(super) fn failure_count(&self, path: &Path) -> u32 {
        self.files.get(path).map_or(0, |file| file.failures)
    }

    /// Returns the files that have failed, with the reasons.
    pub(super) fn failed(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.files.iter().filter_map(|(path, file)| match &file.stage {
            FileStage::Failed { why, .. } | FileStage::Marking { why, .. } => {
                Some((path.as_path(), why.as_str()))
            }
            FileStage::Fresh { .. }
            | FileStage::Settling { .. }
            | FileStage::Sending
            | FileStage::Ignored => None,
        })
    }

    fn set(&mut self, path: &Path, stage: FileStage) {
        if let Some(file) = self.files.get_mut(path) {
            file.stage = stage;
        }
    }

    fn fail(&mut self, path: &Path, now: Instant, stage: impl FnOnce(Instant) -> FileStage) {
        if let Some(file) = self.files.get_mut(path) {
            let factor = 2_u32.saturating_pow(file.failures.min(16));
            let wait = RETRY_MIN.saturating_mul(factor).min(RETRY_MAX);
            file.failures = file.failures.saturating_add(1);
            file.stage = stage(now + wait);
        }
    }
}
