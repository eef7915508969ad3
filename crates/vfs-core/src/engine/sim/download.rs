//! Downloads of torrents in the simulation, and their effect on time-outs of reads.

use std::collections::BTreeMap;
use std::time::Duration;

use super::world::Expected;
use crate::engine::plan::{SAMPLE_INTERVAL_MIN, fetched_bytes_max};
use crate::{DownloadProgress, InfoHash, Timestamp};

/// For how long after a fetch a torrent reports a speed.
const SPEED_TIME: Duration = Duration::from_secs(3);

/// A fetch this shortly before the expiry of a read may be too late for the last sample.
const UNSEEN_TIME: Duration = Duration::from_millis(1200);

/// The download of a torrent, and the samples that the core took.
#[derive(Debug, Default)]
pub(super) struct SimDownload {
    /// The fetches since the run began: the time, and the sum so far.
    fetches: Vec<(Timestamp, u64)>,
    /// The part of the sum that the server's counter lost in a crash.
    forgotten_bytes: u64,
    asked_at: Option<Timestamp>,
    /// When a sample of the core last failed.
    blind_at: Option<Timestamp>,
    /// Whether a pending answer will be late.
    is_late: bool,
}

/// The downloads of all torrents.
#[derive(Debug, Default)]
pub(super) struct Downloads {
    torrents: BTreeMap<InfoHash, SimDownload>,
}

impl SimDownload {
    fn total_at(&self, at: Timestamp) -> u64 {
        self.fetches.iter().rev().find(|(fetched_at, _)| *fetched_at <= at).map_or(0, |it| it.1)
    }

    fn total(&self) -> u64 {
        self.fetches.last().map_or(0, |(_, total)| *total)
    }

    /// Panics if a read timed out at `now` too early.
    fn check_timeout(&self, now: Timestamp, read: &Expected, piece_len: u32) {
        let idle_end = read.arrived_at + read.timeout;
        assert!(now >= idle_end.min(read.deadline), "{read:?} timed out early, at {now:?}");
        let fetched = self.total() - self.total_at(read.arrived_at);
        let is_blind = self.is_late || self.blind_at.is_some_and(|at| at >= read.arrived_at);
        if is_blind || fetched >= fetched_bytes_max(Some(u64::from(piece_len))) {
            return;
        }
        // The first sample is the base of the others.
        let first_at = read.arrived_at + (read.timeout / 8).max(SAMPLE_INTERVAL_MIN);
        let seen = first_at + UNSEEN_TIME..now.saturating_sub(UNSEEN_TIME);
        let progress = self.fetches.iter().rev().find(|(at, _)| seen.contains(at));
        let Some((progress_at, _)) = progress else { return };
        let end = (*progress_at + read.timeout).min(read.deadline);
        assert!(now >= end, "{read:?} timed out at {now:?} after progress at {progress_at:?}");
    }
}

impl Downloads {
    pub(super) fn of(&mut self, torrent: InfoHash) -> &mut SimDownload {
        self.torrents.entry(torrent).or_default()
    }

    pub(super) fn fetch(&mut self, now: Timestamp, torrent: InfoHash, bytes: u64) {
        let download = self.of(torrent);
        let total = download.total() + bytes;
        download.fetches.push((now, total));
    }

    /// Resets the server's counters.
    pub(super) fn crash(&mut self, now: Timestamp) {
        for download in self.torrents.values_mut() {
            download.forgotten_bytes = download.total();
            download.blind_at = Some(now);
        }
    }

    /// Records that no torrent can be sampled at present.
    pub(super) fn blind_all(&mut self, now: Timestamp) {
        self.torrents.values_mut().for_each(|download| download.blind_at = Some(now));
    }

    /// Checks and records a progress request of the core.
    pub(super) fn on_asked<'a>(
        &mut self,
        now: Timestamp,
        (torrent, is_late): (InfoHash, bool),
        mut waiting: impl Iterator<Item = &'a Expected>,
    ) {
        let download = self.of(torrent);
        download.is_late = is_late;
        let last = download.asked_at.replace(now);
        assert!(last.is_none_or(|last| now - last >= SAMPLE_INTERVAL_MIN), "asked too often");
        let has_waited = |read: &Expected| now - read.arrived_at >= SAMPLE_INTERVAL_MIN;
        assert!(waiting.any(has_waited), "asked about {torrent} although no read waits for long");
    }

    /// Returns the server's answer.
    pub(super) fn answer(&mut self, now: Timestamp, torrent: InfoHash) -> DownloadProgress {
        let download = self.of(torrent);
        let is_recent = download.fetches.last().is_some_and(|(at, _)| now - *at <= SPEED_TIME);
        DownloadProgress {
            fetched_bytes: download.total() - download.forgotten_bytes,
            bytes_per_second: if is_recent { 1000 } else { 0 },
            peers: None,
        }
    }

    /// Records an answer, or a request without one.
    pub(super) fn on_answer(&mut self, now: Timestamp, torrent: InfoHash, is_known: bool) {
        let download = self.of(torrent);
        if std::mem::take(&mut download.is_late) || !is_known {
            download.blind_at = Some(now);
        }
    }

    pub(super) fn check_timeout(
        &mut self,
        now: Timestamp,
        (torrent, piece_len): (InfoHash, u32),
        read: &Expected,
    ) {
        self.of(torrent).check_timeout(now, read, piece_len);
    }
}
