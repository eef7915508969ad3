//! Preloading for callers of the engine: parts of a file to fetch, and the progress.

use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::core::Core;
use super::plan::{FileFacts, PreloadWait, ReadId};
use super::{CancelGuard, Engine};
use crate::figures::MissingMeter;
use crate::{
    ByteRange, DownloadProgress, FileId, InfoHash, SourceError, TorrentSource, TorrentState,
    VfsError,
};

/// How often the caller gets the progress: a progress bar needs no more.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);

/// How often a torrent whose stream is silent is checked for fetched bytes. The response for a
/// torrent of many files has some hundred kilobytes.
const FETCH_INTERVAL: Duration = Duration::from_secs(5);

/// The time-out of that request: rqbit answers within milliseconds.
const FETCH_TIME_MAX: Duration = Duration::from_secs(5);

/// The bytes that a torrent may fetch while a preload gets none of them: twice the largest piece of
/// usual torrents. More than that belongs to other files, and other preloads must not wait.
const OTHER_BYTES_MAX: u64 = 64 << 20;

/// The parts of a file to preload: all of it, if neither is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileParts {
    /// The number of bytes at the start, which players read first.
    pub head: Option<u64>,
    /// The number of bytes at the end, where some formats have their index.
    pub tail: Option<u64>,
}

/// The progress of a preload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PreloadProgress {
    /// How many of the requested bytes are known to be on the server.
    pub bytes_there: u64,
    /// How many bytes are requested.
    pub bytes_total: u64,
    /// What it waits for; `None` while data arrives. Until the bitfield has arrived
    /// ([`PreloadWait::Bitfield`]), `bytes_there` may be far too low.
    pub wait: Option<PreloadWait>,
}

/// The progress of the preload of a range.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PreloadStep {
    /// How many of its bytes are known to be on the server.
    pub(crate) bytes_there: u64,
    pub(crate) wait: Option<PreloadWait>,
}

/// Why a preload ended early. Fetched data stays on the server. The message fits after "failed to".
#[derive(Debug, Clone, thiserror::Error)]
pub enum PreloadError {
    /// The torrent does not run: missing data cannot arrive.
    #[error("get missing data: the torrent {}", match .0 {
        TorrentState::Failed => "has failed",
        TorrentState::Paused | TorrentState::Live | TorrentState::Initializing => "is paused",
    })]
    Stopped(TorrentState),
    /// No byte arrived for a minute, during which no reader had precedence, and nothing of the
    /// torrent was downloaded.
    #[error("get missing data: none arrived for a minute")]
    Stalled,
    /// The torrent is gone.
    #[error("find the torrent: it was removed")]
    Gone,
    /// The filesystem shuts down.
    #[error("continue: the mount ends")]
    ShuttingDown,
    /// The source refuses with an error that is not retryable.
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl FileParts {
    /// Returns how many bytes the parts have in a file of `len` bytes.
    #[must_use]
    pub fn bytes_of(self, len: u64) -> u64 {
        self.ranges(len).iter().map(|range| range.len()).sum()
    }

    /// Returns the ranges of the parts in a file of `len` bytes, in order and without overlap.
    pub(crate) fn ranges(self, len: u64) -> Vec<ByteRange> {
        let all = ByteRange::clamped(0, len, len);
        let Self { head, tail } = self;
        if head.is_none() && tail.is_none() {
            return vec![all];
        }
        let head = ByteRange::clamped(0, head.unwrap_or(0), len);
        let tail = all.from(len.saturating_sub(tail.unwrap_or(0)));
        if tail.start() <= head.end() && !tail.is_empty() {
            return vec![all];
        }
        [head, tail].into_iter().filter(|range| !range.is_empty()).collect()
    }
}

impl PreloadError {
    /// Converts the error of a preload's read; `state` is that of the torrent.
    pub(crate) fn of(error: VfsError, state: TorrentState) -> Self {
        match error {
            VfsError::WouldBlock => Self::Stopped(state),
            VfsError::TimedOut => Self::Stalled,
            VfsError::ShuttingDown => Self::ShuttingDown,
            VfsError::Source(error) => Self::Source(error),
            VfsError::Stale
            | VfsError::NotFound
            | VfsError::Partial
            | VfsError::NotDirectory
            | VfsError::IsDirectory
            | VfsError::NotSymlink
            | VfsError::BadHandle
            | VfsError::NoTree
            | VfsError::NoAttribute
            | VfsError::NothingThere => Self::Gone,
        }
    }
}

impl<S: TorrentSource> Engine<S> {
    /// Returns how many bytes of a range of a file are known to be on the server.
    pub(super) fn bytes_here(&self, file: FileId, facts: &FileFacts, range: ByteRange) -> u64 {
        self.shared.read(|core| core.plan.bytes_here(file, facts, range))
    }

    /// Resolves when all of a range is on the server. `progress` is called every 250 ms.
    ///
    /// # Cancel safety
    /// Dropping the future closes its stream, if it has one. Fetched data stays on the server.
    pub(super) async fn preload(
        &self,
        (file, facts): (FileId, FileFacts),
        range: ByteRange,
        mut progress: impl FnMut(PreloadStep),
    ) -> Result<(), VfsError> {
        let has_selected = !facts.is_complete() && self.source().has_selected(file.torrent);
        let start = |core: &mut Core, now| {
            core.plan.on_selection(file.torrent, has_selected);
            core.preload(now, (file, facts), range)
        };
        let (read, answer) = self.shared.start_read(start, |read: &ReadId| Some(*read))?;
        let Some(mut answer) = answer else { return Err(VfsError::ShuttingDown) };
        let missing = MissingMeter::default();
        let _guard = CancelGuard { shared: &*self.shared, read, missing: &missing };
        let mut ticks = interval(PROGRESS_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut fetch, mut most_bytes) = (TorrentFetch::default(), 0);
        // Kept over ticks, so that a slow server gets only one request at a time.
        let mut asking: Option<FetchQuestion<'_>> = None;
        loop {
            if asking.is_none() && fetch.is_due() {
                asking = Some(Box::pin(self.fetched(file.torrent)));
            }
            let sampled = async {
                match &mut asking {
                    Some(asking) => asking.await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                // The sender is dropped without an answer only if the engine itself is gone.
                answer = &mut answer => {
                    let result = answer.map_or(Err(VfsError::ShuttingDown), |answer| answer.result);
                    return result.map(drop);
                }
                sample = sampled => {
                    asking = None;
                    fetch.on_sample(sample);
                    if fetch.excuses_silence() {
                        self.shared.apply_quietly(|core, _| core.plan.excuse_silence(read));
                    }
                    continue;
                }
                _ = ticks.tick() => {}
            }
            let now = self.shared.now();
            let (bytes_there, wait) = self
                .shared
                .read(|core| (core.plan.preloaded_bytes(read), core.plan.preload_wait(read, now)));
            // An unreachable server makes the bitfield unknown, but its pieces stay.
            if bytes_there > most_bytes {
                (most_bytes, fetch.other_bytes) = (bytes_there, 0);
            }
            progress(PreloadStep { bytes_there: most_bytes, wait: fetch.refine(wait) });
        }
    }

    async fn fetched(&self, torrent: InfoHash) -> Option<DownloadProgress> {
        let asked = self.source().download_progress(torrent);
        timeout(FETCH_TIME_MAX, asked).await.ok().flatten()
    }
}

/// A pending request to the source.
type FetchQuestion<'a> = Pin<Box<dyn Future<Output = Option<DownloadProgress>> + Send + 'a>>;

/// Whether a server fetches any data of a torrent while its stream is silent. On a slow line a
/// large piece takes a minute, which looks like a torrent without peers.
#[derive(Debug, Default)]
struct TorrentFetch {
    /// Whether the stream is silent, so that samples are needed.
    is_wanted: bool,
    asked_at: Option<Instant>,
    fetched_bytes: Option<u64>,
    is_fetching: bool,
    /// What the torrent fetched since the preload got its last byte, as far as samples show it.
    other_bytes: u64,
}

impl TorrentFetch {
    fn is_due(&self) -> bool {
        self.is_wanted && self.asked_at.is_none_or(|at| at.elapsed() >= FETCH_INTERVAL)
    }

    fn on_sample(&mut self, sample: Option<DownloadProgress>) {
        self.asked_at = Some(Instant::now());
        let fetched = sample.map(|sample| sample.fetched_bytes);
        let growth =
            self.fetched_bytes.zip(fetched).map(|(before, now)| now.saturating_sub(before));
        let growth = growth.unwrap_or(0);
        self.is_fetching = growth > 0 || sample.is_some_and(|it| it.bytes_per_second > 0);
        self.other_bytes = self.other_bytes.saturating_add(growth);
        self.fetched_bytes = fetched;
    }

    /// Returns whether the silence of the stream is that of a piece on its way.
    fn excuses_silence(&self) -> bool {
        self.is_fetching && self.other_bytes <= OTHER_BYTES_MAX
    }

    /// Distinguishes a piece that is being downloaded from silent peers. `None` until the first
    /// sample.
    fn refine(&mut self, wait: Option<PreloadWait>) -> Option<PreloadWait> {
        self.is_wanted = wait == Some(PreloadWait::Peers);
        if !self.is_wanted {
            (self.asked_at, self.fetched_bytes) = (None, None);
            return wait;
        }
        self.asked_at?;
        Some(if self.is_fetching { PreloadWait::Piece } else { PreloadWait::Peers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: Option<u64>, tail: Option<u64>, len: u64, want: &[(u64, u64)]) {
        let ranges = FileParts { head, tail }.ranges(len);
        let ranges: Vec<_> = ranges.into_iter().map(|range| (range.start(), range.end())).collect();
        assert_eq!(ranges, want);
    }

    #[test]
    fn parts_are_cut_to_the_file_and_never_overlap() {
        check(None, None, 100, &[(0, 100)]);
        check(Some(10), None, 100, &[(0, 10)]);
        check(None, Some(10), 100, &[(90, 100)]);
        check(Some(10), Some(20), 100, &[(0, 10), (80, 100)]);
        check(Some(80), Some(20), 100, &[(0, 100)]);
        check(Some(u64::MAX), Some(1), 100, &[(0, 100)]);
        check(Some(10), Some(u64::MAX), 100, &[(0, 100)]);
        check(Some(0), Some(0), 100, &[]);
        check(None, None, 0, &[(0, 0)]);
        check(Some(10), None, 0, &[]);
    }
}
