//! Memory: the buffers of streams, and the cache of passed blocks.
//!
//! A stream's bytes are stored in segments, one for each block of the file. When the readers have
//! passed a segment, or the stream closes, a whole block moves to the cache, and a partial block is
//! freed.

mod cache;
mod window;

use std::collections::BTreeMap;

use bytes::Bytes;

use self::cache::Block;
pub(super) use self::cache::BlockCache;
use self::window::Window;
use super::plan::{StreamId, Tuning};
use crate::{ByteRange, FileId};

/// All bytes in memory.
#[derive(Debug)]
pub(super) struct ByteStore {
    windows: BTreeMap<StreamId, Window>,
    cache: BlockCache,
    block_bytes: u64,
    bytes_unused: u64,
}

impl ByteStore {
    /// Returns a store with no bytes except those of `cache`, whose memory other stores may share.
    /// All of them use the same block length.
    pub(super) fn new(tuning: &Tuning, cache: BlockCache) -> Self {
        Self { windows: BTreeMap::new(), cache, block_bytes: tuning.block_bytes, bytes_unused: 0 }
    }

    /// Creates the buffer of a stream.
    pub(super) fn open(&mut self, id: StreamId, file: FileId, file_len: u64, range: ByteRange) {
        self.windows.insert(id, Window::new(file, file_len, range, self.block_bytes));
    }

    /// Appends the next bytes of a stream. Bytes of a closed stream are dropped.
    pub(super) fn append(&mut self, id: StreamId, chunk: &[u8]) {
        if let Some(window) = self.windows.get_mut(&id) {
            window.append(chunk);
        }
    }

    /// Releases a stream's bytes before an offset.
    pub(super) fn release(&mut self, id: StreamId, before: u64) {
        while let Some(window) = self.windows.get_mut(&id) {
            let file = window.file();
            let Some(segment) = window.pop_before(before) else { break };
            self.retire(file, segment);
        }
    }

    /// Releases all bytes of a stream.
    pub(super) fn close(&mut self, id: StreamId) {
        self.release(id, u64::MAX);
        self.windows.remove(&id);
    }

    /// Discards all bytes of a stream, which cannot be trusted.
    pub(super) fn discard(&mut self, id: StreamId) {
        self.windows.remove(&id);
    }

    /// Discards the cached blocks.
    pub(super) fn clear_cache(&self) {
        self.cache.clear();
    }

    /// Returns the bytes of `range` as a list of slices, if all of them are in memory.
    pub(super) fn assemble(&mut self, file: FileId, range: ByteRange) -> Option<Vec<Bytes>> {
        let mut parts = Vec::new();
        let mut at = range.start();
        while at < range.end() {
            let part = self.part_at(file, at, range.end())?;
            at = at.saturating_add(part.len() as u64);
            parts.push(part);
        }
        Some(parts)
    }

    /// Returns the part of `range` that memory lacks, after present bytes are cut off at both ends.
    pub(super) fn missing(&mut self, file: FileId, range: ByteRange) -> ByteRange {
        let mut start = range.start();
        while start < range.end()
            && let Some(end) = self.end_at(file, start)
        {
            start = end.min(range.end());
        }
        let mut end = range.end();
        // Backwards, only the cache is checked: windows fill forwards.
        while end > start {
            let block = (end - 1) / self.block_bytes;
            let Some(found) = self.cache.peek(file, block) else { break };
            let block_start = block.saturating_mul(self.block_bytes);
            if block_start.saturating_add(found.bytes().len() as u64) < end {
                break;
            }
            end = block_start.max(start);
        }
        ByteRange::clamped(start, end.saturating_sub(start), u64::MAX)
    }

    /// Returns the bytes allocated by streams; a block counts as a whole as soon as it is begun.
    pub(super) fn buffered_bytes(&self) -> u64 {
        self.windows.values().map(Window::bytes).sum()
    }

    /// Returns the bytes in the cache, for all stores that share it.
    pub(super) fn cached_bytes(&self) -> u64 {
        self.cache.bytes()
    }

    /// Returns how many bytes the streams released before any read used them. The cache counts its
    /// own.
    pub(super) fn bytes_unused(&self) -> u64 {
        self.bytes_unused
    }

    fn part_at(&mut self, file: FileId, at: u64, end: u64) -> Option<Bytes> {
        let mut windows = self.windows.values_mut().filter(|window| window.file() == file);
        if let Some(part) = windows.find_map(|window| window.part_at(at, end)) {
            return Some(part);
        }
        let block = at.checked_div(self.block_bytes)?;
        let found = self.cache.get(file, block)?;
        let block_start = block.saturating_mul(self.block_bytes);
        let from = usize::try_from(at.saturating_sub(block_start)).ok()?;
        let bytes = found.bytes();
        let to = bytes.len().min(usize::try_from(end.saturating_sub(block_start)).ok()?);
        (from < to).then(|| {
            found.mark_used();
            bytes.slice(from..to)
        })
    }

    /// Returns the end of the contiguous bytes in memory from `at` on.
    fn end_at(&self, file: FileId, at: u64) -> Option<u64> {
        let mut windows = self.windows.values().filter(|window| window.file() == file);
        if let Some(end) = windows.find_map(|window| window.end_at(at)) {
            return Some(end);
        }
        let block = at.checked_div(self.block_bytes)?;
        let len = self.cache.peek(file, block)?.bytes().len() as u64;
        let end = block.saturating_mul(self.block_bytes).saturating_add(len);
        (end > at).then_some(end)
    }

    fn retire(&mut self, file: FileId, segment: window::Segment) {
        let (start, is_block, is_used) = (segment.start(), segment.is_block(), segment.is_used());
        let bytes = segment.into_bytes();
        if is_block {
            let block = Block::new(bytes, is_used);
            self.cache.insert(file, start.checked_div(self.block_bytes).unwrap_or(0), block);
        } else if !is_used {
            self.bytes_unused = self.bytes_unused.saturating_add(bytes.len() as u64);
        }
    }
}
