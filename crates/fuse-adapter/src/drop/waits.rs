//! Requests that wait for the server: with a deadline, and until a signal of the program.

use std::sync::Arc;
use std::time::Duration;

use fuser::Errno;
use tfs_drop::{DropFault, DropTicket, SharedFolder};
use tokio::runtime::Handle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::reply::errno;
use crate::interrupts;
use crate::request::Tid;

/// Maximum time for an answer. The session answers within ten seconds, or keeps the file and says
/// so; a longer wait would be a bug of it.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

/// Interval of looks at the signals of a program that waits. The usual answer takes milliseconds,
/// and so costs no look.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(100);

/// Waits for answers on the runtime, so that no thread of the session blocks.
#[derive(Debug, Clone)]
pub(super) struct DropWaits {
    pub(super) folder: Arc<SharedFolder>,
    pub(super) runtime: Handle,
    /// Cancelled when the mount ends.
    pub(super) ending: CancellationToken,
}

/// A wait, which ends when this is dropped.
struct Waiting {
    folder: Arc<SharedFolder>,
    ticket: DropTicket,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.folder.end_wait(self.ticket);
    }
}

impl DropWaits {
    /// Calls `finish` with the result of a ticket. The request goes on after a deadline or a
    /// signal.
    pub(super) fn spawn(
        &self,
        ticket: DropTicket,
        tid: Tid,
        finish: impl FnOnce(Result<(), Errno>) + Send + 'static,
    ) {
        let waiting = Waiting { folder: Arc::clone(&self.folder), ticket };
        let ending = self.ending.clone();
        self.runtime.spawn(async move {
            let result = tokio::select! {
                result = waiting.folder.wait(ticket) => result.map_err(errno),
                () = interrupted(tid) => Err(Errno::EINTR),
                () = sleep(ANSWER_TIME_MAX) => Err(errno(DropFault::TimedOut)),
                () = ending.cancelled() => Err(Errno::EIO),
            };
            drop(waiting);
            finish(result);
        });
    }
}

/// Resolves when a thread has a signal to handle.
async fn interrupted(tid: Tid) {
    loop {
        sleep(SIGNAL_INTERVAL).await;
        if interrupts::look(tid).is_some() {
            return;
        }
    }
}
