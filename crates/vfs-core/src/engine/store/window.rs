//! The bytes of one stream, block by block.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::{ByteRange, FileId};

/// The bytes of a stream that are not released yet.
#[derive(Debug)]
pub(super) struct Window {
    file: FileId,
    file_len: u64,
    block_bytes: u64,
    /// The offset of the next byte.
    pos: u64,
    /// The end of the range that the stream was opened for.
    end: u64,
    /// Ordered and without gaps, up to `pos`.
    segments: VecDeque<Segment>,
}

/// The bytes of a stream in one block.
#[derive(Debug)]
pub(super) struct Segment {
    start: u64,
    /// Its final length.
    len: usize,
    is_block: bool,
    is_used: bool,
    body: BlockBytes,
}

#[derive(Debug)]
enum BlockBytes {
    Filling(BytesMut),
    Full(Bytes),
}

impl Window {
    pub(super) fn new(file: FileId, file_len: u64, range: ByteRange, block_bytes: u64) -> Self {
        let (pos, end) = (range.start(), range.end());
        Self { file, file_len, block_bytes, pos, end, segments: VecDeque::new() }
    }

    pub(super) fn file(&self) -> FileId {
        self.file
    }

    /// Appends the next bytes. Bytes beyond the end of the range are dropped.
    pub(super) fn append(&mut self, mut chunk: &[u8]) {
        while !chunk.is_empty() && self.pos < self.end {
            let is_full = self.segments.back().is_none_or(Segment::is_full);
            if is_full {
                let segment = self.next_segment();
                self.segments.push_back(segment);
            }
            let Some(segment) = self.segments.back_mut() else { return };
            let taken = segment.fill(chunk);
            chunk = chunk.get(taken..).unwrap_or_default();
            self.pos = self.pos.saturating_add(taken as u64);
        }
    }

    /// Removes and returns the first segment if all of it is before an offset.
    pub(super) fn pop_before(&mut self, before: u64) -> Option<Segment> {
        let first = self.segments.front()?;
        let is_passed = before == u64::MAX || first.is_full() && first.end() <= before;
        if is_passed { self.segments.pop_front() } else { None }
    }

    /// Returns bytes from `at` on, at least one, up to `end` at most.
    pub(super) fn part_at(&mut self, at: u64, end: u64) -> Option<Bytes> {
        let position = self.position(at)?;
        self.segments.get_mut(position)?.part(at, end)
    }

    /// Returns the end of the contiguous bytes from `at` on.
    pub(super) fn end_at(&self, at: u64) -> Option<u64> {
        let first = self.segments.front()?.start;
        (first <= at && at < self.pos).then_some(self.pos)
    }

    /// Returns its memory use in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.len as u64).sum()
    }

    fn position(&self, at: u64) -> Option<usize> {
        self.end_at(at)?;
        let first = self.segments.front()?.start.checked_div(self.block_bytes)?;
        usize::try_from(at.checked_div(self.block_bytes)?.checked_sub(first)?).ok()
    }

    fn next_segment(&self) -> Segment {
        let block_end = (self.pos / self.block_bytes).saturating_add(1) * self.block_bytes;
        let end = block_end.min(self.end);
        let len = usize::try_from(end.saturating_sub(self.pos)).unwrap_or(0);
        Segment {
            start: self.pos,
            len,
            is_block: self.pos.is_multiple_of(self.block_bytes)
                && (end == block_end || end == self.file_len),
            is_used: false,
            body: BlockBytes::Filling(BytesMut::with_capacity(len)),
        }
    }
}

impl Segment {
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// Returns whether it is a whole, complete block.
    pub(super) fn is_block(&self) -> bool {
        self.is_block && self.is_full()
    }

    pub(super) fn is_used(&self) -> bool {
        self.is_used
    }

    pub(super) fn into_bytes(self) -> Bytes {
        match self.body {
            BlockBytes::Filling(filled) => filled.freeze(),
            BlockBytes::Full(bytes) => bytes,
        }
    }

    fn end(&self) -> u64 {
        self.start.saturating_add(self.filled().len() as u64)
    }

    fn is_full(&self) -> bool {
        matches!(self.body, BlockBytes::Full(_))
    }

    fn filled(&self) -> &[u8] {
        match &self.body {
            BlockBytes::Filling(filled) => filled,
            BlockBytes::Full(bytes) => bytes,
        }
    }

    /// Appends as many bytes as fit, and returns their number.
    fn fill(&mut self, chunk: &[u8]) -> usize {
        let BlockBytes::Filling(filled) = &mut self.body else { return 0 };
        let room = self.len.saturating_sub(filled.len());
        let taken = chunk.get(..room.min(chunk.len())).unwrap_or_default();
        filled.extend_from_slice(taken);
        if filled.len() == self.len {
            self.body = BlockBytes::Full(std::mem::take(filled).freeze());
        }
        taken.len()
    }

    /// Returns bytes from `at` on: a view of a full segment, or a copy from a partial one.
    fn part(&mut self, at: u64, end: u64) -> Option<Bytes> {
        let from = usize::try_from(at.checked_sub(self.start)?).ok()?;
        let to = usize::try_from(end.saturating_sub(self.start)).ok()?.min(self.filled().len());
        if from >= to {
            return None;
        }
        self.is_used = true;
        match &self.body {
            BlockBytes::Filling(filled) => filled.get(from..to).map(Bytes::copy_from_slice),
            BlockBytes::Full(bytes) => Some(bytes.slice(from..to)),
        }
    }
}
