//! The memory of replies with data.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit of memory in bytes.
const UNIT_BYTES: usize = 4 << 10;

/// Whether the data of a READ is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataClass {
    /// It is, or this is unknown.
    Present,
    /// No server has all of it.
    Missing,
}

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

    /// For all connections together, without one READ of each: so each goes on. Only clients that
    /// do not take their replies hold it for long: they are closed if others need it.
    pub(crate) const OF_SERVER: Self = Self { present_bytes: 64 << 20, missing_bytes: 64 << 20 };
}

/// What replies may take.
#[derive(Debug, Clone)]
pub(crate) struct ReplyMemory {
    /// Bounds the bytes of replies whose data is present, or may be.
    present: Arc<Semaphore>,
    /// Bounds the bytes of replies whose data is missing.
    missing: Arc<Semaphore>,
    /// Permits of one reply of each class that needs no other memory.
    first: [Arc<Semaphore>; 2],
    /// The number of reads that wait for memory of the server.
    short: Arc<AtomicUsize>,
}

/// Memory of a reply. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct ReservedMemory {
    _own: OwnedSemaphorePermit,
    /// Memory of the server; `None` for the first reply of a connection.
    _shared: Option<OwnedSemaphorePermit>,
}

/// Counts a read that waits for memory, until it is dropped.
struct WaitsForMemory<'a>(&'a AtomicUsize);

impl ReplyMemory {
    pub(crate) fn new(limits: &MemoryLimits) -> Self {
        let semaphore = |bytes: usize| Arc::new(Semaphore::new(bytes / UNIT_BYTES));
        Self {
            present: semaphore(limits.present_bytes),
            missing: semaphore(limits.missing_bytes),
            first: [(); 2].map(|()| Arc::new(Semaphore::new(1))),
            short: Arc::default(),
        }
    }

    /// Reserves memory: that of the first reply if it is free, otherwise of this connection and of
    /// the server. Returns `None` if the server has ended.
    pub(crate) async fn reserve(
        &self,
        server: &Self,
        len: u32,
        class: DataClass,
    ) -> Option<ReservedMemory> {
        let more = async {
            let own = self.of(class).acquire_many_owned(units(len)).await.ok()?;
            let _waits = WaitsForMemory::new(&server.short);
            let shared = server.of(class).acquire_many_owned(units(len)).await.ok()?;
            Some(ReservedMemory { _own: own, _shared: Some(shared) })
        };
        tokio::select! {
            biased;
            first = self.first_of(class).acquire_owned() => {
                Some(ReservedMemory { _own: first.ok()?, _shared: None })
            }
            more = more => more,
        }
    }

    /// Reserves memory for present data, if it is free now.
    pub(crate) fn try_reserve(&self, server: &Self, len: u32) -> Option<ReservedMemory> {
        let class = DataClass::Present;
        if let Ok(first) = self.first_of(class).try_acquire_owned() {
            return Some(ReservedMemory { _own: first, _shared: None });
        }
        let own = self.of(class).try_acquire_many_owned(units(len)).ok()?;
        let shared = server.of(class).try_acquire_many_owned(units(len)).ok()?;
        Some(ReservedMemory { _own: own, _shared: Some(shared) })
    }

    /// Returns whether a read waits for memory of the server.
    pub(crate) fn is_short(&self) -> bool {
        self.short.load(Ordering::Relaxed) > 0
    }

    fn first_of(&self, class: DataClass) -> Arc<Semaphore> {
        let [present, missing] = &self.first;
        Arc::clone(match class {
            DataClass::Present => present,
            DataClass::Missing => missing,
        })
    }

    fn of(&self, class: DataClass) -> Arc<Semaphore> {
        Arc::clone(match class {
            DataClass::Present => &self.present,
            DataClass::Missing => &self.missing,
        })
    }
}

impl<'a> WaitsForMemory<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for WaitsForMemory<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn units(len: u32) -> u32 {
    len.div_ceil(u32::try_from(UNIT_BYTES).unwrap_or(u32::MAX)).max(1)
}
