//! Looks: signs that a program or a user wants to see the current state of the servers.
//!
//! A poller that asks a server rarely while nothing happens learns of them, and asks sooner.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::watch;

/// The looks at a filesystem. Noting one costs a load while no poller awaits it.
#[derive(Debug, Default)]
pub(crate) struct LookNotes {
    shared: Arc<LookState>,
}

#[derive(Debug)]
struct LookState {
    /// Whether a poller wants to learn of the next look. Looks after the first are not counted.
    is_awaited: AtomicBool,
    /// Changes with a look.
    told: watch::Sender<()>,
    /// Number of commands so far.
    command_count: AtomicU64,
}

impl Default for LookState {
    fn default() -> Self {
        let (is_awaited, command_count) = Default::default();
        Self { is_awaited, told: watch::Sender::new(()), command_count }
    }
}

impl LookNotes {
    /// Notes a look at names or data.
    pub(crate) fn note(&self) {
        self.shared.note();
    }

    /// Notes a look of a command, which also wants current progress.
    pub(crate) fn note_command(&self) {
        self.shared.command_count.fetch_add(1, Ordering::Relaxed);
        self.shared.note();
    }

    pub(crate) fn watcher(&self) -> LookWatcher {
        LookWatcher {
            told: self.shared.told.subscribe(),
            command_count: self.shared.command_count.load(Ordering::Relaxed),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl LookState {
    fn note(&self) {
        // A look that races with a poller's start of waiting concerns the poll that it has begun.
        if self.is_awaited.load(Ordering::Relaxed) && self.is_awaited.swap(false, Ordering::AcqRel)
        {
            self.told.send_replace(());
        }
    }
}

/// Learns of looks at a filesystem. Each poller has its own.
#[derive(Debug, Clone)]
pub struct LookWatcher {
    shared: Arc<LookState>,
    told: watch::Receiver<()>,
    /// Commands that were taken.
    command_count: u64,
}

impl LookWatcher {
    /// Returns whether there were looks since the last call. Until then, only the first one costs
    /// more than a load.
    pub fn take(&mut self) -> bool {
        let has_looked = self.told.has_changed().unwrap_or(false);
        self.told.mark_unchanged();
        self.shared.is_awaited.store(true, Ordering::Release);
        has_looked
    }

    /// Returns whether there were commands since the last call.
    pub fn take_commands(&mut self) -> bool {
        let count = self.shared.command_count.load(Ordering::Relaxed);
        std::mem::replace(&mut self.command_count, count) != count
    }

    /// Resolves when there was a look since the last [`take`](Self::take).
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn looked(&self) {
        let mut told = self.told.clone();
        // The sender lives as long as the state that this watcher shares.
        if told.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn has_looked(watcher: &LookWatcher) -> bool {
        pin!(watcher.looked()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn each_watcher_learns_of_a_look_once() {
        let looks = LookNotes::default();
        let mut watchers = [looks.watcher(), looks.watcher()];
        looks.note();
        assert!(!watchers.iter_mut().any(LookWatcher::take), "no watcher waited");
        looks.note();
        looks.note();
        for watcher in &mut watchers {
            assert!(has_looked(watcher));
            assert!(has_looked(watcher), "until it is taken");
            assert!(watcher.take());
            assert!(!has_looked(watcher));
            assert!(!watcher.take());
            assert!(!watcher.take_commands());
        }
        looks.note_command();
        for watcher in &mut watchers {
            assert!(watcher.take() && watcher.take_commands());
            assert!(!watcher.take() && !watcher.take_commands());
        }
    }
}
