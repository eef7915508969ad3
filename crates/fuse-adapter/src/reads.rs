//! Reads under way: each is a task that owns its reply, and all of them have one owner.

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vfs_core::VfsError;

use crate::reply::{AnswerBytes, ReplyGuard};

/// All reads of a mount that are not answered yet.
///
/// Their number has no bound here: the kernel has one, `max_background` plus one for each thread
/// that waits, and the core decides how many of them cost anything.
#[derive(Debug, Clone)]
pub(crate) struct Reads {
    runtime: Handle,
    tasks: TaskTracker,
    /// Ends all tasks, those to come too.
    end: CancellationToken,
}

impl Reads {
    pub(crate) fn new(runtime: Handle) -> Self {
        Self { runtime, tasks: TaskTracker::new(), end: CancellationToken::new() }
    }

    /// Answers `guard` with what `read` resolves to. Returns at once.
    pub(crate) fn spawn<R: AnswerBytes>(
        &self,
        guard: ReplyGuard<R>,
        len_max: u32,
        read: impl Future<Output = Result<Bytes, VfsError>> + Send + 'static,
    ) {
        let end = self.end.clone();
        let answer = async move {
            let bytes = end.run_until_cancelled(read).await;
            match bytes.unwrap_or(Err(VfsError::ShuttingDown)) {
                Ok(bytes) => answer(guard, len_max, &bytes),
                Err(error) => guard.refuse(&error),
            }
        };
        // A panic ends the task and drops its reply, which is then an EIO.
        drop(self.tasks.spawn_on(answer, &self.runtime));
    }

    /// Ends all reads with an error, those to come too.
    pub(crate) fn end(&self) {
        self.end.cancel();
        self.tasks.close();
    }

    /// Resolves when all reads are answered, once [`end`](Self::end) was called.
    pub(crate) async fn ended(&self) {
        self.tasks.wait().await;
    }
}

/// The second look at what the core promised: the kernel takes a longer answer for an attack.
fn answer<R: AnswerBytes>(guard: ReplyGuard<R>, len_max: u32, bytes: &Bytes) {
    if bytes.len() as u64 > u64::from(len_max) {
        let ino = guard.request().ino;
        tracing::error!(ino, len = bytes.len(), len_max, "read returned more than was asked for");
        return drop(guard);
    }
    guard.send(|reply| reply.bytes(bytes));
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;

    use super::*;
    use crate::reply::Faults;
    use crate::reply::tests::{FakeReply, guard};

    #[track_caller]
    fn check(
        read: impl Future<Output = Result<Bytes, VfsError>> + Send + 'static,
        want: &str,
        unanswered: u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let reads = Reads::new(runtime.handle().clone());
        let (reply, faults) = (FakeReply::default(), Arc::<Faults>::default());
        reads.spawn(guard(&reply, &faults), 5, read);
        // A task that can end does so before the others are told to.
        runtime.block_on(async { tokio::task::yield_now().await });
        reads.end();
        runtime.block_on(reads.ended());
        assert_eq!(reply.answers(), [want]);
        assert_eq!(faults.unanswered_count(), unanswered);
    }

    #[test]
    fn every_read_is_answered_exactly_once() {
        check(async { Ok(Bytes::from_static(b"bytes")) }, "bytes", 0);
        check(async { Ok(Bytes::new()) }, "", 0);
        check(async { Err(VfsError::TimedOut) }, "error 110", 0);
        check(async { Ok(Bytes::from_static(b"longer")) }, "error 5", 1);
        check(async { panic!("the panic of a test") }, "error 5", 1);
        check(pending(), "error 5", 0);
    }

    #[test]
    fn reads_after_the_end_are_errors() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let reads = Reads::new(runtime.handle().clone());
        let (reply, faults) = (FakeReply::default(), Arc::<Faults>::default());
        reads.end();
        reads.spawn(guard(&reply, &faults), 5, pending());
        runtime.block_on(reads.ended());
        assert_eq!(reply.answers(), ["error 5"]);

        // Without a runtime nothing can run, but the answer still comes.
        drop(runtime);
        let reply = FakeReply::default();
        reads.spawn(guard(&reply, &faults), 5, pending());
        assert_eq!(reply.answers(), ["error 5"]);
    }
}
