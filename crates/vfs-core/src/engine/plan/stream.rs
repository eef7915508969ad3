//! A stream as the plan sees it: where it is, for whom, and how far it may go.

use std::collections::BTreeSet;
use std::time::Duration;

use super::action::{Priority, ReadId};
use crate::engine::Timestamp;
use crate::{ByteRange, FileId, HandleId, SourceError};

/// How far a stream's life has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It was asked for; the source has not confirmed it.
    Opening,
    /// Bytes come.
    Open,
    /// The source failed; it is opened again where it was, after a while. What it brought stays.
    Broken {
        /// When it is opened again.
        retry_at: Timestamp,
    },
    /// It is to be closed, and holds its permit until it is.
    Closing,
}

/// What a stream was opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamKind {
    /// Exactly the bytes that were asked for.
    Bounded,
    /// The bytes that were asked for, and what follows and costs no wait: the rest of the piece
    /// that they waited for, or of what is there. It is kept for who goes on to read.
    ToPieceEnd,
    /// A sequential reader: up to the end of the file, `ahead_bytes` ahead of the reader.
    Window {
        /// How far it reads ahead.
        ahead_bytes: u64,
        /// Where the reader was when that last grew.
        grown_at: u64,
    },
    /// A run of missing bytes that are only to be fetched by the server. None are kept.
    Preload,
}

/// What may be asked of a stream now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demand {
    /// Up to so many bytes.
    Bytes(u64),
    /// The end of the range: all its bytes are out.
    End,
    /// Nothing: there is no room, or nobody wants more.
    Nothing,
    /// It is closed.
    Closed,
}

/// A stream that holds a permit.
#[derive(Debug)]
pub(crate) struct PlannedStream {
    pub(crate) file: FileId,
    /// What was asked of the source.
    pub(crate) range: ByteRange,
    pub(crate) kind: StreamKind,
    pub(crate) phase: Phase,
    pub(crate) priority: Priority,
    /// Where the bytes start that are kept.
    pub(crate) low: u64,
    /// The offset of the next byte.
    pub(crate) pos: u64,
    /// Where readers are: the end of what was given to them.
    pub(crate) consumed: u64,
    /// The reads that wait for its bytes.
    pub(crate) reads: BTreeSet<ReadId>,
    /// The handles that it serves. Without any it is closed when nobody waits.
    pub(crate) owners: BTreeSet<HandleId>,
    /// Whether its next byte is not known to be there.
    pub(crate) is_missing: bool,
    /// Until where that holds.
    pub(crate) class_until: u64,
    /// From when on others may have its permit, if it was of use: see
    /// [`turn_end`](Self::turn_end).
    pub(crate) timeslice_until: Timestamp,
    /// Whether it answered a read since its turn began.
    pub(crate) is_useful: bool,
    /// When it was first asked for, confirmed, or brought bytes last.
    pub(crate) moved_at: Timestamp,
    /// When it was last asked for.
    pub(crate) asked_at: Timestamp,
    /// Since when nobody waits or reads.
    pub(crate) idle_since: Timestamp,
    /// Whether bytes before `consumed` may be given up.
    pub(crate) has_moved: bool,
    /// Whether reads may join it that could not before: it was opened, or will come further.
    pub(crate) has_grown: bool,
    /// How often it failed since the last byte came.
    pub(crate) failure_count: u32,
    /// Why no byte came since.
    pub(crate) last_error: Option<SourceError>,
}

impl PlannedStream {
    /// Returns whether it holds a permit that it will not give back by itself.
    pub(crate) fn is_live(&self) -> bool {
        self.phase != Phase::Closing
    }

    /// Returns from when on others may have its permit, given how long it may stay silent.
    ///
    /// A stream that was just asked for, or brings bytes that are there, is not closed before it
    /// has answered a read: on a slow line all turns would end before they are of any use.
    pub(crate) fn turn_end(&self, silence_max: Duration) -> Timestamp {
        let is_moving = !self.is_missing && !self.is_useful;
        match self.phase {
            Phase::Open if !is_moving => self.timeslice_until,
            Phase::Open | Phase::Opening | Phase::Closing | Phase::Broken { .. } => {
                self.timeslice_until.max(self.moved_at.saturating_add(silence_max))
            }
        }
    }

    /// Returns how far it reads ahead.
    pub(crate) fn ahead_bytes(&self) -> u64 {
        match self.kind {
            StreamKind::Bounded | StreamKind::ToPieceEnd | StreamKind::Preload => 0,
            StreamKind::Window { ahead_bytes, .. } => ahead_bytes,
        }
    }

    /// Returns what it takes from the memory that windows share.
    pub(crate) fn window_bytes(&self, read_bytes_max: u64) -> u64 {
        let kept = self.pos.saturating_sub(self.low).saturating_sub(read_bytes_max);
        self.ahead_bytes().max(kept)
    }

    /// Moves the reader forward to `to`.
    pub(crate) fn consume(&mut self, to: u64) {
        if to > self.consumed {
            self.consumed = to;
            self.has_moved = true;
        }
    }
}
