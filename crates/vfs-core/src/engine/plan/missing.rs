//! How long reads wait for missing pieces, for monitoring.
//!
//! A read waits for missing pieces while the last bitfield lacks a piece of its rest, of which no
//! byte has arrived since. No bitfield is requested for this.
//!
//! - A recent bitfield was requested at most a second
//!   ([`Tuning::haves_interval`](super::Tuning::haves_interval)) before the read. It is believed,
//!   and replaces what an older one has shown.
//! - An older one is believed only if the server was silent for long: the piece may have come
//!   since.
//!
//! So a read of data that a bitfield has shown never counts, however slow the server is. Nothing is
//! counted without a bitfield, nor for a read that would rather fail than wait.
#![warn(clippy::arithmetic_side_effects)]

use std::time::Duration;

use super::{Plan, PlannedRead, ReadId, WaitPolicy};
use crate::{InfoHash, Timestamp};

/// The shortest wait for a piece that only an old bitfield lacks. A local server sends present
/// bytes in less.
const SILENCE_MIN: Duration = Duration::from_millis(250);

/// The same in round trips to the server.
const SILENCE_ROUND_TRIPS: u32 = 4;

/// The wait of a read for missing pieces.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MissingWait {
    state: MissingState,
    /// The sum of the waits that have ended.
    ended: Duration,
}

#[derive(Debug, Clone, Copy, Default)]
enum MissingState {
    /// Not known.
    #[default]
    Unknown,
    /// The rest of the read is there.
    There,
    /// An old bitfield lacks a piece of it. The read has waited since.
    MaybeSince(Timestamp),
    /// A piece of it has been missing since.
    Since(Timestamp),
}

/// What a bitfield shows of the rest of a read.
#[derive(Debug, Clone, Copy)]
struct ShownPieces {
    lacks_any: bool,
    is_recent: bool,
}

impl MissingWait {
    /// Updates the state from a bitfield.
    fn update(&mut self, (arrived_at, now): (Timestamp, Timestamp), shown: ShownPieces) {
        self.state = match (self.state, shown.lacks_any, shown.is_recent) {
            // Pieces are only added, so it was missing from the start.
            (MissingState::Unknown | MissingState::MaybeSince(_), true, true) => {
                MissingState::Since(arrived_at)
            }
            (MissingState::There, true, true) => MissingState::Since(now),
            (MissingState::Unknown, true, false) => MissingState::MaybeSince(arrived_at),
            (MissingState::Since(since), false, true) => {
                self.ended = self.ended.saturating_add(now.duration_since(since));
                MissingState::There
            }
            (MissingState::Unknown, false, _) | (MissingState::MaybeSince(_), false, true) => {
                MissingState::There
            }
            (state, _, _) => state,
        };
    }

    /// Records that a stream serves the read. Before, it may have waited for a permit.
    pub(super) fn on_stream(&mut self, now: Timestamp) {
        if let MissingState::MaybeSince(since) = &mut self.state {
            *since = now;
        }
    }

    fn total(&self, now: Timestamp, silence_min: Duration) -> Duration {
        let open = match self.state {
            MissingState::Since(since) => now.duration_since(since),
            MissingState::MaybeSince(since) => {
                Some(now.duration_since(since)).filter(|it| *it >= silence_min).unwrap_or_default()
            }
            MissingState::Unknown | MissingState::There => Duration::ZERO,
        };
        self.ended.saturating_add(open)
    }
}

impl Plan {
    /// Returns how long a read has waited for missing pieces so far; at most its age.
    pub(super) fn missing_time(&self, read: &PlannedRead, now: Timestamp) -> Duration {
        let round_trips = self.round_trip.time().saturating_mul(SILENCE_ROUND_TRIPS);
        match read.wait_policy {
            // Another server may have them.
            WaitPolicy::FailFast => Duration::ZERO,
            WaitPolicy::UntilDeadline | WaitPolicy::FailOnError => {
                read.missing.total(now, SILENCE_MIN.max(round_trips))
            }
        }
    }

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
        let shown = self.availability.is_lacking(file, facts, self.rest_of(read));
        let oldest = arrived_at.saturating_sub(self.tuning.haves_interval);
        if let Some((lacks_any, requested_at)) = shown
            && let Some(read) = self.reads.get_mut(&id)
        {
            let shown = ShownPieces { lacks_any, is_recent: requested_at >= oldest };
            read.missing.update((arrived_at, now), shown);
        }
    }
}
