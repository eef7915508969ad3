//! A stream in the plan: position, limits, and the reads that it serves.

use std::collections::BTreeSet;
use std::time::Duration;

use super::action::{Priority, ReadId};
use super::turn::Turn;
use crate::{ByteRange, FileId, HandleId, SourceError, Timestamp};

/// The state of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Requested; the source has not confirmed it.
    Opening,
    /// Confirmed; bytes can arrive.
    Open,
    /// Failed; it is reopened at its position after a back-off. Its bytes are kept.
    Broken {
        /// When it is reopened.
        retry_at: Timestamp,
    },
    /// Being closed. It holds its permit until it has closed.
    Closing,
}

/// What a stream was opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamKind {
    /// Exactly the requested bytes.
    Bounded,
    /// The requested bytes, and following ones that need no wait: the rest of their piece, or of
    /// the present bytes. They are cached for later reads.
    ToPieceEnd,
    /// A sequential reader: up to the end of the file, at most `ahead_bytes` ahead of the reader.
    Window {
        /// How far it reads ahead.
        ahead_bytes: u64,
        /// The reader's position when `ahead_bytes` last grew.
        grown_at: u64,
    },
    /// Missing bytes that only the server shall fetch. The bytes are discarded.
    Preload,
}

/// What the driver may request from a stream now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demand {
    /// At most this many bytes.
    Bytes(u64),
    /// The end of the range: all of its bytes have arrived.
    End,
    /// Nothing: the buffer is full, or no read needs more.
    Nothing,
    /// It is closed.
    Closed,
}

/// A stream that holds a permit.
#[derive(Debug)]
pub(crate) struct PlannedStream {
    pub(crate) file: FileId,
    /// The range requested from the source.
    pub(crate) range: ByteRange,
    /// The end of the range requested from the source, if that stays open after `range`.
    pub(crate) asked_end: u64,
    /// Whether it keeps the server connected to its peers.
    pub(crate) keeps_peers: bool,
    /// Whether the server fetches missing pieces of its torrent only for streams, and may fetch
    /// some for this one.
    pub(crate) may_fetch: bool,
    /// The bytes of pieces that the server fetched ahead of it and that nothing asked for.
    pub(crate) unasked_bytes: u64,
    pub(crate) kind: StreamKind,
    pub(crate) phase: Phase,
    pub(crate) priority: Priority,
    /// The start of the bytes that are kept.
    pub(crate) low: u64,
    /// The offset of the next byte.
    pub(crate) pos: u64,
    /// The end of the bytes that readers have received.
    pub(crate) consumed: u64,
    /// The reads that wait for its bytes.
    pub(crate) reads: BTreeSet<ReadId>,
    /// The handles that it serves. Without handles and reads it is closed.
    pub(crate) owners: BTreeSet<HandleId>,
    /// Whether its next byte is missing or of unknown availability.
    pub(crate) is_missing: bool,
    /// The offset up to which `is_missing` is valid.
    pub(crate) class_until: u64,
    /// Its time slice, after which other reads may take its permit.
    pub(crate) turn: Turn,
    /// When it was first requested, was confirmed, or last received bytes.
    pub(crate) moved_at: Timestamp,
    /// The longest time that it waited for bytes.
    pub(crate) wait_max: Duration,
    /// When it was last requested.
    pub(crate) asked_at: Timestamp,
    /// When its last read left it, or its bytes were last read.
    pub(crate) idle_since: Timestamp,
    /// When a read of missing data of its torrent was last answered.
    pub(crate) kept_at: Timestamp,
    /// Whether bytes before `consumed` may be released.
    pub(crate) has_moved: bool,
    /// Whether more reads may join it: it was opened, or its reach has grown.
    pub(crate) has_grown: bool,
    /// The number of failures since the last byte arrived.
    pub(crate) failure_count: u32,
    /// The last failure since the last byte arrived.
    pub(crate) last_error: Option<SourceError>,
}

impl PlannedStream {
    /// Returns whether the stream is not being closed.
    pub(crate) fn is_live(&self) -> bool {
        self.phase != Phase::Closing
    }

    /// Returns how far it reads ahead.
    pub(crate) fn ahead_bytes(&self) -> u64 {
        match self.kind {
            StreamKind::Bounded | StreamKind::ToPieceEnd | StreamKind::Preload => 0,
            StreamKind::Window { ahead_bytes, .. } => ahead_bytes,
        }
    }

    /// Returns its part of the memory that windows share.
    pub(crate) fn window_bytes(&self, read_bytes_max: u64) -> u64 {
        let kept = self.pos.saturating_sub(self.low).saturating_sub(read_bytes_max);
        self.ahead_bytes().max(kept)
    }

    /// Advances the position of the reader to `to`.
    pub(crate) fn consume(&mut self, to: u64) {
        if to > self.consumed {
            self.consumed = to;
            self.has_moved = true;
        }
    }
}
