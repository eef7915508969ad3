//! The cache: whole blocks that readers have passed, in one memory for all servers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::{FileId, ServerId};

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

/// A block as the cache has it. moka frees what it gave up only when its threads have passed by a
/// few more times; the bytes do not wait for that.
#[derive(Debug)]
struct Kept {
    /// Protects the bytes from their end; `None` from then on. Held for one statement.
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

    /// Frees the bytes but for those who read them just now.
    fn free(&self) {
        drop(self.bytes.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Blocks by file and index, the least recently used first to go.
///
/// Not by frequency, which moka does by default: it would refuse what was just read ahead as long
/// as nobody has asked for it.
///
/// Servers share the memory, so that a busy one has what the others do not need, but not the
/// blocks: the bytes of a server are not verified here, and one that lies must not answer for the
/// others (`docs/dev/adr/0035-cached-blocks-by-server.md`).
#[derive(Debug, Clone)]
pub(in crate::engine) struct BlockCache {
    /// Whose blocks these are.
    server: ServerId,
    /// Those of all servers.
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

    /// Returns the blocks of another server, which take the same memory.
    pub(in crate::engine) fn of_server(&self, server: ServerId) -> Self {
        Self { server, ..self.clone() }
    }

    /// Adds a block. What it displaces is gone when this returns: moka would do that later, and
    /// hold more than its limit until then.
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

    /// Returns a block for a look, not for its bytes.
    pub(super) fn peek(&self, file: FileId, index: u64) -> Option<Block> {
        self.blocks.get(&(self.server, file, index))?.block()
    }

    /// Gives all blocks up, those of other servers too. One by one, so that none is left when this
    /// returns: moka drops all of them at once only some time later.
    pub(super) fn clear(&self) {
        for (key, _) in &self.blocks {
            self.blocks.invalidate(&*key);
        }
        self.blocks.run_pending_tasks();
    }

    /// Returns how many bytes the blocks of all servers have.
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

    /// Bytes that know how many of their kind there are.
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
