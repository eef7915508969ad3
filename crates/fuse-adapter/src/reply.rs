//! Replies: each request is answered exactly once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fuser::Errno;
use vfs_core::VfsError;

use crate::MissingErrno;
use crate::errno::{Interrupt, errno, errno_of_interrupt};

/// An operation of every fuser reply.
pub(crate) trait Refuse: Send + 'static {
    /// Answers with an error.
    fn refuse(self, errno: Errno);
}

/// A reply that can carry bytes.
pub(crate) trait AnswerBytes: Refuse {
    /// Answers with these bytes.
    fn bytes(self, bytes: &[u8]);
}

macro_rules! refuse_with_error {
    ($($reply:ident)*) => {$(
        impl Refuse for fuser::$reply {
            fn refuse(self, errno: Errno) {
                self.error(errno);
            }
        }
    )*};
}

refuse_with_error! {
    ReplyAttr ReplyCreate ReplyData ReplyDirectory ReplyDirectoryPlus
    ReplyEmpty ReplyEntry ReplyLseek ReplyOpen ReplyStatfs ReplyWrite ReplyXattr
}

impl AnswerBytes for fuser::ReplyData {
    fn bytes(self, bytes: &[u8]) {
        self.data(bytes);
    }
}

/// Counts bugs in replies, for tests and monitoring.
#[derive(Debug, Default)]
pub(crate) struct ReplyStats {
    unanswered: AtomicU64,
}

impl ReplyStats {
    /// Returns how many requests were dropped without an answer and got `EIO`.
    pub(crate) fn unanswered_count(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }
}

/// Names a request in logs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestId {
    pub(crate) op: &'static str,
    pub(crate) ino: u64,
}

/// A reply that is answered exactly once: by its owner, or with `EIO` when it is dropped.
///
/// A panic or a cancelled task drops a reply. Both are bugs, and are logged and counted; they cost
/// one request and not the mount.
#[derive(Debug)]
pub(crate) struct ReplyGuard<R: Refuse> {
    /// `None` only once answered.
    reply: Option<R>,
    request: RequestId,
    faults: Arc<ReplyStats>,
}

impl<R: Refuse> ReplyGuard<R> {
    pub(crate) fn new(reply: R, request: RequestId, faults: &Arc<ReplyStats>) -> Self {
        Self { reply: Some(reply), request, faults: Arc::clone(faults) }
    }

    /// Returns the request that this answers.
    pub(crate) fn request(&self) -> RequestId {
        self.request
    }

    /// Passes the reply to `send`, which answers it.
    pub(crate) fn send(mut self, send: impl FnOnce(R)) {
        if let Some(reply) = self.reply.take() {
            send(reply);
        }
    }

    /// Answers with the errno of an error.
    pub(crate) fn refuse(self, error: &VfsError) {
        // Only reads can miss data.
        self.refuse_read(error, MissingErrno::default());
    }

    /// Answers a read with the errno of an error; `missing` is that of missing data.
    pub(crate) fn refuse_read(self, error: &VfsError, missing: MissingErrno) {
        let RequestId { op, ino } = self.request;
        tracing::debug!(op, ino, error = error as &dyn std::error::Error, "request refused");
        self.send(|reply| reply.refuse(errno(error, missing)));
    }

    /// Answers a read that is interrupted.
    pub(crate) fn interrupt(self, interrupt: Interrupt) {
        self.send(|reply| reply.refuse(errno_of_interrupt(interrupt)));
    }
}

impl<R: Refuse> Drop for ReplyGuard<R> {
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take() {
            self.faults.unanswered.fetch_add(1, Ordering::Relaxed);
            let RequestId { op, ino } = self.request;
            tracing::error!(op, ino, "a request was dropped without an answer");
            reply.refuse(Errno::EIO);
        }
    }
}

/// Answers a request with the result of `body`.
///
/// `body` gets the reply, to fill it if it is a list. A panic in it becomes one `EIO`; it must not
/// reach fuser, where it would end the thread and so the mount.
pub(crate) fn respond<R: Refuse, T>(
    mut guard: ReplyGuard<R>,
    body: impl FnOnce(&mut R) -> Result<T, VfsError>,
    send: impl FnOnce(R, T),
) {
    let request = guard.request();
    contain(request, move || {
        let Some(reply) = guard.reply.as_mut() else { return };
        match body(reply) {
            Ok(value) => guard.send(|reply| send(reply, value)),
            Err(error) => guard.refuse(&error),
        }
    });
}

/// Runs `body` and catches a panic.
pub(crate) fn contain(request: RequestId, body: impl FnOnce()) {
    // Only the core is visible after a panic, and its locks tolerate it.
    if catch_unwind(AssertUnwindSafe(body)).is_err() {
        let RequestId { op, ino } = request;
        tracing::error!(op, ino, "panic in a request");
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    /// A reply that records its answers.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct FakeReply {
        answers: Arc<Mutex<Vec<String>>>,
    }

    impl FakeReply {
        pub(crate) fn answers(&self) -> Vec<String> {
            self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }

        fn answer(&self, text: String) {
            self.answers.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        }
    }

    impl Refuse for FakeReply {
        fn refuse(self, errno: Errno) {
            self.answer(format!("error {}", i32::from(errno)));
        }
    }

    impl AnswerBytes for FakeReply {
        fn bytes(self, bytes: &[u8]) {
            self.answer(String::from_utf8_lossy(bytes).into_owned());
        }
    }

    pub(crate) fn guard(reply: &FakeReply, faults: &Arc<ReplyStats>) -> ReplyGuard<FakeReply> {
        ReplyGuard::new(reply.clone(), RequestId { op: "test", ino: 1 }, faults)
    }

    #[track_caller]
    fn check(
        body: impl FnOnce(&mut FakeReply) -> Result<&'static str, VfsError>,
        want: &str,
        unanswered: u64,
    ) {
        let (reply, faults) = (FakeReply::default(), Arc::default());
        respond(guard(&reply, &faults), body, |reply, text| reply.bytes(text.as_bytes()));
        assert_eq!(reply.answers(), [want]);
        assert_eq!(faults.unanswered_count(), unanswered);
    }

    #[test]
    fn every_request_is_answered_exactly_once() {
        check(|_| Ok("bytes"), "bytes", 0);
        check(|_| Err(VfsError::NotFound), "error 2", 0);
        check(|_| panic!("the panic of a test"), "error 5", 1);
    }

    #[test]
    fn a_dropped_request_is_an_error_and_is_counted() {
        let (reply, faults) = (FakeReply::default(), Arc::default());
        drop(guard(&reply, &faults));
        assert_eq!(reply.answers(), ["error 5"]);
        assert_eq!(faults.unanswered_count(), 1);
    }
}
