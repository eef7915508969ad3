//! The control server: the API on the socket of this process, for as long as that lives.

use std::path::{Path, PathBuf};

use super::controlled::MountRegistry;
use super::kept_socket::{KeptSocket, SocketPlace};
use super::listening::{Listener, Listening};
use super::routes::{self, Process};
use super::socket::SocketError;
use crate::daemon::Reloader;

/// Serves the control API of this process for as long as it lives.
#[derive(Debug)]
pub struct ControlServer {
    path: Option<PathBuf>,
    listening: Listening,
}

impl ControlServer {
    /// Serves `mounts` on a socket in the runtime directory of this user. A socket that cannot be
    /// made is a warning, and is tried again; so is one that is lost.
    pub async fn start(mounts: MountRegistry) -> Self {
        Self::start_with(Process { mounts, reloader: None }).await
    }

    /// Serves the mounts of a daemon, which can also be told to reload.
    pub(crate) async fn start_of_daemon(mounts: MountRegistry, reloader: Reloader) -> Self {
        Self::start_with(Process { mounts, reloader: Some(reloader) }).await
    }

    async fn start_with(process: Process) -> Self {
        let (socket, error) = KeptSocket::start(SocketPlace::OfUser).await;
        if let Some(error) = error {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "this process cannot be commanded yet");
        }
        Self::serve(socket, process)
    }

    /// Does what [`start`](Self::start) does, in another directory, which is made if it is not
    /// there.
    ///
    /// # Errors
    /// [`SocketError`].
    pub async fn start_at(dir: &Path, mounts: MountRegistry) -> Result<Self, SocketError> {
        match KeptSocket::start(SocketPlace::At(dir.to_owned())).await {
            (_, Some(error)) => Err(error),
            (socket, None) => Ok(Self::serve(socket, Process { mounts, reloader: None })),
        }
    }

    fn serve(socket: KeptSocket, process: Process) -> Self {
        let path = socket.path().map(Path::to_owned);
        tracing::debug!(?path, "the control API is served");
        let listening = Listening::start(Listener::Unix(Box::new(socket)), move |request| {
            routes::answer(process.clone(), request)
        });
        Self { path, listening }
    }

    /// Returns where it began to listen.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Ends it: answers that are being written are finished if that does not take long.
    pub async fn end(self) {
        self.listening.end().await;
    }
}
