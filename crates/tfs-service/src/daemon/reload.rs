//! How a daemon is told to reload: from inside, and by those who ask over its socket.

use std::fmt;

use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot, watch};

use super::attempt::LivenessQuery;
use crate::control::wire::{FailureBody, FailureKind, MissingMount, Reloaded};
use crate::control::{ControlError, FindError, daemons};

/// How many requests may wait for the daemon, which takes each at once. Signals beyond that are
/// told by those that wait.
const REQUESTS_MAX: usize = 16;

/// What the daemon is asked for.
#[derive(Debug)]
pub(super) enum DaemonRequest {
    /// To take over the configuration as it is now.
    Reload(Option<oneshot::Sender<Result<Reloaded, FailureBody>>>),
    /// For all mounts that are up.
    Pulses(oneshot::Sender<Vec<LivenessQuery>>),
    /// To end.
    End,
}

/// Tells a running [`Daemon`](super::Daemon) what to do. Clones are of the same daemon.
#[derive(Debug, Clone)]
pub struct DaemonHandle {
    requests: mpsc::Sender<DaemonRequest>,
}

impl DaemonHandle {
    pub(super) fn new() -> (Self, mpsc::Receiver<DaemonRequest>) {
        let (requests, receiver) = mpsc::channel(REQUESTS_MAX);
        (Self { requests }, receiver)
    }

    /// Has the daemon take over the configuration as it is now. What comes of it is in the log.
    pub fn reload(&self) {
        if self.requests.try_send(DaemonRequest::Reload(None)).is_err() {
            tracing::debug!("a reload is under way, or the daemon has ended");
        }
    }

    /// Ends all mounts. The daemon returns when that is done.
    ///
    /// # Cancel safety
    /// Either it was told or not.
    pub async fn end(&self) {
        // One that has ended needs not be told.
        drop(self.requests.send(DaemonRequest::End).await);
    }

    /// Returns whether the daemon and all of its mounts answer. Waits as long as that takes.
    pub(super) async fn answers(&self) -> bool {
        let (sender, receiver) = oneshot::channel();
        if self.requests.send(DaemonRequest::Pulses(sender)).await.is_err() {
            return false;
        }
        let Ok(pulses) = receiver.await else { return false };
        let answers = pulses.into_iter().map(async |pulse| {
            let (sender, answer) = oneshot::channel();
            // One that has ended meanwhile is not expected to answer.
            if pulse.send(sender).await.is_err() {
                return true;
            }
            answer.await.unwrap_or(true)
        });
        join_all(answers).await.into_iter().all(|is_alive| is_alive)
    }
}

/// What the control API needs of a daemon.
#[derive(Clone)]
pub(crate) struct Reloader {
    daemon: DaemonHandle,
    /// Which mounts are not there. The daemon replaces it; whoever asks takes what is there.
    missing: watch::Receiver<Vec<MissingMount>>,
}

impl Reloader {
    pub(super) fn new(daemon: DaemonHandle, missing: watch::Receiver<Vec<MissingMount>>) -> Self {
        Self { daemon, missing }
    }

    /// Returns the mounts that the daemon is to have and has not, without waiting for it.
    pub(crate) fn missing(&self) -> Vec<MissingMount> {
        self.missing.borrow().clone()
    }

    /// Reloads, and returns what came of it.
    pub(crate) async fn reload(&self) -> Result<Reloaded, FailureBody> {
        let ended = || FailureBody::new(FailureKind::Failed, "the daemon is about to end");
        let (sender, receiver) = oneshot::channel();
        let request = DaemonRequest::Reload(Some(sender));
        self.daemon.requests.send(request).await.map_err(|_ended| ended())?;
        receiver.await.map_err(|_ended| ended())?
    }
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reloader")
    }
}

/// Has all daemons of this user reload, and returns what each made of it.
///
/// # Errors
/// If they cannot be looked for. There may be none.
pub async fn reload_daemons() -> Result<Vec<Result<Reloaded, ControlError>>, FindError> {
    let clients = daemons().await?;
    Ok(join_all(clients.iter().map(|client| client.reload())).await)
}
