//! The block cache: whole blocks that readers have passed, in one memory for all servers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::{FileId, ServerId};

/// A complete block of a file.
#[derive(Debug, Clone)]
pub(super) struct Block {
    bytes: Bytes,
    /// Whether any read used a part of it.
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

/// A block in the cache. moka frees evicted values only later, when its maintenance runs; the bytes
/// are freed at once.
#[derive(Debug)]
struct Kept {
    /// Protects the bytes; `None` after eviction. Held for one statement.
    bytes: Mutex<Option<Bytes>>,
    len: u32,
    is_used: Arc<AtomicBool>,
}

impl Kept {
    fn new(block: Block) -> Arc<Self> {
        let len = u32::try_from(block.bytes.len()).unwrap_or(u32::MAX);
        Arc::new(Self { bytes: Mutex::new(Some(block.bytes)), len, is_used: block.is_used })
    }

    fn block(&self) -> Option<Block> {
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(Block { bytes, is_used: Arc::clone(&self.is_used) })
    }

    /// Frees the bytes, except those that a reader holds just now.
    fn free(&self) {
        drop(self.bytes.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Blocks by file and index, with eviction of the least recently used.
///
/// Not by frequency, the default of moka: it would reject blocks that were just read ahead, because
/// no read has used them yet.
///
/// Servers share the memory, so that a busy one can use what the others do not need. They do not
/// share blocks: the bytes of a server are not verified here, and a lying server must not answer
/// for the others (`docs/dev/adr/0035-cached-blocks-by-server.md`).
#[derive(Debug, Clone)]
pub(in crate::engine) struct BlockCache {
    /// The server of these blocks.
    server: ServerId,
    /// The blocks of all servers.
    blocks: Cache<(ServerId, FileId, u64), Arc<Kept>>,
    bytes_unused: Arc<AtomicU64>,
}

impl BlockCache {
    /// Returns an empty cache of the first server.
    pub(in crate::engine) fn new(bytes_max: u64) -> Self {
        let bytes_unused = Arc::<AtomicU64>::default();
        let unused = Arc::clone(&bytes_unused);
        let blocks = Cache::builder()
            .max_capacity(bytes_max)
            .weigher(|_, block: &Arc<Kept>| block.len)
            .eviction_policy(EvictionPolicy::lru())
            .eviction_listener(move |_, block, _| {
                if !block.is_used.load(Ordering::Relaxed) {
                    unused.fetch_add(u64::from(block.len), Ordering::Relaxed);
                }
                block.free();
            })
            .build();
        Self { server: ServerId::FIRST, blocks, bytes_unused }
    }

    /// Returns the blocks of another server, in the same memory.
    pub(in crate::engine) fn of_server(&self, server: ServerId) -> Self {
        Self { server, ..self.clone() }
    }

    /// Adds a block. Evicted blocks are freed before this returns: moka would free them later, and
    /// exceed its limit until then.
    pub(super) fn insert(&self, file: FileId, index: u64, block: Block) {
        let key = (self.server, file, index);
        if !self.blocks.contains_key(&key) {
            self.blocks.insert(key, Kept::new(block));
            self.blocks.run_pending_tasks();
        }
    }

    pub(super) fn get(&self, file: FileId, index: u64) -> Option<Block> {
        self.blocks.get(&(self.server, file, index))?.block()
    }

    /// Returns a block without using its bytes.
    pub(super) fn peek(&self, file: FileId, index: u64) -> Option<Block> {
        self.blocks.get(&(self.server, file, index))?.block()
    }

    /// Removes all blocks, also those of other servers. One by one, so that none is left when this
    /// returns: moka's bulk removal is deferred.
    pub(super) fn clear(&self) {
        for (key, _) in &self.blocks {
            self.blocks.invalidate(&*key);
        }
        self.blocks.run_pending_tasks();
    }

    /// Returns the total size of the blocks of all servers, in bytes.
    pub(in crate::engine) fn bytes(&self) -> u64 {
        self.blocks.weighted_size()
    }

    pub(in crate::engine) fn bytes_unused(&self) -> u64 {
        self.bytes_unused.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InfoHash;

    /// Bytes that count the live instances of their kind.
    struct Counted(Vec<u8>, Arc<AtomicU64>);

    impl AsRef<[u8]> for Counted {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            self.1.fetch_sub(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn what_is_displaced_or_cleared_is_freed_at_once() {
        const BLOCK_BYTES: usize = 1000;
        const BLOCKS_MAX: u64 = 10;
        let alive = Arc::<AtomicU64>::default();
        let file = FileId { torrent: InfoHash::from_bytes([1; 20]), index: crate::FileIndex(0) };
        let cache = BlockCache::new(BLOCKS_MAX * BLOCK_BYTES as u64);
        for index in 0..100 {
            alive.fetch_add(1, Ordering::Relaxed);
            let bytes = Counted(vec![0; BLOCK_BYTES], Arc::clone(&alive));
            cache.insert(file, index, Block::new(Bytes::from_owner(bytes), true));
            let alive = alive.load(Ordering::Relaxed);
            assert!(alive <= BLOCKS_MAX, "{alive} blocks after {index} were inserted");
        }
        cache.clear();
        assert_eq!(alive.load(Ordering::Relaxed), 0);
    }
}
