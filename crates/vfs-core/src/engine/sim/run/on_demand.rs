//! Torrents on demand in a run: selections change at any time, some programs must not cause
//! downloads, and nothing is fetched for reads that are over.

use std::time::Duration;

use bytes::Bytes;

use super::super::world::Expected;
use super::{Event, Run};
use crate::engine::BreakerState;
use crate::{ByteRange, FileId, VfsError};

/// How long the sum of a released handle may be open: a bitfield may take four seconds, and one
/// that was requested too early is requested again.
const CLAIM_TIME_MAX: Duration = Duration::from_secs(20);

impl Run {
    /// Selects files of a torrent that the server lacks, or deselects them.
    pub(super) fn select(&mut self) {
        let which = self.random.range(0, self.server.torrents.len() as u64 - 1);
        let torrent = &mut self.server.torrents[usize::try_from(which).unwrap()];
        torrent.has_selected = !torrent.has_selected;
        self.summary.selects += 1;
        self.later(5000, Event::Select);
    }

    /// Checks that no stream is opened at missing data for programs that must not cause downloads.
    pub(super) fn check_open(&mut self, file: FileId, range: ByteRange) {
        let index = self.server.files.iter().position(|it| it.id == file).unwrap();
        let reads = self.expected.values().filter(|it| it.file == index);
        let may_download = reads.clone().any(|it| !it.is_present_only)
            || self.preloaders.iter().flat_map(|it| &it.current).any(|it| it.file == index);
        if !may_download && reads.count() > 0 {
            let is_there = self.server.has(index, range.start());
            assert!(is_there || self.has_crashed, "{range:?} of {file:?} is opened for nothing");
        }
    }

    pub(super) fn note_answer(
        &mut self,
        expected: &Expected,
        result: &Result<Vec<Bytes>, VfsError>,
    ) {
        let torrent = self.server.files[expected.file].id.torrent;
        self.summary.present_only += u64::from(expected.is_present_only && result.is_err());
        match result {
            Ok(_) | Err(VfsError::Partial) => self.answered.insert(torrent),
            Err(_) => self.failed.insert(torrent),
        };
    }

    /// Checks that no stream stays open for reads that failed or were cancelled, and that the sums
    /// of downloads become final.
    pub(super) fn check_on_demand(&mut self) {
        let answered = std::mem::take(&mut self.answered);
        for torrent in std::mem::take(&mut self.failed) {
            let is_awaited =
                self.expected.values().any(|it| self.server.files[it.file].id.torrent == torrent);
            if !is_awaited && !answered.contains(&torrent) {
                assert_eq!(self.core.plan.idle_fetches(torrent), 0, "{:#?}", self.core.plan);
            }
        }
        let is_up = self.core.counters(self.now).breaker == BreakerState::Closed;
        let oldest = self.core.plan.oldest_claim().filter(|at| is_up && *at > self.trouble_at);
        let is_final = oldest.is_none_or(|at| self.now <= at + CLAIM_TIME_MAX);
        assert!(is_final, "a claim of {oldest:?} is open at {:?}", self.now);
        let (by_readers, by_preloads) = self.core.plan.bytes_downloaded();
        let counted = by_readers + by_preloads;
        let came = self.server.bytes_came;
        assert!(counted <= came, "{counted} bytes are counted, and {came} came");
    }
}
