//! The bandwidth limit of a filesystem: all streams of all its servers together receive no more.
//!
//! A stream task receives a chunk from its source, and passes it on in parts, each after it has
//! passed here. Meanwhile it receives nothing more, so the connection stops the server. Bytes from
//! the local disk do not pass here.

mod queue;

use std::num::NonZeroU64;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

pub(super) use self::queue::StreamUse;
use self::queue::{BandwidthQueue, Pass, Ticket};
use crate::Timestamp;

/// A limit, shared by the engines of all servers.
#[derive(Debug)]
pub(super) struct BandwidthLimit {
    /// Held for one access.
    queue: Mutex<BandwidthQueue>,
    /// Woken by each change of the queue: the next one may be another.
    changed: Notify,
    /// The start of its clock.
    start: OnceLock<Instant>,
}

impl BandwidthLimit {
    pub(super) fn new(bytes_per_second: NonZeroU64) -> Self {
        Self {
            queue: Mutex::new(BandwidthQueue::new(bytes_per_second)),
            changed: Notify::new(),
            start: OnceLock::new(),
        }
    }

    /// Waits until a stream may pass on bytes. Returns how many: at most `wanted`, at least one.
    ///
    /// # Cancel safety
    /// The place in the queue is given up.
    pub(super) async fn pass(&self, of: StreamUse, wanted: u64) -> u64 {
        let (ticket, bytes) = {
            let mut queue = self.queue();
            (queue.join(of), wanted.min(queue.part_bytes_max()).max(1))
        };
        let mut place = QueuePlace { limit: self, ticket: Some(ticket) };
        loop {
            // Before the look at the queue, so that no change is missed.
            let changed = self.changed.notified();
            let pass = self.queue().pass(self.now(), ticket, bytes);
            match pass {
                Pass::Now => {
                    place.ticket = None;
                    self.changed.notify_waiters();
                    return bytes;
                }
                Pass::At(time) => {
                    let due = *self.start.get_or_init(Instant::now) + time.since_start();
                    tokio::select! {
                        () = sleep_until(due) => {}
                        () = changed => {}
                    }
                }
                Pass::Behind => changed.await,
            }
        }
    }

    /// Returns whether no stream waits, and bytes may be received now.
    pub(super) fn is_idle(&self) -> bool {
        let now = self.now();
        self.queue().is_idle(now)
    }

    /// Counts bytes that are received without a stream.
    pub(super) fn charge(&self, bytes: u64) {
        let now = self.now();
        self.queue().charge(now, bytes);
    }

    fn now(&self) -> Timestamp {
        let now = Instant::now();
        let start = *self.start.get_or_init(|| now);
        Timestamp::from_start(now.saturating_duration_since(start))
    }

    fn queue(&self) -> MutexGuard<'_, BandwidthQueue> {
        // Nothing panics under the lock, and the queue is consistent after each step.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the queue, given up on drop.
struct QueuePlace<'a> {
    limit: &'a BandwidthLimit,
    ticket: Option<Ticket>,
}

impl Drop for QueuePlace<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.limit.queue().leave(ticket);
            self.limit.changed.notify_waiters();
        }
    }
}
