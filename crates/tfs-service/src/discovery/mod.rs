//! Discovery: keeps the tree of a filesystem equal to the lists of its servers. Each server has a
//! discovery of its own, so that none waits for another.
//!
//! ```text
//! list --absence: which torrents count as removed--> wanted: listed and not in the tree
//!   wanted --details queue: one small request each--> tree, when each torrent was tried once
//!     tree without metadata --metadata queue: .torrent files--> tree corrected
//! ```
//!
//! Results are persisted in the state directory at once. One task owns all state ([`Discovery`]).

mod absence;
mod details;
#[cfg(test)]
mod event_tests;
mod finished;
#[cfg(test)]
mod idle_tests;
mod listing;
mod metadata;
mod pace;
mod poll;
mod report;
mod restore;
mod retry_timer;
mod root_cause;
mod selection;
#[cfg(test)]
mod selection_tests;
mod tell;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tfs_state::{Absences, StateRecorder, WriteTimes};
use tfs_sys::clock::now;
use tfs_sys::memory;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use vfs_core::{
    Changes, InfoHash, ListAnswer, LookWatcher, ServerId, SourceError, SourceErrorKind,
    TorrentDetails, TorrentSource, TorrentState, TorrentSummary, Vfs,
};

use self::absence::AbsenceTracker;
pub(crate) use self::details::DetailsProgress;
use self::details::DetailsQueue;
use self::metadata::MetadataQueue;
pub use self::pace::PollIntervals;
pub(crate) use self::poll::PollRequest;
pub use self::poll::{RefreshError, Refresher};
pub(crate) use self::root_cause::with_root_cause;
use self::selection::SelectionTracker;
use crate::events::ServerEvents;
use crate::status::ServerWatch;

/// Interval at which download progress is persisted. It is only used by `du` while the server is
/// down, and written at the end of a mount anyway. So a crash loses at most five minutes of it.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(300);

/// How long a poll waits for the details of new torrents. Later ones are shown when they arrive.
const DETAILS_TIME_MAX: Duration = Duration::from_secs(10);

/// How long details or metadata wait for others before the tree takes them together.
const COALESCE_TIME: Duration = Duration::from_millis(300);

/// How much longer metadata waits for each torrent in the tree: a correction replaces the list of
/// names that searches use, which takes 0.2 µs for each. So corrections use at most 1 % of a
/// processor, and metadata of 100,000 torrents shows after three seconds.
const CORRECTION_TIME: Duration = Duration::from_micros(30);

/// Minimum interval of probes of a server while no request is answered.
const PROBE_INTERVAL: Duration = Duration::from_secs(2);

/// Default time for which a torrent stays listed that a restarted server lacks.
pub const REMOVAL_DELAY_DEFAULT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Options of a poll.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PollOptions {
    /// Retry torrents that failed a moment ago: the user waits for the result.
    pub(crate) is_urgent: bool,
    /// All torrents missing from the listing count as removed.
    pub(crate) accepts_removals: bool,
    /// Torrents that tfs itself removed from the server.
    pub(crate) removed_by_tfs: Vec<InfoHash>,
}

/// State of the discovery of a server.
#[derive(Debug)]
pub(crate) struct Discovery<S> {
    vfs: Arc<Vfs<S>>,
    server: ServerId,
    /// Writes to the state directory; `None` if there is no state.
    recorder: Option<StateRecorder>,
    removal_delay: Duration,
    details: DetailsQueue,
    metadata: MetadataQueue,
    selections: SelectionTracker,
    absence: AbsenceTracker,
    /// The persisted part of `absence`.
    absences_kept: Absences,
    /// Torrents in state `error` in the last list, in the order in which they were added.
    failed: BTreeSet<(u64, InfoHash)>,
    /// Whether the last listing was processed, so that changes of it suffice.
    has_listing: bool,
    /// Whether the first poll was put off.
    is_poll_due: bool,
    /// Whether the last listing had changes.
    has_moved: bool,
    looks: LookWatcher,
    /// The last listing, until the details of all its torrents were tried: the first tree must be
    /// complete.
    first_listing: Option<Vec<TorrentSummary>>,
    /// Details from the state directory whose torrents are not shown yet; used by the first poll.
    early: Vec<TorrentDetails>,
    /// Metadata that the tree has not taken yet.
    completed: Vec<TorrentDetails>,
    /// When the tree takes pending results, if there are any.
    take_at: Option<Instant>,
    /// Changes since the start of the last poll.
    changes: Changes,
    /// Whether the last request for the list succeeded.
    is_listed: bool,
    /// When the uptime of the server was last requested.
    run_asked_at: Option<Instant>,
    /// When the server was last probed because no request was answered.
    probed_at: Option<Instant>,
    /// Whether the state directory records that there was a listing, even an empty one.
    is_recorded: bool,
    progress_recorded_at: Option<Instant>,
    reported_at: Option<Instant>,
    /// Receives the state of the server.
    watch: ServerWatch,
    /// Notified when torrents were added.
    added: Arc<Notify>,
    /// Receives what changes.
    events: ServerEvents,
}

impl<S: TorrentSource> Discovery<S> {
    /// Returns the discovery of the first server.
    pub(crate) fn new(vfs: Arc<Vfs<S>>, recorder: Option<StateRecorder>) -> Self {
        Self {
            looks: vfs.watch_looks(),
            vfs,
            server: ServerId::FIRST,
            recorder,
            removal_delay: REMOVAL_DELAY_DEFAULT,
            details: DetailsQueue::default(),
            metadata: MetadataQueue::default(),
            selections: SelectionTracker::default(),
            absence: AbsenceTracker::default(),
            absences_kept: Absences::default(),
            failed: BTreeSet::new(),
            has_listing: false,
            is_poll_due: false,
            has_moved: false,
            first_listing: None,
            early: Vec::new(),
            completed: Vec::new(),
            take_at: None,
            changes: Changes::default(),
            is_listed: false,
            run_asked_at: None,
            probed_at: None,
            is_recorded: false,
            progress_recorded_at: None,
            reported_at: None,
            watch: ServerWatch::default(),
            added: Arc::default(),
            events: ServerEvents::default(),
        }
    }

    /// Sets the server.
    pub(crate) fn of_server(self, server: ServerId) -> Self {
        Self { server, ..self }
    }

    /// Sets the watch that receives whether the source answers.
    pub(crate) fn watched_by(mut self, watch: ServerWatch) -> Self {
        self.watch = watch;
        self
    }

    /// Sets the notification for added torrents.
    pub(crate) fn telling(self, added: Arc<Notify>) -> Self {
        Self { added, ..self }
    }

    /// Sets the receiver of events.
    pub(crate) fn with_events(self, events: ServerEvents) -> Self {
        Self { events, ..self }
    }

    /// Sets how long torrents are kept that a restarted server lacks.
    pub(crate) fn with_removal_delay(self, removal_delay: Duration) -> Self {
        Self { removal_delay, ..self }
    }

    /// Returns the progress of requesting details, while there is no tree yet.
    pub(crate) fn details_progress(&self) -> Option<DetailsProgress> {
        self.first_listing.is_some().then(|| self.details.progress())
    }

    /// Polls the server once and updates the tree.
    ///
    /// A torrent without details is skipped and retried later. A torrent that is missing from the
    /// listing is kept while that may be a mistake, see [`absence`].
    ///
    /// # Errors
    /// If the list cannot be fetched; the tree stays unchanged. If there was no tree, and the
    /// details of some torrents were not tried within ten seconds or none arrived; those that
    /// arrived are kept.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the tree unchanged or fully updated. Requests continue with the
    /// next call.
    pub(crate) async fn poll(&mut self, options: &PollOptions) -> Result<Changes, SourceError> {
        self.changes = Changes::default();
        self.absence.on_removed_by_tfs(&options.removed_by_tfs);
        let asked_at = Instant::now();
        let request = self.request(options.is_urgent);
        self.has_listing = false;
        match self.list(request).await? {
            ListAnswer::All(listing) => self.process(asked_at, listing, options).await,
            ListAnswer::Changed(changed) => self.process_changes(asked_at, changed).await,
        }
        self.has_listing = true;
        self.follow_selections();
        self.record_regularly();
        self.report();
        if self.is_tree_known() {
            self.events.on_looked();
        }
        if let Some(DetailsProgress { known, all }) = self.details_progress() {
            let text = format!("get the details of all torrents: {known} of {all} are there");
            return Err(SourceError::new(SourceErrorKind::TimedOut, text));
        }
        Ok(std::mem::take(&mut self.changes))
    }

    /// Processes the changes of a listing that is otherwise as the last one.
    async fn process_changes(&mut self, asked_at: Instant, changed: Vec<TorrentSummary>) {
        let facts = self.facts(asked_at, self.vfs.counts().torrents, false).await;
        self.absence.on_listing(&facts, &[]);
        self.details.note_answer();
        self.has_moved = false;
        if changed.is_empty() {
            return;
        }
        let hashes: HashSet<_> = changed.iter().map(|summary| summary.info_hash).collect();
        self.failed.retain(|(_, info_hash)| !hashes.contains(info_hash));
        self.failed.extend(failed(&changed));
        let changes = self.vfs.apply_progress(self.server, changed);
        self.on_changes(changes, now());
    }

    /// Processes a listing.
    async fn process(
        &mut self,
        asked_at: Instant,
        listing: Vec<TorrentSummary>,
        options: &PollOptions,
    ) {
        self.watch.on_listing();
        self.has_moved = false;
        self.failed = failed(&listing).collect();
        let listing = self.keep_doubtful(asked_at, listing, options.accepts_removals).await;
        let unknown: HashSet<_> =
            self.vfs.unknown_torrents(self.server, &listing).into_iter().collect();
        self.events.on_unknown(&unknown);
        let wanted = listing.iter().filter(|summary| unknown.contains(&summary.info_hash));
        let new = self.details.set_wanted(wanted.cloned().collect(), options.is_urgent);
        self.details.note_answer();
        self.find_kept(new).await;
        if self.is_tree_known() {
            self.apply(listing);
        } else {
            self.first_listing = Some(listing);
            self.apply_first();
        }
        let deadline = Instant::now() + DETAILS_TIME_MAX;
        while self.details.untried_count() > 0 {
            // If the server answers the probe, the failures concern these torrents.
            if self.details.is_broken_off() && !self.is_server_there().await {
                break;
            }
            if timeout_at(deadline, self.progress()).await.is_err() {
                break;
            }
        }
        self.take();
    }

    /// Waits for the next answer with details or metadata, or until something is due, and processes
    /// it. Pending while no request is pending or due.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn progress(&mut self) {
        let untried_count = self.details.untried_count();
        self.ask();
        if untried_count > 0 && self.details.untried_count() == 0 {
            return self.take();
        }
        let vfs = Arc::clone(&self.vfs);
        let take_at = self.take_at;
        let taken = async {
            match take_at {
                Some(take_at) => tokio::time::sleep_until(take_at).await,
                None => std::future::pending().await,
            }
        };
        let is_probe_due = self.probed_at.is_none_or(|at| at.elapsed() >= PROBE_INTERVAL);
        let wants_probe = is_probe_due && self.details.wants_probe();
        let probe = async {
            match vfs.source(self.server) {
                Some(source) if wants_probe => source.uptime().await,
                Some(_) | None => std::future::pending().await,
            }
        };
        tokio::select! {
            details = self.details.next(|| vfs.counts().files) => {
                if let Some(details) = details {
                    self.keep(details);
                    self.take_within(COALESCE_TIME);
                }
            }
            completed = self.metadata.next() => {
                if let Some(completed) = completed {
                    self.keep(completed.clone());
                    self.completed.push(completed);
                    let torrents = u32::try_from(self.vfs.counts().torrents).unwrap_or(u32::MAX);
                    let wait = COALESCE_TIME + CORRECTION_TIME.saturating_mul(torrents);
                    self.take_within(wait);
                }
            }
            uptime = probe => {
                self.probed_at = Some(Instant::now());
                if uptime.is_some() {
                    self.details.note_answer();
                }
            }
            answered = self.selections.next() => {
                if let Some(torrent) = answered {
                    self.telling_names(|it| it.on_selection_answer(torrent));
                }
            }
            () = taken => self.take(),
        }
        if self.first_listing.is_some() && self.details.untried_count() == 0 {
            self.take();
        }
        if self.reported_at.is_none_or(|at| at.elapsed() >= COALESCE_TIME) {
            self.report();
        }
    }

    /// Probes the server: requests its uptime.
    async fn is_server_there(&mut self) -> bool {
        let is_there = match self.vfs.source(self.server) {
            Some(source) => source.uptime().await.is_some(),
            None => false,
        };
        if is_there {
            self.details.note_answer();
        }
        is_there
    }

    /// Sends requests up to the limits. Metadata waits until the details of all torrents have
    /// arrived.
    fn ask(&mut self) {
        if !self.is_listed {
            return;
        }
        let (vfs, server) = (&self.vfs, self.server);
        self.details.fill(|torrent| {
            let vfs = Arc::clone(vfs);
            Box::pin(async move { source(&vfs, server)?.details(torrent).await })
        });
        if self.details.untried_count() == 0 && self.vfs.is_server_known(server) {
            self.selections.fill(|torrent| {
                let vfs = Arc::clone(vfs);
                Box::pin(async move { source(&vfs, server)?.details(torrent).await })
            });
            let recorder = &self.recorder;
            self.metadata.fill(|torrent, details| {
                let (vfs, recorder) = (Arc::clone(vfs), recorder.clone());
                Box::pin(async move {
                    let source = source(&vfs, server)?;
                    let details = match details {
                        Some(details) => details,
                        None => known_details(source, recorder.as_ref(), torrent).await?,
                    };
                    source.metadata(details).await
                })
            });
        }
    }

    /// Loads persisted details.
    async fn find_kept(&mut self, mut torrents: Vec<InfoHash>) {
        self.details.take_known(std::mem::take(&mut self.early));
        if let Some(recorder) = self.recorder.as_ref().filter(|_| !torrents.is_empty()) {
            let is_wanted = |torrent: &InfoHash| self.details.is_queued(*torrent);
            torrents.retain(is_wanted);
            let known = recorder.details(torrents).await;
            self.details.take_known(known);
        }
    }

    /// Persists details or metadata.
    fn keep(&self, details: TorrentDetails) {
        if let Some(recorder) = &self.recorder {
            recorder.record_details(vec![details]);
        }
    }

    fn take_within(&mut self, wait: Duration) {
        let take_at = Instant::now() + wait;
        self.take_at = Some(self.take_at.map_or(take_at, |known| known.min(take_at)));
    }

    /// Moves pending results into the tree.
    fn take(&mut self) {
        self.telling_names(Self::take_pending);
        self.report();
    }

    fn take_pending(&mut self) {
        self.take_at = None;
        if self.first_listing.is_some() {
            self.apply_first();
        } else if self.details.has_ready() {
            let (summaries, details) = self.details.take_ready();
            self.metadata.add(&details);
            self.track_selections(&details);
            let at = now();
            let changes = self.vfs.add_late(self.server, summaries, details, at);
            self.on_changes(changes, at);
        }
        if !self.completed.is_empty() {
            let completed = std::mem::take(&mut self.completed);
            let corrected = self.vfs.correct_metadata(self.server, &completed);
            tracing::debug!(corrected, count = completed.len(), "metadata came");
            if let Some(recorder) = self.recorder.as_ref().filter(|_| corrected > 0) {
                let times = WriteTimes { at: now(), changed_at: self.vfs.changed_at(self.server) };
                recorder.record(&Changes::default(), Vec::new(), times);
            }
        }
    }

    /// Shows the tree for the first time, if each torrent was tried and any details arrived.
    fn apply_first(&mut self) {
        let DetailsProgress { known, all } = self.details.progress();
        if self.details.untried_count() > 0 || (known == 0 && all > 0) {
            return;
        }
        if let Some(listing) = self.first_listing.take() {
            self.apply(listing);
        }
    }

    /// Applies a listing and the details that arrived.
    fn apply(&mut self, listing: Vec<TorrentSummary>) {
        let (_, details) = self.details.take_ready();
        self.metadata.add(&details);
        self.track_selections(&details);
        let at = now();
        self.telling_names(|it| {
            let changes = it.vfs.apply(it.server, listing, details, at);
            it.on_changes(changes, at);
        });
    }

    fn on_changes(&mut self, mut changes: Changes, at: i64) {
        log(&changes);
        self.tell_changes(&changes);
        self.note_finished(&changes, at);
        self.events.on_shown(changes.added.iter().map(|(info_hash, _)| *info_hash));
        let progress = std::mem::take(&mut changes.progress);
        self.has_moved |= !progress.is_empty() || changes != Changes::default();
        if let Some(recorder) = &self.recorder {
            recorder.note_progress(progress);
        }
        let gone: Vec<_> =
            changes.removed.iter().chain(&changes.left).map(|(info_hash, _)| *info_hash).collect();
        if !gone.is_empty() {
            if let Some(source) = self.vfs.source(self.server) {
                source.forget_local(&gone);
            }
            self.metadata.forget(&gone);
            self.forget_selections(&gone);
        }
        if !changes.added.is_empty() {
            self.added.notify_one();
        }
        if let Some(recorder) = &self.recorder
            && (!self.is_recorded || changes != Changes::default())
        {
            let changed_at = self.vfs.changed_at(self.server);
            recorder.record(&changes, Vec::new(), WriteTimes { at, changed_at });
            self.is_recorded = true;
        }
        if changes.added.len() + changes.removed.len() >= memory::TORRENTS_MIN {
            memory::give_back();
        }
        self.changes.added.extend(changes.added);
        self.changes.removed.extend(changes.removed);
        self.changes.joined.extend(changes.joined);
        self.changes.left.extend(changes.left);
    }

    /// Persists what changes over time: progress, and the missing torrents.
    fn record_regularly(&mut self) {
        let Some(recorder) = &self.recorder else { return };
        let is_due = self.progress_recorded_at.is_none_or(|at| at.elapsed() >= PROGRESS_INTERVAL);
        if is_due && self.is_tree_known() {
            let noted = recorder.take_noted();
            recorder.record_progress(self.vfs.last_summaries(self.server, &noted));
            self.progress_recorded_at = Some(Instant::now());
        }
        let absences = self.absence.to_keep();
        if absences != self.absences_kept {
            recorder.record_absences(absences.clone());
            self.absences_kept = absences;
        }
    }
}

/// Returns the failed torrents of a listing, with the order in which they were added.
fn failed(listing: &[TorrentSummary]) -> impl Iterator<Item = (u64, InfoHash)> {
    let is_failed = |summary: &&TorrentSummary| summary.state == TorrentState::Failed;
    listing.iter().filter(is_failed).map(|summary| (summary.added_order, summary.info_hash))
}

/// Returns the details of a torrent whose metadata is requested: from the state directory, where
/// they are usually recorded by then, or from the server.
async fn known_details<S: TorrentSource>(
    source: &S,
    recorder: Option<&StateRecorder>,
    torrent: InfoHash,
) -> Result<TorrentDetails, SourceError> {
    let recorded = match recorder {
        Some(recorder) => recorder.details(vec![torrent]).await.pop(),
        None => None,
    };
    match recorded {
        Some(details) => Ok(details),
        None => source.details(torrent).await,
    }
}

/// Returns the source of a server, or an error if the server does not exist.
fn source<S: TorrentSource>(vfs: &Vfs<S>, server: ServerId) -> Result<&S, SourceError> {
    let unknown =
        || SourceError::new(SourceErrorKind::NotFound, format!("find server {}", server.0));
    vfs.source(server).ok_or_else(unknown)
}

fn log(changes: &Changes) {
    for (torrent, name) in &changes.added {
        tracing::debug!(%torrent, name, "added");
    }
    for (torrent, name) in &changes.removed {
        tracing::debug!(%torrent, name, "removed");
    }
}
