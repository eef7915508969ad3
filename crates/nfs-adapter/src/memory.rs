//! The memory of replies with data.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit of memory in bytes.
const UNIT_BYTES: usize = 4 << 10;

/// Limits in bytes. Reads that wait for missing data have a limit of their own, so that they do not
/// stop the reads of present data.
#[derive(Debug)]
pub(crate) struct MemoryLimits {
    present_bytes: usize,
    missing_bytes: usize,
}

impl MemoryLimits {
    /// Sixteen READs of the maximum length each: clients read ahead by less.
    pub(crate) const OF_CONNECTION: Self =
        Self { present_bytes: 16 << 20, missing_bytes: 16 << 20 };

    /// For all connections together. Only clients that do not take their replies hold it for long,
    /// and only until their connections are closed.
    pub(crate) const OF_SERVER: Self = Self { present_bytes: 128 << 20, missing_bytes: 128 << 20 };
}

/// What replies may take.
#[derive(Debug, Clone)]
pub(crate) struct ReplyMemory {
    /// Bounds the bytes of replies whose data is present, or may be.
    present: Arc<Semaphore>,
    /// Bounds the bytes of replies whose data is missing.
    missing: Arc<Semaphore>,
}

/// Memory of a reply. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct ReservedMemory {
    _own: OwnedSemaphorePermit,
    _shared: OwnedSemaphorePermit,
}

impl ReplyMemory {
    pub(crate) fn new(limits: &MemoryLimits) -> Self {
        let semaphore = |bytes: usize| Arc::new(Semaphore::new(bytes / UNIT_BYTES));
        Self { present: semaphore(limits.present_bytes), missing: semaphore(limits.missing_bytes) }
    }

    /// Reserves memory of this connection and of the server, in the order of the calls. Returns
    /// `None` if the server has ended.
    pub(crate) async fn reserve(
        &self,
        server: &Self,
        len: u32,
        is_missing: bool,
    ) -> Option<ReservedMemory> {
        let of =
            |memory: &Self| Arc::clone(if is_missing { &memory.missing } else { &memory.present });
        let own = of(self).acquire_many_owned(units(len)).await.ok()?;
        let shared = of(server).acquire_many_owned(units(len)).await.ok()?;
        Some(ReservedMemory { _own: own, _shared: shared })
    }

    /// Reserves memory for present data, if it is free now.
    pub(crate) fn try_reserve(&self, server: &Self, len: u32) -> Option<ReservedMemory> {
        let own = Arc::clone(&self.present).try_acquire_many_owned(units(len)).ok()?;
        let shared = Arc::clone(&server.present).try_acquire_many_owned(units(len)).ok()?;
        Some(ReservedMemory { _own: own, _shared: shared })
    }
}

fn units(len: u32) -> u32 {
    len.div_ceil(u32::try_from(UNIT_BYTES).unwrap_or(u32::MAX)).max(1)
}
