//! The thread that notifies the kernel of changes.
//!
//! The core calls [`Notices`] as its [`InvalidationSink`], which only queues the change; a separate
//! thread notifies the kernel. The kernel locks the directory of a notification, and so waits until
//! its requests in flight there are answered. A thread that answers requests would deadlock.
//!
//! # Effects of each change
//! - Added name: the kernel may cache a negative entry and the listing of the directory.
//! - Removed name: the kernel may cache the name, everything below it, and the listing. Watchers of
//!   a removed directory are notified if the kernel gets a deletion. Files get no deletion: the
//!   kernel would wait for a `SEEK_HOLE` in flight, which may wait for the server, and keep the
//!   directory locked meanwhile.
//! - Attributes: the kernel may cache them. It may also be about to process an answer with the old
//!   ones. It holds the lock of the directory until then, so a notification of any name in the
//!   directory comes after the answer.
//! - Listing of unannounced names: the kernel caches it like others if it sends no opens of
//!   directories. It too must be processed before it can be dropped.

mod generations;
mod kernel;
mod pending;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use tokio::sync::watch;
use vfs_core::{Child, Ino, InvalidationSink, NodeKind};

pub(crate) use self::generations::Generations;
pub(crate) use self::kernel::Kernel;
use self::pending::{NameChange, NotificationBatch, PendingNotifications};
use crate::ttl::Ttls;

/// A name that no torrent is likely to have. Its invalidation only waits for the requests in flight
/// in a directory. If a torrent has the name, the kernel looks it up once more.
const BARRIER_NAME: &str = "%nobody";

/// Queue of notifications and the state of their thread.
#[derive(Debug)]
pub(crate) struct Notices {
    /// Protects the queue; held for one access, never during a notification.
    state: Mutex<NotifierState>,
    /// Wakes the thread when a notification is queued or the mount ends.
    changed: Condvar,
    /// The number of the last queued change that the kernel was notified of, with all before it.
    told: watch::Sender<u64>,
    ttls: Arc<Ttls>,
    generations: Arc<Generations>,
}

#[derive(Debug, Default)]
struct NotifierState {
    pending: PendingNotifications,
    /// The number of changes queued so far.
    noted: u64,
    is_ended: bool,
}

impl Notices {
    pub(crate) fn new(ttls: Arc<Ttls>) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            told: watch::Sender::default(),
            ttls,
            generations: Arc::default(),
        }
    }

    /// Returns the inode generations for the kernel.
    pub(crate) fn generations(&self) -> Arc<Generations> {
        Arc::clone(&self.generations)
    }

    /// Tests whether the kernel accepts notifications. Does not block.
    pub(crate) fn try_out(&self, kernel: &impl Kernel) {
        self.ttls.set_notify_supported(true);
        self.judge(kernel.forget_attr(Ino::ROOT));
    }

    /// Notifies the kernel of changes until the mount ends.
    pub(crate) fn run(&self, kernel: &impl Kernel) {
        while let Some((batch, noted)) = self.next_batch() {
            self.tell_names(kernel, &batch);
            self.tell_attrs(kernel, &batch);
            self.tell_listings(kernel, &batch);
            self.told.send_replace(noted);
        }
        self.told.send_replace(u64::MAX);
    }

    /// Resolves when the kernel was notified of all changes queued so far, or the mount has ended.
    ///
    /// # Cancel safety
    /// The notifications continue.
    pub(crate) async fn settled(&self) {
        let noted = self.state().noted;
        let mut told = self.told.subscribe();
        // `self` has the sender, so that the channel is open.
        drop(told.wait_for(|told| *told >= noted).await);
    }

    /// Makes the kernel drop the listing of a directory, after it has processed the listings
    /// already sent.
    pub(crate) fn drop_listing(&self, dir: Ino) {
        self.note(|pending| pending.add_listing(dir));
    }

    /// Ends the thread, at the latest after the current notification.
    pub(crate) fn end(&self) {
        self.state().is_ended = true;
        self.changed.notify_all();
    }

    fn tell_names(&self, kernel: &impl Kernel, batch: &NotificationBatch) {
        for (parent, names) in &batch.names {
            for (name, change) in names {
                if self.state().is_ended {
                    return;
                }
                if let NameChange::Removed(Child { ino, kind: NodeKind::Directory }) = change {
                    self.judge(kernel.delete(*parent, name, *ino));
                    self.generations.end(*ino);
                }
                // Also drops entries that were looked up before the generation ended.
                self.judge(kernel.forget_name(*parent, name));
            }
            // Last: each of the above has waited for the listings in flight, which could have
            // restored the old names.
            self.judge(kernel.forget_listing(*parent));
        }
    }

    fn tell_attrs(&self, kernel: &impl Kernel, batch: &NotificationBatch) {
        for (parent, inos) in &batch.attrs {
            self.judge(kernel.forget_name(*parent, BARRIER_NAME));
            for ino in inos {
                if self.state().is_ended {
                    return;
                }
                self.judge(kernel.forget_attr(*ino));
            }
        }
    }

    fn tell_listings(&self, kernel: &impl Kernel, batch: &NotificationBatch) {
        for dir in &batch.listings {
            if self.state().is_ended {
                return;
            }
            self.judge(kernel.forget_name(*dir, BARRIER_NAME));
            self.judge(kernel.forget_listing(*dir));
        }
    }

    /// Disables long TTLs if the kernel does not accept notifications.
    fn judge(&self, result: io::Result<()>) {
        let Err(error) = result else { return };
        match Errno::from_io_error(&error) {
            Some(Errno::NOSYS | Errno::INVAL | Errno::PERM | Errno::OPNOTSUPP) => {
                tracing::warn!(%error, "the kernel takes no notices, changes show within a second");
                self.ttls.set_notify_supported(false);
            }
            // The kernel does not have the entry, or the mount is ending.
            _ => tracing::debug!(%error, "a notice was of no use"),
        }
    }

    /// Waits until there is a notification. Returns also the number of changes queued so far, and
    /// `None` when the mount ends.
    fn next_batch(&self) -> Option<(NotificationBatch, u64)> {
        let mut state = self.state();
        while !state.is_ended {
            if let Some(batch) = state.pending.take() {
                return Some((batch, state.noted));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    fn note(&self, note: impl FnOnce(&mut PendingNotifications)) {
        let mut state = self.state();
        // The core outlives the mount, and may report further changes.
        if !state.is_ended {
            note(&mut state.pending);
            state.noted += 1;
        }
        drop(state);
        self.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, NotifierState> {
        // Nothing panics under the lock, and the queue is consistent after each step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InvalidationSink for Notices {
    fn entry_added(&self, parent: Ino, name: &str) {
        self.note(|pending| pending.add_name(parent, name, NameChange::Added));
    }

    fn entry_removed(&self, parent: Ino, name: &str, child: Child) {
        self.note(|pending| pending.add_name(parent, name, NameChange::Removed(child)));
    }

    fn attr_changed(&self, parent: Ino, ino: Ino) {
        self.note(|pending| pending.add_attr(parent, ino));
    }
}
