//! How long reads wait for missing pieces, for monitoring.
//!
//! A read waits for missing pieces while a bitfield lacks a piece of its rest, of which no byte has
//! arrived since. The bitfield must be recent: it was requested at most
//! [`Tuning::haves_interval`](super::Tuning::haves_interval) before the read.
//!
//! So a read of data that was there for that long never counts, however slow the server is. Without
//! a recent bitfield nothing is counted, nor for a read that would rather fail than wait.
#![warn(clippy::arithmetic_side_effects)]

use std::time::Duration;

use super::{Plan, PlannedRead, ReadId, WaitPolicy};
use crate::{InfoHash, Timestamp};

/// The wait of a read for missing pieces.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MissingWait {
    state: MissingState,
    /// The sum of the waits that have ended.
    ended: Duration,
}

#[derive(Debug, Clone, Copy, Default)]
enum MissingState {
    /// No recent bitfield was seen yet.
    #[default]
    Unknown,
    /// The rest of the read is there.
    There,
    /// A piece of it has been missing since.
    MissingSince(Timestamp),
}

impl MissingWait {
    /// Updates the state from a bitfield.
    fn update(&mut self, arrived_at: Timestamp, now: Timestamp, is_missing: bool) {
        self.state = match (self.state, is_missing) {
            // Pieces are only added, so it was missing from the start.
            (MissingState::Unknown, true) => MissingState::MissingSince(arrived_at),
            (MissingState::There, true) => MissingState::MissingSince(now),
            (MissingState::MissingSince(since), true) => MissingState::MissingSince(since),
            (MissingState::MissingSince(_), false) => {
                self.ended = self.total(now);
                MissingState::There
            }
            (MissingState::Unknown | MissingState::There, false) => MissingState::There,
        };
    }

    fn total(&self, now: Timestamp) -> Duration {
        match self.state {
            MissingState::MissingSince(since) => {
                self.ended.saturating_add(now.duration_since(since))
            }
            MissingState::Unknown | MissingState::There => self.ended,
        }
    }
}

impl PlannedRead {
    /// Returns how long the read has waited for missing pieces so far; at most its age.
    pub(super) fn missing_time(&self, now: Timestamp) -> Duration {
        match self.wait_policy {
            // Another server may have them.
            WaitPolicy::FailFast => Duration::ZERO,
            WaitPolicy::UntilDeadline | WaitPolicy::FailOnError => self.missing.total(now),
        }
    }
}

impl Plan {
    /// Updates whether the reads of a torrent wait for missing pieces, after a new bitfield.
    pub(super) fn note_missing_of(&mut self, torrent: InfoHash, now: Timestamp) {
        let reads: Vec<_> = self.index.of_torrent(torrent).collect();
        reads.into_iter().for_each(|read| self.note_missing(read, now));
    }

    /// Updates whether a read waits for missing pieces.
    pub(super) fn note_missing(&mut self, id: ReadId, now: Timestamp) {
        let Some(read) = self.reads.get(&id) else { return };
        if read.is_preload() || read.is_answered {
            return;
        }
        let (file, arrived_at) = (read.request.file, read.arrived_at);
        let facts = self.files.get(&file).unwrap_or(&read.request.facts);
        let oldest = arrived_at.saturating_sub(self.tuning.haves_interval);
        let is_missing = self.availability.is_lacking(file, facts, self.rest_of(read), oldest);
        if let Some(is_missing) = is_missing
            && let Some(read) = self.reads.get_mut(&id)
        {
            read.missing.update(arrived_at, now, is_missing);
        }
    }
}
