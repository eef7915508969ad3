//! The folder as its users share it: the kernel's side, and the session's side.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::{DropAnswer, DropFault, DropFolder, DropSession, DropStep, DropTicket, RenameRule};

/// A [`DropFolder`] with its session.
pub struct SharedFolder {
    /// Held for one operation, which does not wait.
    folder: Mutex<DropFolder>,
    session: Arc<dyn DropSession>,
    /// Notified of each answer.
    answered: Notify,
    /// Notified when a file was closed.
    closed: Notify,
    /// Notified when names of torrents may have changed.
    changed: Notify,
}

impl fmt::Debug for SharedFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedFolder").finish_non_exhaustive()
    }
}

impl SharedFolder {
    /// Joins a folder with its session.
    #[must_use]
    pub fn new(folder: DropFolder, session: Arc<dyn DropSession>) -> Self {
        let [answered, closed, changed] = [Notify::new(), Notify::new(), Notify::new()];
        Self { folder: Mutex::new(folder), session, answered, closed, changed }
    }

    /// Runs an operation, and then sends the requests that it made.
    pub fn with<T>(&self, operation: impl FnOnce(&mut DropFolder) -> T) -> T {
        let (result, requests) = {
            let mut folder = self.lock();
            let result = operation(&mut folder);
            (result, folder.take_requests())
        };
        requests.into_iter().for_each(|request| self.session.send(request));
        result
    }

    /// As [`DropFolder::flush`].
    ///
    /// # Errors
    /// As there.
    pub fn flush(&self, ino: u64, now: Duration) -> Result<DropStep, DropFault> {
        self.with(|folder| folder.flush(&*self.session, ino, now))
    }

    /// As [`DropFolder::rename`].
    ///
    /// # Errors
    /// As there.
    pub fn rename(
        &self,
        from: (u64, &str),
        to: (u64, &str),
        rule: RenameRule,
        now: Duration,
    ) -> Result<DropStep, DropFault> {
        let step = self.with(|folder| folder.rename(&*self.session, from, to, rule, now));
        self.closed.notify_one();
        self.changed.notify_one();
        step
    }

    /// As [`DropFolder::tick`].
    pub fn tick(&self, now: Duration) {
        self.with(|folder| folder.tick(&*self.session, now));
    }

    /// As [`DropFolder::release`].
    pub fn release(&self, ino: u64, now: Duration) {
        self.with(|folder| folder.release(ino, now));
        self.closed.notify_one();
    }

    /// Takes the answer to a request.
    pub fn answer(&self, ticket: DropTicket, answer: DropAnswer, now: Duration) {
        self.with(|folder| folder.answer(ticket, answer, now));
        self.answered.notify_waiters();
        self.changed.notify_one();
    }

    /// Resolves with the result of a ticket. The caller bounds the wait.
    ///
    /// # Errors
    /// The result.
    ///
    /// # Cancel safety
    /// The request goes on. The caller must call [`end_wait`](Self::end_wait).
    pub async fn wait(&self, ticket: DropTicket) -> Result<(), DropFault> {
        loop {
            let mut answered = std::pin::pin!(self.answered.notified());
            // Before the look, so that no answer is missed.
            answered.as_mut().enable();
            if let Some(result) = self.lock().result(ticket) {
                return result;
            }
            answered.await;
        }
    }

    /// Ends a wait, with or without its result.
    pub fn end_wait(&self, ticket: DropTicket) {
        self.lock().end_wait(ticket);
    }

    /// Resolves when a file was closed since the last call. For one caller.
    pub async fn closed(&self) {
        self.closed.notified().await;
    }

    /// Resolves when names of torrents may have changed since the last call. For one caller.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, DropFolder> {
        self.folder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
