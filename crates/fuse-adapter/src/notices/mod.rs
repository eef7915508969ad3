//! The thread that tells the kernel what is no longer so.
//!
//! The core calls [`Notices`] as its [`InvalidationSink`], which only takes note; a thread of its
//! own then tells the kernel. It has to be one of its own: the kernel locks the directory that a
//! notice is about, and so waits until the requests that it has under way there are answered.
//!
//! # What each notice has to do
//! - A name that came: the kernel may remember that there was no such name, and how the directory
//!   was listed.
//! - A name that went: the kernel may remember the name, everything below it, and the listing.
//!   Those who watch a directory that is gone hear of it if the kernel is told that it was deleted.
//!   Not so with a file: for that the kernel waits for a search for holes in it, which may wait for
//!   the server, and keeps the directory that the file is in locked meanwhile.
//! - Attributes: the kernel may remember them. It may also be about to learn the old ones, from an
//!   answer that it has not looked at yet. It holds the lock of the directory until it has, so a
//!   notice about any name in there comes after it.
//! - A listing of what changes without notice, which the kernel keeps as all others if it does not
//!   ask how directories are opened. It too has to be taken in before it is forgotten.

mod generations;
mod kernel;
mod pending;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use vfs_core::{Child, Ino, InvalidationSink, NodeKind};

pub(crate) use self::generations::Generations;
pub(crate) use self::kernel::Kernel;
use self::pending::{NameChange, NotificationBatch, PendingNotifications};
use crate::ttl::Ttls;

/// A name that no torrent is likely to have, for a notice that only waits for the requests that
/// are under way in a directory. If one has it, that name is looked up once more.
const BARRIER_NAME: &str = "%nobody";

/// What the kernel is still to be told.
#[derive(Debug)]
pub(crate) struct Notices {
    /// Protects what is pending; held for one access, never while the kernel is told.
    state: Mutex<NotifierState>,
    /// Tells the thread that there is something, or that it ends.
    changed: Condvar,
    ttls: Arc<Ttls>,
    generations: Arc<Generations>,
}

#[derive(Debug, Default)]
struct NotifierState {
    pending: PendingNotifications,
    is_ended: bool,
}

impl Notices {
    pub(crate) fn new(ttls: Arc<Ttls>) -> Self {
        let generations = Arc::default();
        Self { state: Mutex::default(), changed: Condvar::new(), ttls, generations }
    }

    /// Returns the generations that the kernel is to be told.
    pub(crate) fn generations(&self) -> Arc<Generations> {
        Arc::clone(&self.generations)
    }

    /// Finds out whether the kernel takes notices. Does not wait.
    pub(crate) fn try_out(&self, kernel: &impl Kernel) {
        self.ttls.set_notify_supported(true);
        self.judge(kernel.forget_attr(Ino::ROOT));
    }

    /// Tells the kernel what changes, until it all ends.
    pub(crate) fn run(&self, kernel: &impl Kernel) {
        while let Some(batch) = self.next_batch() {
            self.tell_names(kernel, &batch);
            self.tell_attrs(kernel, &batch);
            self.tell_listings(kernel, &batch);
        }
    }

    /// Has the kernel forget how a directory is listed, as soon as it has taken in the listings
    /// that it was given.
    pub(crate) fn drop_listing(&self, dir: Ino) {
        self.note(|pending| pending.add_listing(dir));
    }

    /// Ends the thread, at the latest when the notice that is under way is through.
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
                // Also what was found before its generation ended.
                self.judge(kernel.forget_name(*parent, name));
            }
            // Last: each of the above has waited for the listings that were under way, which
            // could have brought the old names back.
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

    /// Takes note of it if the kernel does not take notices: then it must not keep things long.
    fn judge(&self, result: io::Result<()>) {
        let Err(error) = result else { return };
        match Errno::from_io_error(&error) {
            Some(Errno::NOSYS | Errno::INVAL | Errno::PERM | Errno::OPNOTSUPP) => {
                tracing::warn!(%error, "the kernel takes no notices, changes show within a second");
                self.ttls.set_notify_supported(false);
            }
            // It is about something that the kernel does not know, or the mount is at its end.
            _ => tracing::debug!(%error, "a notice was of no use"),
        }
    }

    /// Waits until there is something to tell. Returns `None` when it is all over.
    fn next_batch(&self) -> Option<NotificationBatch> {
        let mut state = self.state();
        while !state.is_ended {
            if let Some(batch) = state.pending.take() {
                return Some(batch);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    fn note(&self, note: impl FnOnce(&mut PendingNotifications)) {
        let mut state = self.state();
        // The core outlives the mount, and may go on to tell.
        if !state.is_ended {
            note(&mut state.pending);
        }
        drop(state);
        self.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, NotifierState> {
        // Nothing panics under the lock, and what is pending is whole after each step.
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
