//! Split reads: requests over pages of which some are present and others are missing.
//!
//! Kernel read-ahead combines both in one request. A short answer is not possible, because the
//! kernel treats it as the end of the file. A program that reads a present page would wait for a
//! missing neighbour. So such a read ends at once with
//! [`VfsError::Partial`](crate::VfsError::Partial). No program sees this error: the kernel requests
//! each needed page again, alone ([`Split`]).
//!
//! The cost: one request for each page of the present part, up to the next boundary.
#![warn(clippy::arithmetic_side_effects)]

use super::{Availability, FileFacts, Plan, PlannedRead, Split};
use crate::{ByteRange, FileId, Timestamp};

impl Plan {
    /// Returns when a read must be split into pages; `None` while it must not.
    pub(super) fn split_at(&self, read: &PlannedRead, now: Timestamp) -> Option<Timestamp> {
        if read.split == Split::Never || read.is_preload() {
            return None;
        }
        let is_known = self.availability.is_known(read.request.file.torrent);
        if read.stream.is_some() && self.has_pieces(read) && !is_known {
            // The bitfield is pending, and the stream is better evidence than a guess.
            return None;
        }
        let time_max = match self.presence(read, now) {
            Availability::Missing => self.tuning.split_patience,
            // All of it may be present on a slow line.
            Availability::Unknown => self.tuning.split_patience_unknown,
            Availability::Present | Availability::Pending => return None,
        };
        if !self.has_page_of(read) {
            return None;
        }
        match read.stream {
            // While bytes arrive, the rest may be next.
            Some((stream, since)) => {
                let moved_at = self.streams.get(&stream).map_or(since, |it| it.moved_at.max(since));
                Some(moved_at.saturating_add(time_max))
            }
            None => self.is_fresh(read, now).then_some(now),
        }
    }

    /// Returns whether a whole page of a read is present, in memory or on the server.
    fn has_page_of(&self, read: &PlannedRead) -> bool {
        let page_bytes = self.tuning.page_bytes;
        let whole = read.request.range;
        let rest = self.rest_of(read);
        let before = rest.start().saturating_sub(whole.start());
        let after = whole.end().saturating_sub(rest.end());
        let file = read.request.file;
        let facts = self.files.get(&file).unwrap_or(&read.request.facts);
        let is_beside = read.split == Split::Rest;
        is_beside
            || before >= page_bytes
            || after >= page_bytes
            || self.has_page(file, facts, whole)
    }

    /// Returns whether a whole page of a range is known to be on the server.
    pub(in crate::engine) fn has_page(
        &self,
        file: FileId,
        facts: &FileFacts,
        range: ByteRange,
    ) -> bool {
        self.availability.has_page(file, facts, range, self.tuning.page_bytes)
    }

    /// Returns the bytes that a read still lacks.
    pub(super) fn rest_of(&self, read: &PlannedRead) -> ByteRange {
        let pos = read.stream.and_then(|(id, _)| self.streams.get(&id)).map_or(0, |it| it.pos);
        let start = read.need.start().max(pos.min(read.need.end()));
        ByteRange::clamped(start, read.need.end().saturating_sub(start), u64::MAX)
    }
}
