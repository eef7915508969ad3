//! What torrents fetched in the simulation, and what that means for reads that time out.

use std::collections::BTreeMap;
use std::time::Duration;

use super::world::Expected;
use crate::engine::Timestamp;
use crate::engine::plan::{SAMPLE_INTERVAL_MIN, fetched_bytes_max};
use crate::{DownloadProgress, InfoHash};

/// For how long after it fetched something a torrent has a speed.
const SPEED_TIME: Duration = Duration::from_secs(3);

/// What is fetched this shortly before a read expires may come too late for the last sample.
const UNSEEN_TIME: Duration = Duration::from_millis(1200);

/// What a torrent fetched, and what the core was told of it.
#[derive(Debug, Default)]
pub(super) struct SimDownload {
    /// Each fetch since the run began: when, and the sum of all until then.
    fetches: Vec<(Timestamp, u64)>,
    /// What the server does not remember after a crash.
    forgotten_bytes: u64,
    asked_at: Option<Timestamp>,
    /// When the core last could not learn what was fetched.
    blind_at: Option<Timestamp>,
    /// Whether an answer is on its way that will be late.
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
        // The first sample tells from which counter on the others count.
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

    /// The server forgets its counters.
    pub(super) fn crash(&mut self, now: Timestamp) {
        for download in self.torrents.values_mut() {
            download.forgotten_bytes = download.total();
            download.blind_at = Some(now);
        }
    }

    /// The core learns nothing of any torrent for now.
    pub(super) fn blind_all(&mut self, now: Timestamp) {
        self.torrents.values_mut().for_each(|download| download.blind_at = Some(now));
    }

    /// Takes a question of the core.
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

    /// Returns what the server says.
    pub(super) fn answer(&mut self, now: Timestamp, torrent: InfoHash) -> DownloadProgress {
        let download = self.of(torrent);
        let is_recent = download.fetches.last().is_some_and(|(at, _)| now - *at <= SPEED_TIME);
        DownloadProgress {
            fetched_bytes: download.total() - download.forgotten_bytes,
            bytes_per_second: if is_recent { 1000 } else { 0 },
        }
    }

    /// An answer comes, or the news that there is none.
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
