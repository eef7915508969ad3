//! Passes events to all receivers of the process.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tfs_api::wire::{EventKind, ServiceEvent};
use tokio::sync::Notify;

use crate::batch::EventBatch;

/// Passes events to receivers. Clones are the same hub.
#[derive(Debug, Clone, Default)]
pub struct EventHub {
    shared: Arc<HubShared>,
}

#[derive(Debug, Default)]
struct HubShared {
    /// The kinds that a receiver wants, as bits.
    wanted: AtomicU8,
    /// Whether no more events come.
    is_closed: AtomicBool,
    /// The receivers. Held for one event, or one change of the list.
    inboxes: Mutex<Vec<Arc<InboxShared>>>,
}

/// Receives the events of some kinds until it is dropped. Events that are not taken yet are
/// bounded, see [`EventBatch`].
#[derive(Debug)]
pub struct EventInbox {
    hub: EventHub,
    shared: Arc<InboxShared>,
}

#[derive(Debug)]
struct InboxShared {
    wanted: u8,
    /// Held for one push, or to take all.
    batch: Mutex<EventBatch>,
    /// Notified of each event.
    filled: Notify,
}

impl EventHub {
    /// Returns whether there is a receiver of this kind.
    #[must_use]
    pub fn is_wanted(&self, kind: EventKind) -> bool {
        self.shared.wanted.load(Ordering::Relaxed) & bit(kind) != 0
    }

    /// Passes an event to the receivers of its kind. Does not wait.
    pub fn send(&self, event: ServiceEvent) {
        if !self.is_wanted(event.event) {
            return;
        }
        let event = Arc::new(event);
        for inbox in lock(&self.shared.inboxes).iter() {
            if inbox.wanted & bit(event.event) != 0 {
                lock(&inbox.batch).push(&event);
                inbox.filled.notify_one();
            }
        }
    }

    /// Ends all receivers, now and later: each gets the events that it has not taken, and no more.
    pub fn close(&self) {
        self.shared.is_closed.store(true, Ordering::Release);
        for inbox in lock(&self.shared.inboxes).iter() {
            inbox.filled.notify_one();
        }
    }

    /// Returns the number of receivers.
    #[must_use]
    pub fn receiver_count(&self) -> usize {
        lock(&self.shared.inboxes).len()
    }

    /// Returns a receiver of these kinds.
    #[must_use]
    pub fn subscribe(&self, kinds: &[EventKind]) -> EventInbox {
        let wanted = kinds.iter().fold(0, |bits, kind| bits | bit(*kind));
        let inbox = InboxShared { wanted, batch: Mutex::default(), filled: Notify::const_new() };
        let inbox = Arc::new(inbox);
        let mut inboxes = lock(&self.shared.inboxes);
        inboxes.push(Arc::clone(&inbox));
        self.shared.note_wanted(&inboxes);
        drop(inboxes);
        EventInbox { hub: self.clone(), shared: inbox }
    }
}

impl HubShared {
    fn note_wanted(&self, inboxes: &[Arc<InboxShared>]) {
        let wanted = inboxes.iter().fold(0, |bits, inbox| bits | inbox.wanted);
        self.wanted.store(wanted, Ordering::Relaxed);
    }
}

impl EventInbox {
    /// Resolves when there is an event to be taken, or the hub was closed. For one caller.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn ready(&self) {
        while self.is_empty() && !self.hub.shared.is_closed.load(Ordering::Acquire) {
            self.shared.filled.notified().await;
        }
    }

    /// Resolves at the next event. For one caller.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn grown(&self) {
        self.shared.filled.notified().await;
    }

    /// Returns whether there is no event to be taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        lock(&self.shared.batch).is_empty()
    }

    /// Returns the number of events to be taken.
    #[must_use]
    pub fn count(&self) -> u64 {
        lock(&self.shared.batch).count()
    }

    /// Takes all events.
    #[must_use]
    pub fn take(&self) -> EventBatch {
        std::mem::take(&mut *lock(&self.shared.batch))
    }
}

impl Drop for EventInbox {
    fn drop(&mut self) {
        let mut inboxes = lock(&self.hub.shared.inboxes);
        inboxes.retain(|inbox| !Arc::ptr_eq(inbox, &self.shared));
        self.hub.shared.note_wanted(&inboxes);
    }
}

/// Returns the bit of a kind. No receiver gets unknown ones.
fn bit(kind: EventKind) -> u8 {
    match kind {
        EventKind::TorrentAdded => 1,
        EventKind::TorrentFinished => 1 << 1,
        EventKind::TorrentRemoved => 1 << 2,
        EventKind::TreeChanged => 1 << 3,
        EventKind::ServerDown => 1 << 4,
        EventKind::ServerUp => 1 << 5,
        EventKind::Unknown => 0,
    }
}

/// What the locks protect is consistent after each step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind) -> ServiceEvent {
        ServiceEvent {
            event: kind,
            at: 1,
            mountpoint: "/m".to_owned(),
            server: None,
            info_hash: None,
            name: None,
            path: None,
            error: None,
        }
    }

    #[tokio::test]
    async fn each_receiver_gets_the_events_of_its_kinds() {
        let hub = EventHub::default();
        assert!(EventKind::ALL.iter().all(|kind| !hub.is_wanted(*kind)));
        let all = hub.subscribe(&EventKind::ALL);
        let down = hub.subscribe(&[EventKind::ServerDown]);
        for kind in EventKind::ALL {
            assert!(hub.is_wanted(kind));
            hub.send(event(kind));
        }
        all.ready().await;
        down.ready().await;
        assert_eq!((all.take().count(), down.take().count()), (6, 1));
        drop(all);
        assert!(hub.is_wanted(EventKind::ServerDown) && !hub.is_wanted(EventKind::ServerUp));
        // A flood of one kind does not cost a receiver of another kind its events.
        for _ in 0..5000 {
            hub.send(event(EventKind::TorrentAdded));
        }
        hub.send(event(EventKind::ServerDown));
        assert_eq!(down.take().count(), 1);
        assert!(down.is_empty());
        hub.close();
        down.ready().await;
        assert!(down.is_empty());
    }
}
