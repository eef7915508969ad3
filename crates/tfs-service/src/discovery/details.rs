//! Queue of torrents that a server lists and the tree lacks. Requests the details of each, with
//! bounded concurrency, and tracks which torrents were tried.
//!
//! ```text
//! Queued --> Asked --answered--> Ready (taken by the tree)
//!              |  `-silent for 2 s while others are answered--> tried, still asked
//!              `-failed--> Failed --pause--> Queued
//! ```
//!
//! A torrent counts as tried when its request was answered, failed, or was silent for
//! [`SILENCE_MAX`] while others were answered. A failure that the server may cause (a closed
//! connection, a timeout, a 5xx) counts only if it happens twice with an answer in between. So a
//! server that goes down during a pass makes no torrent "tried".

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use futures_util::future::{AbortHandle, BoxFuture, abortable};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tfs_sys::clock::limit_text;
use tfs_types::Backoff;
use tokio::time::{Instant, sleep_until};
use vfs_core::{InfoHash, SourceError, SourceErrorKind, TorrentDetails, TorrentSummary};

use super::retry_timer::RetryTimer;
use super::with_root_cause;

/// Maximum number of concurrent requests for details: enough to hide the latency for a thousand
/// torrents, and a low load for a server.
pub(super) const DETAILS_AT_A_TIME: usize = 8;

/// Maximum number of further, silent requests. For the next torrent the oldest is dropped.
const SILENT_MAX: usize = 8;

/// How long a request may be silent, while others are answered, before its torrent counts as tried.
/// rqbit answers in milliseconds.
const SILENCE_MAX: Duration = Duration::from_secs(2);

/// Number of consecutive failures that the server may cause, after which no more requests are sent:
/// the next list shows whether the server is up.
const FAILURES_MAX: u32 = 8;

/// Pauses after failures of a torrent.
const PAUSES: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300));

/// Maximum number of files in a mount, over all torrents: two gigabytes of memory.
const FILES_MAX: usize = 4_000_000;

/// A request for the details of a torrent.
pub(super) type DetailsRequest = BoxFuture<'static, Result<TorrentDetails, SourceError>>;

/// The progress of requesting details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DetailsProgress {
    /// The number of torrents whose details have arrived.
    pub(crate) known: usize,
    /// The number of all listed torrents that the tree lacks.
    pub(crate) all: usize,
}

type DetailsOutcome = (InfoHash, u64, Option<Result<TorrentDetails, SourceError>>);

/// A torrent that is listed and not in the tree.
#[derive(Debug)]
struct QueuedDetails {
    summary: TorrentSummary,
    state: WantedState,
    /// Whether it counts as tried.
    is_tried: bool,
    /// The answer count at the last failure that the server may have caused.
    doubted_at: Option<u64>,
    timer: RetryTimer,
    /// Why it is skipped.
    error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WantedState {
    Queued,
    OpenRequest,
    /// It is requested again after its pause.
    Failed,
    Ready,
}

/// A pending request.
#[derive(Debug)]
struct OpenRequest {
    at: Instant,
    /// The answer count at its start.
    answers_before: u64,
    /// Distinguishes requests for the same torrent.
    number: u64,
    /// Whether its torrent counts as tried because of its silence.
    is_silent: bool,
    abort: AbortHandle,
}

/// The queue, see the module. Handling an event costs O(pending requests), not O(torrents).
#[derive(Debug, Default)]
pub(super) struct DetailsQueue {
    wanted: HashMap<InfoHash, QueuedDetails>,
    /// Torrents to request next, in the order of the list. May contain some that are no longer
    /// wanted.
    queue: VecDeque<InfoHash>,
    /// Torrents that were tried before, which come after all others. May contain some that are no
    /// longer wanted.
    retries: VecDeque<InfoHash>,
    /// Pending requests, at most [`DETAILS_AT_A_TIME`] plus [`SILENT_MAX`].
    asked: HashMap<InfoHash, OpenRequest>,
    /// Failed torrents, by the end of their pauses. May contain some that are no longer wanted.
    failed: BTreeSet<(Instant, InfoHash)>,
    in_flight: FuturesUnordered<BoxFuture<'static, DetailsOutcome>>,
    /// Details that the tree has not taken yet.
    ready: Vec<TorrentDetails>,
    ready_files: usize,
    untried_count: usize,
    /// Number of answers of the server, to requests of any kind.
    answer_count: u64,
    failures_in_a_row: u32,
    request_count: u64,
}

/// A torrent that is missing from the tree because its details are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeftOutTorrent {
    pub(super) info_hash: InfoHash,
    pub(super) why: String,
}

impl DetailsQueue {
    /// Sets the wanted torrents, and returns new ones. `is_urgent` also retries those in a pause.
    pub(super) fn set_wanted(
        &mut self,
        summaries: Vec<TorrentSummary>,
        is_urgent: bool,
    ) -> Vec<InfoHash> {
        let set: HashSet<_> = summaries.iter().map(|summary| summary.info_hash).collect();
        self.wanted.retain(|torrent, _| set.contains(torrent));
        self.asked.retain(|torrent, asked| {
            let stays = set.contains(torrent);
            if !stays {
                asked.abort.abort();
            }
            stays
        });
        self.failed.retain(|(_, torrent)| set.contains(torrent));
        self.ready.retain(|details| set.contains(&details.info_hash));
        self.ready_files = self.ready.iter().map(|details| details.files.len()).sum();
        let mut new = Vec::new();
        for summary in summaries {
            let torrent = summary.info_hash;
            if let Some(wanted) = self.wanted.get_mut(&torrent) {
                wanted.summary = summary;
                if is_urgent && wanted.state == WantedState::Failed {
                    wanted.is_tried = false;
                    wanted.state = WantedState::Queued;
                    self.queue.push_back(torrent);
                }
                continue;
            }
            let state = WantedState::Queued;
            let (is_tried, doubted_at, error) = (false, None, None);
            let timer = RetryTimer::new(PAUSES);
            let wanted = QueuedDetails { summary, state, is_tried, doubted_at, timer, error };
            self.wanted.insert(torrent, wanted);
            self.queue.push_back(torrent);
            new.push(torrent);
        }
        self.untried_count = self.wanted.values().filter(|wanted| !wanted.is_tried).count();
        new
    }

    /// Adds details from the state directory.
    pub(super) fn take_known(&mut self, known: Vec<TorrentDetails>) {
        for details in known {
            let wanted = self.wanted.get(&details.info_hash);
            if wanted.is_some_and(|wanted| wanted.state == WantedState::Queued) {
                self.on_details(details);
            }
        }
    }

    /// Returns whether the tree has all listed torrents.
    pub(super) fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    pub(super) fn is_queued(&self, torrent: InfoHash) -> bool {
        self.wanted.get(&torrent).is_some_and(|wanted| wanted.state == WantedState::Queued)
    }

    /// Records that the server answered another request.
    pub(super) fn note_answer(&mut self) {
        self.answer_count += 1;
        self.failures_in_a_row = 0;
    }

    /// Returns whether requests are suspended after too many failures, until the server answers
    /// another request.
    pub(super) fn is_broken_off(&self) -> bool {
        self.failures_in_a_row >= FAILURES_MAX
    }

    /// Returns the number of torrents that were not tried yet.
    pub(super) fn untried_count(&self) -> usize {
        self.untried_count
    }

    pub(super) fn progress(&self) -> DetailsProgress {
        DetailsProgress { known: self.ready.len(), all: self.wanted.len() }
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Takes the details that arrived, with the listing entries of all torrents that the tree
    /// lacks. The tree contains them from now on.
    pub(super) fn take_ready(&mut self) -> (Vec<TorrentSummary>, Vec<TorrentDetails>) {
        let summaries = self.wanted.values().map(|wanted| wanted.summary.clone()).collect();
        self.wanted.retain(|_, wanted| wanted.state != WantedState::Ready);
        self.ready_files = 0;
        (summaries, std::mem::take(&mut self.ready))
    }

    /// Returns the torrents that were tried without success, ordered by info hash.
    pub(super) fn left_out(&self) -> Vec<LeftOutTorrent> {
        let tried = self.wanted.iter().filter(|(_, wanted)| wanted.is_tried);
        let left_out = tried.filter(|(_, wanted)| wanted.state != WantedState::Ready);
        let mut left_out: Vec<_> = left_out
            .map(|(info_hash, wanted)| LeftOutTorrent {
                info_hash: *info_hash,
                why: wanted.error.clone().unwrap_or_else(|| "no answer so far".to_owned()),
            })
            .collect();
        left_out.sort_unstable_by_key(|left_out| left_out.info_hash);
        left_out
    }

    /// Returns whether all pending requests have been silent for so long that a probe must show
    /// whether the server is up.
    pub(super) fn wants_probe(&self) -> bool {
        let now = Instant::now();
        let mut open = self.asked.values().filter(|asked| !asked.is_silent).peekable();
        open.peek().is_some()
            && open.all(|OpenRequest { at, answers_before, .. }| {
                now.saturating_duration_since(*at) >= SILENCE_MAX
                    && self.answer_count == *answers_before
            })
    }

    /// Sends requests up to the limits.
    pub(super) fn fill(&mut self, request: impl Fn(InfoHash) -> DetailsRequest) {
        self.mark_silent();
        self.requeue_failed();
        while self.failures_in_a_row < FAILURES_MAX {
            let silent_count = self.asked.values().filter(|asked| asked.is_silent).count();
            if self.asked.len() - silent_count >= DETAILS_AT_A_TIME {
                return;
            }
            let torrent = match self.queue.pop_front() {
                Some(torrent) => {
                    if silent_count >= SILENT_MAX {
                        self.drop_oldest_silent();
                    }
                    torrent
                }
                None if silent_count >= SILENT_MAX => return,
                None => match self.retries.pop_front() {
                    Some(torrent) => torrent,
                    None => return,
                },
            };
            let Some(wanted) = self.wanted.get_mut(&torrent) else { continue };
            if wanted.state != WantedState::Queued {
                continue;
            }
            wanted.state = WantedState::OpenRequest;
            self.request_count += 1;
            let number = self.request_count;
            let (answer, abort) = abortable(request(torrent));
            let (at, answers_before) = (Instant::now(), self.answer_count);
            let asked =
                OpenRequest { at, answers_before, number, is_silent: wanted.is_tried, abort };
            self.asked.insert(torrent, asked);
            self.in_flight.push(Box::pin(async move { (torrent, number, answer.await.ok()) }));
        }
    }

    /// Resolves when a request ends, or when [`fill`](Self::fill) has something to do. Returns
    /// details that arrived. Pending while no request is pending or due. `file_count` returns the
    /// number of files in the tree.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(super) async fn next(&mut self, file_count: impl Fn() -> usize) -> Option<TorrentDetails> {
        let due_at = self.due_at();
        let due = async {
            match due_at {
                Some(due_at) => sleep_until(due_at).await,
                None => std::future::pending().await,
            }
        };
        let answer = tokio::select! {
            Some(answer) = self.in_flight.next() => answer,
            () = due => {
                self.mark_silent();
                return None;
            }
        };
        let (torrent, number, Some(result)) = answer else { return None };
        let is_current = self.asked.get(&torrent).is_some_and(|asked| asked.number == number);
        if !is_current {
            return None;
        }
        self.asked.remove(&torrent);
        let room = FILES_MAX.saturating_sub(file_count().saturating_add(self.ready_files));
        match result {
            Ok(details) if details.files.len() > room => {
                let text = format!("add {torrent}: the mount would have too many files");
                self.on_failure(torrent, &SourceError::new(SourceErrorKind::Protocol, text));
                None
            }
            Ok(details) => {
                self.note_answer();
                self.on_details(details.clone());
                self.mark_silent();
                Some(details)
            }
            Err(error) => {
                self.on_failure(torrent, &error);
                None
            }
        }
    }

    fn on_details(&mut self, details: TorrentDetails) {
        if let Some(wanted) = self.wanted.get_mut(&details.info_hash) {
            wanted.state = WantedState::Ready;
            self.untried_count -= usize::from(!wanted.is_tried);
            wanted.is_tried = true;
            self.ready_files = self.ready_files.saturating_add(details.files.len());
            self.ready.push(details);
        }
    }

    fn on_failure(&mut self, torrent: InfoHash, error: &SourceError) {
        // A permanent error concerns this torrent; a transient one may concern the whole server.
        let may_be_server = error.is_retryable;
        if may_be_server {
            self.failures_in_a_row += 1;
        } else {
            self.note_answer();
        }
        let answer_count = self.answer_count;
        let Some(wanted) = self.wanted.get_mut(&torrent) else { return };
        let was_answered = wanted.doubted_at.is_some_and(|before| answer_count > before);
        wanted.doubted_at = may_be_server.then_some(answer_count);
        if !wanted.is_tried && may_be_server && !was_answered {
            wanted.state = WantedState::Queued;
            self.queue.push_back(torrent);
            return;
        }
        let why = with_root_cause(error);
        if wanted.error.is_none() {
            tracing::warn!(%torrent, error = why, "a torrent is not shown for now");
        } else {
            tracing::debug!(%torrent, error = why, "a torrent is still not shown");
        }
        wanted.error = Some(format!("failed to {why}"));
        self.untried_count -= usize::from(!wanted.is_tried);
        wanted.is_tried = true;
        self.pause(torrent);
    }

    /// Marks torrents as tried whose requests are silent while others are answered.
    fn mark_silent(&mut self) {
        let now = Instant::now();
        for (torrent, asked) in &mut self.asked {
            let is_silent = now.saturating_duration_since(asked.at) >= SILENCE_MAX
                && self.answer_count > asked.answers_before;
            let Some(wanted) = self.wanted.get_mut(torrent).filter(|_| is_silent) else { continue };
            asked.is_silent = true;
            if !wanted.is_tried {
                tracing::warn!(%torrent, "its details are not available; it is not shown for now");
                wanted.is_tried = true;
                self.untried_count -= 1;
                let why = format!("no answer within {}", limit_text(SILENCE_MAX));
                wanted.error.get_or_insert(why);
            }
        }
    }

    fn requeue_failed(&mut self) {
        let now = Instant::now();
        while let Some((over_at, torrent)) = self.failed.first().copied()
            && over_at <= now
        {
            self.failed.pop_first();
            if let Some(wanted) = self.wanted.get_mut(&torrent)
                && wanted.state == WantedState::Failed
            {
                wanted.state = WantedState::Queued;
                self.retries.push_back(torrent);
            }
        }
    }

    fn drop_oldest_silent(&mut self) {
        let silent = self.asked.iter().filter(|(_, asked)| asked.is_silent);
        let oldest = silent.min_by_key(|(_, asked)| asked.at).map(|(torrent, _)| *torrent);
        if let Some(torrent) = oldest
            && let Some(asked) = self.asked.remove(&torrent)
        {
            asked.abort.abort();
            self.pause(torrent);
        }
    }

    /// Starts the pause of a torrent.
    fn pause(&mut self, torrent: InfoHash) {
        if let Some(wanted) = self.wanted.get_mut(&torrent) {
            wanted.state = WantedState::Failed;
            wanted.timer.on_failure(Instant::now());
            self.failed.insert((wanted.timer.over_at(), torrent));
        }
    }

    /// Returns the next deadline: the end of a pause or of a silence.
    fn due_at(&self) -> Option<Instant> {
        let silences = self.asked.values().filter(|asked| !asked.is_silent);
        let silence_over_at = silences.map(|asked| asked.at + SILENCE_MAX).min();
        let pause_over_at = self.failed.first().map(|(over_at, _)| *over_at);
        // What is due but impossible without an answer must not cause a busy loop.
        let now = Instant::now();
        let due_at = silence_over_at.into_iter().chain(pause_over_at).min()?;
        Some(if due_at <= now { now + SILENCE_MAX / 8 } else { due_at })
    }
}
