//! The cache: whole blocks that readers have passed, shared by all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::FileId;

/// A block of a file that is there from its first to its last byte.
#[derive(Debug, Clone)]
pub(super) struct Block {
    bytes: Bytes,
    /// Whether anybody asked for a part of it.
    is_used: Arc<AtomicBool>,
}

impl Block {
    pub(super) fn new(bytes: Bytes, is_used: bool) -> Self {
        Self { bytes, is_used: Arc::new(AtomicBool::new(is_used)) }
    }

    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(super) fn mark_used(&self) {
        self.is_used.store(true, Ordering::Relaxed);
    }
}

/// Blocks by file and index, the least recently used first to go.
///
/// Not by frequency, which moka does by default: it would refuse what was just read ahead as long
/// as nobody has asked for it.
#[derive(Debug)]
pub(super) struct BlockCache {
    blocks: Cache<(FileId, u64), Block>,
    bytes_unused: Arc<AtomicU64>,
}

impl BlockCache {
    pub(super) fn new(bytes_max: u64) -> Self {
        let bytes_unused = Arc::<AtomicU64>::default();
        let unused = Arc::clone(&bytes_unused);
        let blocks = Cache::builder()
            .max_capacity(bytes_max)
            .weigher(|_, block: &Block| u32::try_from(block.bytes.len()).unwrap_or(u32::MAX))
            .eviction_policy(EvictionPolicy::lru())
            .eviction_listener(move |_, block, _| {
                if !block.is_used.load(Ordering::Relaxed) {
                    unused.fetch_add(block.bytes.len() as u64, Ordering::Relaxed);
                }
            })
            .build();
        Self { blocks, bytes_unused }
    }

    /// Adds a block. What it displaces is gone when this returns: moka would do that later, and
    /// hold more than its limit until then.
    pub(super) fn insert(&self, file: FileId, index: u64, block: Block) {
        if !self.blocks.contains_key(&(file, index)) {
            self.blocks.insert((file, index), block);
            self.blocks.run_pending_tasks();
        }
    }

    pub(super) fn get(&self, file: FileId, index: u64) -> Option<Block> {
        self.blocks.get(&(file, index))
    }

    /// Returns a block for a look, not for its bytes.
    pub(super) fn peek(&self, file: FileId, index: u64) -> Option<Block> {
        self.blocks.get(&(file, index))
    }

    /// Gives all blocks up. One by one, so that none is left when this returns: moka drops all of
    /// them at once only some time later.
    pub(super) fn clear(&self) {
        for (key, _) in &self.blocks {
            self.blocks.invalidate(&*key);
        }
        self.blocks.run_pending_tasks();
    }

    pub(super) fn bytes(&self) -> u64 {
        self.blocks.weighted_size()
    }

    pub(super) fn bytes_unused(&self) -> u64 {
        self.bytes_unused.load(Ordering::Relaxed)
    }
}
