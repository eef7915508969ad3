//! Decides how the daemon handles its mounts: a pure state machine.
//!
//! The caller executes every [`MountAction`] and reports the result. Each [`MountAction::Start`] is
//! followed by exactly one `on_ended`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tfs_api::served_name;
use tfs_api::wire::{MissingMount, MountOutcome, ReloadedMount};
use tfs_types::Backoff;
use tokio::time::Instant;

use super::news::{PlannedCounts, ReloadReport};

/// Pauses before retries of a mount. At the first retry a transient problem has passed, and readers
/// need the mount soon. With the longest pause, a user who has repaired the cause does not wait for
/// long, and an attempt every five minutes costs little.
const RETRY_PAUSES: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(300));

/// How long a mount must run until its failures are forgotten. A mount that breaks right after its
/// start counts like one that does not start.
const TRUSTED_AFTER: Duration = Duration::from_secs(60);

/// An action for the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MountAction<S> {
    /// Start a mount.
    Start(PathBuf, S),
    /// Unmount it if it is unused. Otherwise `on_kept` follows.
    Unmount(PathBuf),
    /// End it in any case, also while it starts.
    Stop(PathBuf),
}

/// How the task of a mount ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TaskExit {
    /// It did not start, with the reason.
    NotStarted(String),
    /// It was unmounted from outside.
    Unmounted,
    /// It was lost while it ran, with the reason.
    Broken(String),
    /// It was stopped by the daemon.
    Stopped,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TaskState {
    /// Its task runs.
    Starting,
    /// Its task runs, and the mount answers.
    Up { since: Instant },
    /// Its task runs, and ends if the mount is unused.
    Leaving { since: Instant },
    /// Its task runs, and was asked to end.
    Stopping,
    /// It failed, and is retried.
    Waiting { until: Instant },
    /// A user has unmounted it.
    Unmounted,
}

#[derive(Debug)]
struct PlannedMount<S> {
    /// The configured settings; `None` if it is no longer configured.
    wanted: Option<S>,
    /// The settings of its last task.
    started: S,
    state: TaskState,
    /// Number of failures since it last ran for [`TRUSTED_AFTER`].
    failure_count: u32,
}

/// State of all mounts. `S` is the type of a mount's settings.
#[derive(Debug)]
pub(super) struct MountPlan<S> {
    entries: BTreeMap<PathBuf, PlannedMount<S>>,
    news: ReloadReport,
    is_ending: bool,
}

impl<S: Clone + PartialEq> MountPlan<S> {
    pub(super) fn new() -> Self {
        Self { entries: BTreeMap::new(), news: ReloadReport::default(), is_ending: false }
    }

    /// Applies a configuration. [`report`](Self::report) returns the results, once the plan [is
    /// settled](Self::is_settled).
    pub(super) fn set(&mut self, mut wanted: BTreeMap<PathBuf, S>) -> Vec<MountAction<S>> {
        if self.is_ending {
            return Vec::new();
        }
        self.news.clear();
        let mut actions = Vec::new();
        let paths: Vec<_> = self.entries.keys().cloned().collect();
        for path in paths {
            let spec = wanted.remove(&path);
            actions.extend(self.change(&path, spec));
        }
        for (path, spec) in wanted {
            let entry = PlannedMount {
                wanted: Some(spec.clone()),
                started: spec.clone(),
                state: TaskState::Starting,
                failure_count: 0,
            };
            self.entries.insert(path.clone(), entry);
            actions.push(MountAction::Start(path, spec));
        }
        actions
    }

    /// Changes the configured settings of a known mount.
    fn change(&mut self, path: &Path, wanted: Option<S>) -> Option<MountAction<S>> {
        let entry = self.entries.get_mut(path)?;
        entry.wanted = wanted;
        let is_same = entry.wanted.as_ref() == Some(&entry.started);
        match entry.state {
            TaskState::Starting if is_same => None,
            TaskState::Starting => {
                entry.state = TaskState::Stopping;
                Some(MountAction::Stop(path.to_owned()))
            }
            TaskState::Up { .. } if is_same => {
                self.news.record(path, MountOutcome::Unchanged, None);
                None
            }
            TaskState::Up { since } => {
                entry.state = TaskState::Leaving { since };
                Some(MountAction::Unmount(path.to_owned()))
            }
            // The next action follows in `on_ended`.
            TaskState::Leaving { .. } | TaskState::Stopping => None,
            TaskState::Waiting { .. } | TaskState::Unmounted => self.start_again(path),
        }
    }

    /// Handles a mount that answers.
    pub(super) fn on_up(&mut self, path: &Path, now: Instant) {
        let Some(entry) = self.entries.get_mut(path) else { return };
        // A mount that is being stopped may still report that it has started.
        if entry.state == TaskState::Starting {
            entry.state = TaskState::Up { since: now };
            let is_new = self.news.of(path) != Some(MountOutcome::Remounted);
            let outcome = if is_new { MountOutcome::Mounted } else { MountOutcome::Remounted };
            self.news.record(path, outcome, None);
        }
    }

    /// Handles a mount that stays because it is in use.
    pub(super) fn on_kept(&mut self, path: &Path, why: String) {
        let Some(entry) = self.entries.get_mut(path) else { return };
        if let TaskState::Leaving { since } = entry.state {
            entry.state = TaskState::Up { since };
            let is_same = entry.wanted.as_ref() == Some(&entry.started);
            let outcome = if is_same { MountOutcome::Unchanged } else { MountOutcome::Kept };
            self.news.record(path, outcome, (!is_same).then_some(why));
        }
    }

    /// Handles the end of a mount's task.
    pub(super) fn on_ended(
        &mut self,
        path: &Path,
        end: TaskExit,
        now: Instant,
    ) -> Option<MountAction<S>> {
        let entry = self.entries.get_mut(path)?;
        if self.is_ending || entry.wanted.is_none() {
            self.entries.remove(path);
            self.news.record(path, MountOutcome::Removed, None);
            return None;
        }
        if matches!(entry.state, TaskState::Leaving { .. } | TaskState::Stopping) {
            self.news.expect(path, MountOutcome::Remounted);
            return self.start_again(path);
        }
        if let TaskState::Up { since } = entry.state
            && now.saturating_duration_since(since) >= TRUSTED_AFTER
        {
            entry.failure_count = 0;
        }
        match end {
            TaskExit::NotStarted(why) | TaskExit::Broken(why) => {
                entry.failure_count = entry.failure_count.saturating_add(1);
                let pause = RETRY_PAUSES.delay(entry.failure_count);
                entry.state = TaskState::Waiting { until: now + pause };
                self.news.record(path, MountOutcome::Failed, Some(why));
            }
            TaskExit::Unmounted | TaskExit::Stopped => {
                entry.state = TaskState::Unmounted;
                self.news.record(path, MountOutcome::Unmounted, None);
            }
        }
        None
    }

    /// Starts mounts whose pause has ended.
    pub(super) fn on_time(&mut self, now: Instant) -> Vec<MountAction<S>> {
        let is_due = |entry: &PlannedMount<S>| match entry.state {
            TaskState::Waiting { until } => until <= now,
            TaskState::Starting
            | TaskState::Up { .. }
            | TaskState::Leaving { .. }
            | TaskState::Stopping
            | TaskState::Unmounted => false,
        };
        let due: Vec<_> = self.entries.iter().filter(|(_, entry)| is_due(entry)).collect();
        let due: Vec<_> = due.into_iter().map(|(path, _)| path.clone()).collect();
        due.iter().filter_map(|path| self.start_again(path)).collect()
    }

    /// Ends all mounts. No mount is started any more.
    pub(super) fn end(&mut self) -> Vec<MountAction<S>> {
        self.is_ending = true;
        self.entries.retain(|_, entry| entry.has_task());
        self.entries.values_mut().for_each(|entry| entry.state = TaskState::Stopping);
        self.entries.keys().cloned().map(MountAction::Stop).collect()
    }

    /// Starts a mount that has no task, or removes it if it is not configured.
    fn start_again(&mut self, path: &Path) -> Option<MountAction<S>> {
        let entry = self.entries.get_mut(path)?;
        let Some(wanted) = entry.wanted.clone() else {
            self.entries.remove(path);
            self.news.record(path, MountOutcome::Removed, None);
            return None;
        };
        if wanted != entry.started {
            entry.failure_count = 0;
        }
        entry.started = wanted.clone();
        entry.state = TaskState::Starting;
        Some(MountAction::Start(path.to_owned(), wanted))
    }

    /// Returns when [`on_time`](Self::on_time) must be called next.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let deadlines = self.entries.values().filter_map(|entry| match entry.state {
            TaskState::Waiting { until } => Some(until),
            TaskState::Starting
            | TaskState::Up { .. }
            | TaskState::Leaving { .. }
            | TaskState::Stopping
            | TaskState::Unmounted => None,
        });
        deadlines.min()
    }

    /// Returns whether each mount has started, failed, stayed or ended since the last
    /// configuration, so that the results are known.
    pub(super) fn is_settled(&self) -> bool {
        self.entries.values().all(PlannedMount::is_settled)
    }

    /// Returns whether no mount is left.
    pub(super) fn is_over(&self) -> bool {
        self.is_ending && self.entries.is_empty()
    }

    fn counts(&self) -> PlannedCounts {
        let is_up = |entry: &&PlannedMount<S>| {
            matches!(entry.state, TaskState::Up { .. } | TaskState::Leaving { .. })
        };
        let up = self.entries.values().filter(is_up).count();
        PlannedCounts { up, all: self.entries.len() }
    }

    /// Returns the result for each mount since the last configuration.
    pub(super) fn report(&self) -> Vec<ReloadedMount> {
        let mut mounts = self.news.mounts();
        for (path, _) in self.entries.iter().filter(|(_, entry)| !entry.is_settled()) {
            let mountpoint = path.to_string_lossy().into_owned();
            mounts.retain(|mount| mount.mountpoint != mountpoint);
            mounts.push(ReloadedMount { mountpoint, outcome: MountOutcome::Pending, why: None });
        }
        mounts.sort_by(|a, b| a.mountpoint.cmp(&b.mountpoint));
        mounts
    }

    /// Returns the configured mounts that do not exist at the moment, with the reason.
    pub(super) fn missing(&self) -> Vec<MissingMount> {
        let missing = self.entries.iter().filter_map(|(path, entry)| {
            let why = match entry.state {
                TaskState::Up { .. } | TaskState::Leaving { .. } | TaskState::Stopping => {
                    return None;
                }
                TaskState::Unmounted if served_name(path).is_some() => {
                    "it was ended; a reload serves it again".to_owned()
                }
                TaskState::Unmounted => "it was unmounted; a reload mounts it again".to_owned(),
                TaskState::Starting | TaskState::Waiting { .. } => match self.news.failure(path) {
                    Some(why) => format!("{why}; retrying"),
                    None => "it is starting".to_owned(),
                },
            };
            Some(MissingMount { mountpoint: path.to_string_lossy().into_owned(), why })
        });
        missing.collect()
    }

    /// Returns a status line for users.
    pub(super) fn status(&self) -> String {
        self.news.status(self.counts())
    }
}

impl<S> PlannedMount<S> {
    fn is_settled(&self) -> bool {
        match self.state {
            TaskState::Up { .. } | TaskState::Waiting { .. } | TaskState::Unmounted => true,
            TaskState::Starting | TaskState::Leaving { .. } | TaskState::Stopping => false,
        }
    }

    fn has_task(&self) -> bool {
        match self.state {
            TaskState::Starting
            | TaskState::Up { .. }
            | TaskState::Leaving { .. }
            | TaskState::Stopping => true,
            TaskState::Waiting { .. } | TaskState::Unmounted => false,
        }
    }
}
