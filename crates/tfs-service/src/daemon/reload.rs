//! Requests to a daemon: from its own process, and from clients of its control socket.

use std::fmt;

use futures_util::future::{BoxFuture, join_all};
use tfs_api::wire::{FailureBody, FailureKind, MissingMount, Reloaded};
use tfs_api::{ControlError, FindError, daemons};
use tokio::sync::{mpsc, oneshot, watch};

use super::attempt::LivenessQuery;
use crate::control::ReloadTarget;

/// Capacity of the request queue. The daemon takes each request at once. A signal that finds it
/// full is dropped, since the queued requests have the same effect.
const REQUESTS_MAX: usize = 16;

/// A request to the daemon.
#[derive(Debug)]
pub(super) enum DaemonRequest {
    /// Apply the current configuration files.
    Reload(Option<oneshot::Sender<Result<Reloaded, FailureBody>>>),
    /// Return the liveness queries of all mounts that are up.
    Pulses(oneshot::Sender<Vec<LivenessQuery>>),
    /// End.
    End,
}

/// Controls a running [`Daemon`](super::Daemon). Clones refer to the same daemon.
#[derive(Debug, Clone)]
pub struct DaemonHandle {
    requests: mpsc::Sender<DaemonRequest>,
}

impl DaemonHandle {
    pub(super) fn new() -> (Self, mpsc::Receiver<DaemonRequest>) {
        let (requests, receiver) = mpsc::channel(REQUESTS_MAX);
        (Self { requests }, receiver)
    }

    /// Makes the daemon apply its current configuration files. The result is logged.
    pub fn reload(&self) {
        if self.requests.try_send(DaemonRequest::Reload(None)).is_err() {
            tracing::debug!("another reload is running, or the daemon has ended");
        }
    }

    /// Ends all mounts. The daemon returns when that is done.
    ///
    /// # Cancel safety
    /// The request is either sent or not.
    pub async fn end(&self) {
        // A daemon that has ended needs no request.
        drop(self.requests.send(DaemonRequest::End).await);
    }

    /// Returns whether the daemon and all of its mounts answer. Waits without a limit.
    pub(super) async fn answers(&self) -> bool {
        let (sender, receiver) = oneshot::channel();
        if self.requests.send(DaemonRequest::Pulses(sender)).await.is_err() {
            return false;
        }
        let Ok(pulses) = receiver.await else { return false };
        let answers = pulses.into_iter().map(async |pulse| {
            let (sender, answer) = oneshot::channel();
            // A mount that has ended meanwhile need not answer.
            if pulse.send(sender).await.is_err() {
                return true;
            }
            answer.await.unwrap_or(true)
        });
        join_all(answers).await.into_iter().all(|is_alive| is_alive)
    }
}

/// The parts of a daemon that the control API uses.
pub(super) struct Reloader {
    daemon: DaemonHandle,
    /// The missing mounts. The daemon replaces the list; readers take the latest one.
    missing: watch::Receiver<Vec<MissingMount>>,
}

impl Reloader {
    pub(super) fn new(daemon: DaemonHandle, missing: watch::Receiver<Vec<MissingMount>>) -> Self {
        Self { daemon, missing }
    }
}

impl ReloadTarget for Reloader {
    fn missing(&self) -> Vec<MissingMount> {
        self.missing.borrow().clone()
    }

    fn reload(&self) -> BoxFuture<'_, Result<Reloaded, FailureBody>> {
        Box::pin(async move {
            let ended = || FailureBody::new(FailureKind::Failed, "the daemon is shutting down");
            let (sender, receiver) = oneshot::channel();
            let request = DaemonRequest::Reload(Some(sender));
            self.daemon.requests.send(request).await.map_err(|_ended| ended())?;
            receiver.await.map_err(|_ended| ended())?
        })
    }
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reloader")
    }
}

/// Makes all daemons of this user reload. Returns the result of each.
///
/// # Errors
/// If the daemons cannot be listed. There may be none.
pub async fn reload_daemons() -> Result<Vec<Result<Reloaded, ControlError>>, FindError> {
    let clients = daemons().await?;
    Ok(join_all(clients.iter().map(|client| client.reload())).await)
}
