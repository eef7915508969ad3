//! Download progress of torrents: it extends the deadlines of reads that wait for missing data.
//!
//! A read expires when its torrent made no progress for [`ReadDeadline::timeout`], and at
//! [`ReadDeadline::latest`] in any case. Progress is another page on the stream of the read, or a
//! growing counter of fetched bytes at the source. A torrent is sampled once a read has waited for
//! one [`SAMPLES_PER_TIMEOUT`]th of its time-out. Reads that are answered sooner cost no sample.
#![warn(clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Output, Plan, PlannedRead, ReadDeadline, ReadId, ReadRequest};
use crate::{DownloadProgress, InfoHash, Timestamp};

/// The number of samples in one time-out. It bounds how late progress is detected.
const SAMPLES_PER_TIMEOUT: u32 = 8;

/// The shortest interval between two samples of a torrent. The response for a torrent of many files
/// has some hundred kilobytes.
pub(in crate::engine) const SAMPLE_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// The longest interval: an older estimate of the remaining time is of no use.
const SAMPLE_INTERVAL_MAX: Duration = Duration::from_secs(10);

/// The maximum age of a sample that is compared with the next one. One failed sample in between is
/// tolerated.
const SAMPLE_AGE_MAX: Duration = SAMPLE_INTERVAL_MAX.saturating_mul(2);

/// How long before the expiry of a read the last sample is taken: rqbit answers within
/// milliseconds.
const LAST_SAMPLE_LEAD: Duration = Duration::from_secs(1);

/// The bytes that a torrent may fetch while a read waits for one piece, not counting four pieces.
/// It is twice what rqbit fetches ahead of a stream. More than that belongs to other files or
/// readers.
const FETCHED_BYTES_MAX: u64 = 64 << 20;

/// The additional pieces: as many as rqbit fetches at a time from a few peers.
const FETCHED_PIECES_MAX: u64 = 4;

/// The bytes that must arrive on a read's stream to count as progress: one page. A connection that
/// repeatedly breaks or stalls after a few bytes makes no progress.
const PROGRESS_BYTES_MIN: u64 = 4096;

/// When a waiting read expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expiry {
    /// A lower bound, computed again when it is reached.
    pub(super) at: Timestamp,
    /// When the read last made progress, or arrived.
    progress_at: Timestamp,
    /// The stream offset that counts as progress again.
    progress_pos: u64,
    /// The bytes fetched by the torrent at the first sample since the read arrived.
    fetched_at_first: Option<u64>,
    /// Whether the last sample before `at` was requested.
    is_last_sampled: bool,
}

impl Expiry {
    pub(super) fn new(now: Timestamp, request: &ReadRequest) -> Self {
        Self {
            at: request.deadline.first.min(request.deadline.latest),
            progress_at: now,
            progress_pos: request.need.start().saturating_add(PROGRESS_BYTES_MIN),
            fetched_at_first: None,
            is_last_sampled: false,
        }
    }

    /// Records that the stream of the read has reached `pos`.
    pub(super) fn on_chunk(&mut self, now: Timestamp, pos: u64) {
        if pos >= self.progress_pos {
            self.progress_at = now;
            self.progress_pos = pos.saturating_add(PROGRESS_BYTES_MIN);
        }
    }
}

/// The download progress of one torrent.
#[derive(Debug, Default)]
struct Sampled {
    asked_at: Option<Timestamp>,
    is_pending: bool,
    /// When the next sample is due.
    next_at: Option<Timestamp>,
    /// The last sample, and its time.
    last: Option<(Timestamp, DownloadProgress)>,
    /// The sum of all growth of the source's counter, which restarts at zero with the source.
    fetched_bytes: u64,
    progress_at: Option<Timestamp>,
}

/// The download progress of the torrents that reads have waited for.
#[derive(Debug, Default)]
pub(super) struct FetchHistory {
    torrents: BTreeMap<InfoHash, Sampled>,
}

/// Returns the sample interval of a torrent for a read.
fn sample_interval(timeout: Duration) -> Duration {
    let interval = timeout.checked_div(SAMPLES_PER_TIMEOUT).unwrap_or_default();
    interval.clamp(SAMPLE_INTERVAL_MIN, SAMPLE_INTERVAL_MAX)
}

impl Sampled {
    /// Returns whether the entry is kept: for its reads, or to enforce the minimum interval.
    fn is_used(&self, now: Timestamp) -> bool {
        let soonest = self.asked_at.map(|asked| asked.saturating_add(SAMPLE_INTERVAL_MIN));
        self.is_pending || self.next_at.is_some() || soonest.is_some_and(|soonest| soonest > now)
    }

    /// Schedules a sample at `at`, or later if the minimum interval requires it.
    fn ask_at(&mut self, at: Timestamp) {
        if self.is_pending {
            return;
        }
        let soonest = self.asked_at.map(|asked| asked.saturating_add(SAMPLE_INTERVAL_MIN));
        let at = soonest.map_or(at, |soonest| at.max(soonest));
        self.next_at = Some(self.next_at.map_or(at, |next| next.min(at)));
    }

    fn on_answer(&mut self, now: Timestamp, progress: DownloadProgress) {
        // Between distant samples, the time of the growth is unknown.
        let is_recent = |at: &Timestamp| now.duration_since(*at) <= SAMPLE_AGE_MAX;
        let last = self.last.filter(|(at, _)| is_recent(at)).map(|(_, last)| last.fetched_bytes);
        let growth = match last {
            Some(last) if progress.fetched_bytes < last => progress.fetched_bytes,
            Some(last) => progress.fetched_bytes.saturating_sub(last),
            None => 0,
        };
        self.fetched_bytes = self.fetched_bytes.saturating_add(growth);
        if growth > 0 || (last.is_none() && progress.bytes_per_second > 0) {
            self.progress_at = Some(now);
        }
        self.last = Some((now, progress));
    }
}

impl FetchHistory {
    /// Discards all samples: no pending request will be answered.
    pub(super) fn cancel(&mut self) {
        self.torrents.clear();
    }

    /// Returns when the next sample is due.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.torrents.values().filter_map(|sampled| sampled.next_at).min()
    }

    /// Returns a torrent whose sample is due now, each once.
    fn pop_due(&mut self, now: Timestamp) -> Option<InfoHash> {
        let is_due = |sampled: &Sampled| sampled.next_at.is_some_and(|at| at <= now);
        let (torrent, sampled) = self.torrents.iter_mut().find(|(_, it)| is_due(it))?;
        (sampled.asked_at, sampled.is_pending, sampled.next_at) = (Some(now), true, None);
        Some(*torrent)
    }
}

impl Plan {
    /// Handles the answer to [`Output::AskProgress`]; `None` if the source does not report
    /// progress.
    pub(in crate::engine) fn on_download(
        &mut self,
        now: Timestamp,
        torrent: InfoHash,
        answer: Option<DownloadProgress>,
    ) {
        let Some(sampled) = self.samples.torrents.get_mut(&torrent) else { return };
        sampled.is_pending = false;
        if let Some(answer) = answer {
            sampled.on_answer(now, answer);
        }
        let (asked_at, fetched) = (sampled.asked_at.unwrap_or(now), sampled.fetched_bytes);
        sampled.next_at = None;
        self.is_dirty = true;
        let reads: Vec<_> = self.index.of_torrent(torrent).collect();
        for id in reads {
            let Some(read) = self.reads.get_mut(&id) else { continue };
            if read.is_preload() {
                continue;
            }
            if answer.is_some() {
                read.expiry.fetched_at_first.get_or_insert(fetched);
            }
            let Some(read) = self.reads.get(&id) else { continue };
            // The torrent may have fetched so much that its progress no longer extends this read.
            let at = self.expires_at(read).max(now);
            if at < read.expiry.at {
                if let Some(read) = self.reads.get_mut(&id) {
                    read.expiry.at = at;
                }
                self.mark(id);
            }
            self.watch_progress(id, now, asked_at);
        }
        // If no read has waited for long, sampling starts again with the next one.
        self.samples.torrents.retain(|_, it| it.is_used(now));
    }

    /// Returns whether a read continues to wait: it has not expired, or progress of its torrent
    /// moved its expiry.
    pub(super) fn renew_expiry(&mut self, id: ReadId, now: Timestamp) -> bool {
        let Some(read) = self.reads.get(&id) else { return true };
        if read.is_preload() || read.expiry.at > now {
            return true;
        }
        let at = self.expires_at(read);
        if at <= now {
            return false;
        }
        if let Some(read) = self.reads.get_mut(&id) {
            (read.expiry.at, read.expiry.is_last_sampled) = (at, false);
        }
        true
    }

    /// Schedules samples of a read's torrent if the read has waited for long enough.
    pub(super) fn sample_for(&mut self, id: ReadId, now: Timestamp) {
        let torrent = self.reads.get(&id).map(|read| read.request.file.torrent);
        let sampled = torrent.and_then(|torrent| self.samples.torrents.get(&torrent));
        let asked_at = sampled.and_then(|sampled| sampled.asked_at);
        self.watch_progress(id, now, asked_at.unwrap_or_default());
    }

    /// Returns the times at which a read needs a sample of its torrent without any event.
    pub(super) fn sample_times(read: &PlannedRead) -> [Option<Timestamp>; 2] {
        let is_sampled = !read.is_preload() && read.may_be_extended();
        [read.first_sample_at(), read.last_sample_at()].map(|at| is_sampled.then_some(at))
    }

    /// Requests the progress of all torrents whose sample is due.
    pub(super) fn ask_progress(&mut self, now: Timestamp) {
        if self.breaker.open_until().is_some_and(|until| now < until) {
            return;
        }
        while let Some(torrent) = self.samples.pop_due(now) {
            // Its reads may have ended since, or new ones may have arrived.
            let is_sampled = {
                let reads = self.index.of_torrent(torrent);
                reads.filter_map(|id| self.reads.get(&id)).any(|read| read.is_sampled(now))
            };
            if is_sampled {
                self.output(Output::AskProgress { torrent });
            } else {
                self.samples.torrents.remove(&torrent);
            }
        }
    }

    /// Returns when the next torrent may be sampled.
    pub(super) fn next_sample_at(&self) -> Option<Timestamp> {
        let at = self.samples.next_at()?;
        Some(self.breaker.open_until().map_or(at, |until| at.max(until)))
    }

    /// Returns the estimated time until the piece of a read is complete. `None` unless the torrent
    /// downloads and fetched less than a piece since the read began: otherwise another piece is
    /// fetched first.
    pub(super) fn time_left(&self, read: &PlannedRead, now: Timestamp) -> Option<Duration> {
        let piece_len = u64::from(read.request.facts.geometry?.piece_len.get());
        let sampled = self.samples.torrents.get(&read.request.file.torrent)?;
        let (at, progress) = sampled.last?;
        // Bytes fetched before the first sample are estimated from the speed at that sample.
        let early = read.first_sample_at().duration_since(read.arrived_at).as_secs();
        let early = progress.bytes_per_second.saturating_mul(early);
        let fetched = self.fetched_bytes(read).saturating_add(early);
        let rest = piece_len.checked_sub(fetched).filter(|_| at >= read.arrived_at)?;
        let left = rest.checked_div(progress.bytes_per_second).map(Duration::from_secs)?;
        left.checked_sub(now.duration_since(at))
    }

    /// Returns the number of connected peers of a torrent at the last sample, if that is recent.
    pub(super) fn sampled_peers(&self, torrent: InfoHash, now: Timestamp) -> Option<usize> {
        let (at, progress) = self.samples.torrents.get(&torrent)?.last?;
        progress.peers.filter(|_| now.duration_since(at) <= SAMPLE_AGE_MAX)
    }

    /// Returns when the torrent last made progress.
    pub(in crate::engine) fn torrent_progress_at(&self, torrent: InfoHash) -> Option<Timestamp> {
        self.samples.torrents.get(&torrent)?.progress_at
    }

    fn watch_progress(&mut self, id: ReadId, now: Timestamp, asked_at: Timestamp) {
        let Some(read) = self.reads.get_mut(&id) else { return };
        if !read.is_sampled(now) {
            return;
        }
        let sampled = self.samples.torrents.entry(read.request.file.torrent).or_default();
        let interval = sample_interval(read.request.deadline.timeout);
        if !read.expiry.is_last_sampled && now >= read.last_sample_at() {
            read.expiry.is_last_sampled = true;
            sampled.ask_at(now);
        }
        sampled.ask_at(asked_at.saturating_add(interval).max(now));
    }

    /// Returns when a read expires, given the progress so far.
    fn expires_at(&self, read: &PlannedRead) -> Timestamp {
        let ReadDeadline { timeout, first, latest } = read.request.deadline;
        let mut progress_at = read.expiry.progress_at;
        let piece_len = read.request.facts.geometry.map(|it| u64::from(it.piece_len.get()));
        if self.fetched_bytes(read) < fetched_bytes_max(piece_len) {
            let of_torrent = self.torrent_progress_at(read.request.file.torrent);
            progress_at = progress_at.max(of_torrent.unwrap_or_default());
        }
        let is_progress = progress_at > read.arrived_at;
        let at = if is_progress { first.max(progress_at.saturating_add(timeout)) } else { first };
        at.min(latest)
    }

    /// Returns the bytes that a read's torrent fetched since its first sample.
    fn fetched_bytes(&self, read: &PlannedRead) -> u64 {
        let sampled = self.samples.torrents.get(&read.request.file.torrent);
        let fetched = sampled.map_or(0, |sampled| sampled.fetched_bytes);
        read.expiry.fetched_at_first.map_or(0, |first| fetched.saturating_sub(first))
    }
}

impl PlannedRead {
    /// Returns whether progress can still extend the expiry.
    fn may_be_extended(&self) -> bool {
        self.expiry.at < self.request.deadline.latest
    }

    /// Returns whether its torrent must be sampled.
    fn is_sampled(&self, now: Timestamp) -> bool {
        let is_waiting = !self.is_preload() && !self.is_answered;
        is_waiting && self.may_be_extended() && now >= self.first_sample_at()
    }

    /// Returns when sampling of its torrent starts.
    fn first_sample_at(&self) -> Timestamp {
        self.arrived_at.saturating_add(sample_interval(self.request.deadline.timeout))
    }

    /// Returns when its torrent is sampled for the last time before the read expires.
    fn last_sample_at(&self) -> Timestamp {
        self.expiry.at.saturating_sub(LAST_SAMPLE_LEAD).max(self.first_sample_at())
    }
}

/// Returns how many bytes a torrent may fetch while a read waits for one of its pieces. Above this,
/// the piece counts as not being downloaded.
pub(in crate::engine) fn fetched_bytes_max(piece_len: Option<u64>) -> u64 {
    let pieces = piece_len.unwrap_or(0).saturating_mul(FETCHED_PIECES_MAX);
    FETCHED_BYTES_MAX.saturating_add(pieces)
}
