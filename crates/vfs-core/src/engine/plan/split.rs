//! Split reads: a request over pages of which some are there and others are missing.
//!
//! The kernel's read-ahead puts both into one request, and its answer cannot be a part of the
//! bytes: the kernel would take a short one for the end of the file. Who reads a page that is there
//! would wait for the neighbour that is missing. So such a read ends at once with
//! [`VfsError::Partial`](crate::VfsError::Partial). No program sees that: for each page that it
//! wants, the kernel then asks again for that page alone ([`Split`]).
//!
//! The cost: one request for each page of the part that is there, up to the next border.
#![warn(clippy::arithmetic_side_effects)]

use super::{Availability, FileFacts, Plan, PlannedRead, Split};
use crate::engine::Timestamp;
use crate::{ByteRange, FileId};

impl Plan {
    /// Returns from when on a read is better asked for page by page; `None` while it is not.
    pub(super) fn split_at(&self, read: &PlannedRead, now: Timestamp) -> Option<Timestamp> {
        if read.split == Split::Never || read.is_preload() {
            return None;
        }
        let is_known = self.haves.is_known(read.request.file.torrent);
        if read.stream.is_some() && self.has_pieces(read) && !is_known {
            // The answer about pieces is still to come, and the stream says more than a guess.
            return None;
        }
        let patience = match self.presence(read, now) {
            Availability::Missing => self.tuning.split_patience,
            // Perhaps all of it is there, and the line is slow.
            Availability::Unknown => self.tuning.split_patience_unknown,
            Availability::Present | Availability::Pending => return None,
        };
        if !self.has_page_of(read) {
            return None;
        }
        match read.stream {
            // As long as bytes come, the rest may be next.
            Some((stream, since)) => {
                let moved_at = self.streams.get(&stream).map_or(since, |it| it.moved_at.max(since));
                Some(moved_at.saturating_add(patience))
            }
            None => self.is_fresh(read, now).then_some(now),
        }
    }

    /// Returns whether a whole page of a read is there, in memory or on the server.
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
        self.haves.has_page(file, facts, range, self.tuning.page_bytes)
    }

    /// Returns what a read still lacks.
    pub(super) fn rest_of(&self, read: &PlannedRead) -> ByteRange {
        let pos = read.stream.and_then(|(id, _)| self.streams.get(&id)).map_or(0, |it| it.pos);
        let start = read.need.start().max(pos.min(read.need.end()));
        ByteRange::clamped(start, read.need.end().saturating_sub(start), u64::MAX)
    }
}
