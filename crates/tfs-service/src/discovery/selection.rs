//! Which files the server downloads of each torrent.
//!
//! The details of a torrent contain its selection. Later the list tells that it has changed: by the
//! size of what is selected. Only then are the details requested again. The list counts whole
//! pieces, so a change that keeps the number of pieces is not noticed.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tfs_state::KeptSelection;
use tfs_sys::clock::now;
use tfs_types::Backoff;
use tokio::time::{Instant, sleep_until};
use vfs_core::{Bitfield, InfoHash, SourceError, TorrentDetails, TorrentSource};

use super::retry_timer::RetryTimer;
use super::{Discovery, with_root_cause};

/// Maximum number of concurrent requests for selections.
const REQUESTS_AT_A_TIME: usize = 2;

/// Pauses after failed requests.
const PAUSES: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(600));

/// A request for the details of a torrent, which contain its selection.
pub(super) type SelectionRequest = BoxFuture<'static, Result<TorrentDetails, SourceError>>;

type SelectionOutcome = (InfoHash, Result<TorrentDetails, SourceError>);

/// The selection of a torrent.
#[derive(Debug)]
struct TrackedSelection {
    /// The size of all files.
    total_bytes: u64,
    file_count: u32,
    /// `None` if all files are selected, and the server reports their size.
    known: Option<Box<KeptSelection>>,
    /// The reported size for which the selection was last requested. It is requested once for each
    /// size, however a server counts.
    requested_for: Option<u64>,
}

/// What follows from a report of the selected size.
#[derive(Debug, PartialEq, Eq)]
enum ReportOutcome {
    Unchanged,
    /// The first report after the selection arrived: it is kept with the selection.
    Kept(KeptSelection),
    /// The selection is requested.
    Queued,
}

/// The selections of a server's torrents, see the module.
#[derive(Debug, Default)]
pub(super) struct SelectionTracker {
    torrents: HashMap<InfoHash, TrackedSelection>,
    queue: VecDeque<InfoHash>,
    in_flight: FuturesUnordered<BoxFuture<'static, SelectionOutcome>>,
    /// The pause after failures.
    pause: Option<RetryTimer>,
}

impl SelectionTracker {
    /// Starts to track a torrent with all files selected, unless it is tracked.
    fn add(&mut self, details: &TorrentDetails) {
        let total_bytes = details.files.iter().fold(0, |sum: u64, it| sum.saturating_add(it.len));
        self.torrents.entry(details.info_hash).or_insert_with(|| TrackedSelection {
            total_bytes,
            file_count: u32::try_from(details.files.len()).unwrap_or(u32::MAX),
            known: None,
            requested_for: None,
        });
    }

    /// Sets a selection from the state directory.
    fn restore(&mut self, torrent: InfoHash, kept: KeptSelection) {
        if let Some(tracked) = self.torrents.get_mut(&torrent) {
            tracked.known = Some(Box::new(kept));
        }
    }

    /// Processes the selected size that the server reports.
    fn on_report(&mut self, torrent: InfoHash, bytes: u64) -> ReportOutcome {
        let Some(tracked) = self.torrents.get_mut(&torrent) else {
            return ReportOutcome::Unchanged;
        };
        let expected = match &mut tracked.known {
            None => tracked.total_bytes,
            Some(known) => match known.bytes {
                Some(expected) => expected,
                None => {
                    known.bytes = Some(bytes);
                    return ReportOutcome::Kept(KeptSelection::clone(known));
                }
            },
        };
        if expected == bytes || tracked.requested_for == Some(bytes) {
            return ReportOutcome::Unchanged;
        }
        tracked.requested_for = Some(bytes);
        self.queue.push_back(torrent);
        ReportOutcome::Queued
    }

    /// Processes a selection from the server; `files` is `None` if all files are selected. `bytes`
    /// is the size that the server reports. Returns the selection to be kept if it is another one.
    fn on_selection(
        &mut self,
        torrent: InfoHash,
        files: Option<Bitfield>,
        bytes: Option<u64>,
    ) -> Option<Option<KeptSelection>> {
        let tracked = self.torrents.get_mut(&torrent)?;
        let is_usual = files.is_none() && bytes.is_none_or(|bytes| bytes == tracked.total_bytes);
        let files = files.or_else(|| Bitfield::from_fn(tracked.file_count, |_file| true));
        let known = match files {
            Some(files) if !is_usual => Some(Box::new(KeptSelection { files, bytes })),
            _ => None,
        };
        if known == tracked.known {
            return None;
        }
        tracked.known.clone_from(&known);
        Some(known.map(|known| *known))
    }

    /// Stops tracking torrents. Returns those whose kept selections are to be removed.
    fn forget(&mut self, torrents: &[InfoHash]) -> Vec<InfoHash> {
        let gone = torrents.iter().filter(|torrent| {
            self.torrents.remove(torrent).is_some_and(|tracked| tracked.known.is_some())
        });
        gone.copied().collect()
    }

    /// Sends requests up to the limit.
    pub(super) fn fill(&mut self, request: impl Fn(InfoHash) -> SelectionRequest) {
        if self.pause.is_some_and(|pause| !pause.is_over(Instant::now())) {
            return;
        }
        while self.in_flight.len() < REQUESTS_AT_A_TIME {
            let Some(torrent) = self.queue.pop_front() else { return };
            if !self.torrents.contains_key(&torrent) {
                continue;
            }
            let request = request(torrent);
            self.in_flight.push(Box::pin(async move { (torrent, request.await) }));
        }
    }

    /// Waits for the next answer, or until a pause is over. Pending while there is neither.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(super) async fn next(&mut self) -> Option<InfoHash> {
        let pause = self.pause.filter(|pause| {
            !self.queue.is_empty() && self.in_flight.is_empty() && !pause.is_over(Instant::now())
        });
        let over = async {
            match pause {
                Some(pause) => sleep_until(pause.over_at()).await,
                None => std::future::pending().await,
            }
        };
        let is_asked = !self.in_flight.is_empty();
        tokio::select! {
            Some((torrent, answer)) = self.in_flight.next(), if is_asked => {
                self.on_answer(torrent, answer)
            }
            () = over => None,
        }
    }

    fn on_answer(
        &mut self,
        torrent: InfoHash,
        answer: Result<TorrentDetails, SourceError>,
    ) -> Option<InfoHash> {
        match answer {
            Ok(_details) => {
                self.pause = None;
                Some(torrent)
            }
            Err(error) if error.is_retryable => {
                tracing::debug!(%torrent, error = %with_root_cause(&error), "no selection");
                self.queue.push_back(torrent);
                let pause = self.pause.get_or_insert_with(|| RetryTimer::new(PAUSES));
                pause.on_failure(Instant::now());
                None
            }
            Err(error) => {
                // It was removed, which the next list tells.
                tracing::debug!(%torrent, error = %with_root_cause(&error), "no selection");
                None
            }
        }
    }
}

impl<S: TorrentSource> Discovery<S> {
    /// Tracks torrents whose details come from the server or from the state directory.
    pub(super) fn track_selections(&mut self, details: &[TorrentDetails]) {
        for details in details {
            let torrent = details.info_hash;
            self.selections.add(details);
            let source = self.vfs.source(self.server);
            let files = source.and_then(|source| source.take_selection(torrent));
            match files {
                Some(files) => self.on_selection(torrent, Some(files)),
                None => self.on_selected_size(torrent),
            }
        }
    }

    /// Tracks the torrents of the last known tree, with their kept selections.
    pub(super) fn restore_selections(
        &mut self,
        details: &[TorrentDetails],
        kept: Vec<(InfoHash, KeptSelection)>,
    ) {
        details.iter().for_each(|details| self.selections.add(details));
        for (torrent, kept) in kept {
            self.vfs.set_selection(self.server, torrent, Some(kept.files.clone()), now());
            self.selections.restore(torrent, kept);
        }
    }

    /// Requests the selections that the last listing shows to have changed.
    pub(super) fn follow_selections(&mut self) {
        let source = self.vfs.source(self.server);
        let changed = source.map(TorrentSource::take_reselected).unwrap_or_default();
        for torrent in changed {
            self.on_selected_size(torrent);
        }
    }

    /// Processes the answer with the selection of a torrent.
    pub(super) fn on_selection_answer(&mut self, torrent: InfoHash) {
        let source = self.vfs.source(self.server);
        let files = source.and_then(|source| source.take_selection(torrent));
        self.on_selection(torrent, files);
        self.note_finished_since(&[torrent], Some(now()));
    }

    /// Drops the selections of torrents that left the tree.
    pub(super) fn forget_selections(&mut self, torrents: &[InfoHash]) {
        for torrent in self.selections.forget(torrents) {
            self.vfs.set_selection(self.server, torrent, None, now());
            if let Some(recorder) = &self.recorder {
                recorder.record_selection(torrent, None);
            }
        }
    }

    fn on_selected_size(&mut self, torrent: InfoHash) {
        let source = self.vfs.source(self.server);
        let Some(bytes) = source.and_then(|source| source.selected_bytes(torrent)) else { return };
        match self.selections.on_report(torrent, bytes) {
            ReportOutcome::Kept(kept) => {
                if let Some(recorder) = &self.recorder {
                    recorder.record_selection(torrent, Some(kept));
                }
            }
            ReportOutcome::Unchanged | ReportOutcome::Queued => {}
        }
    }

    fn on_selection(&mut self, torrent: InfoHash, files: Option<Bitfield>) {
        let source = self.vfs.source(self.server);
        let bytes = source.and_then(|source| source.selected_bytes(torrent));
        let Some(kept) = self.selections.on_selection(torrent, files, bytes) else { return };
        let files = kept.as_ref().map(|kept| kept.files.clone());
        self.vfs.set_selection(self.server, torrent, files, now());
        if let Some(recorder) = &self.recorder {
            recorder.record_selection(torrent, kept);
        }
    }
}
