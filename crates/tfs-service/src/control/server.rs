//! The control server: the API on the socket of this process, for as long as that lives.

use std::os::unix::net::UnixListener as StdListener;
use std::path::Path;

use tokio::net::UnixListener;

use super::controlled::Mounts;
use super::listening::{Listener, Listening};
use super::routes::{self, Process};
use super::runtime_dir::RuntimeDir;
use super::socket::{Socket, SocketError};
use crate::blocking::blocking;
use crate::daemon::Reloader;

/// Serves the control API of this process for as long as it lives.
#[derive(Debug)]
pub struct ControlServer {
    socket: Socket,
    listening: Listening,
}

impl ControlServer {
    /// Serves `mounts` on a socket in the runtime directory of this user.
    ///
    /// # Errors
    /// [`SocketError`]; a mount can do without.
    pub async fn start(mounts: Mounts) -> Result<Self, SocketError> {
        Self::start_with(Process { mounts, reloader: None }).await
    }

    /// Serves the mounts of a daemon, which can also be told to reload.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub(crate) async fn start_of_daemon(
        mounts: Mounts,
        reloader: Reloader,
    ) -> Result<Self, SocketError> {
        Self::start_with(Process { mounts, reloader: Some(reloader) }).await
    }

    async fn start_with(process: Process) -> Result<Self, SocketError> {
        let (socket, listener) = blocking(|| Socket::listen(RuntimeDir::make()?)).await?;
        Self::serve(socket, listener, process)
    }

    /// Does what [`start`](Self::start) does, in another directory, which is made if it is not
    /// there.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub async fn start_at(dir: &Path, mounts: Mounts) -> Result<Self, SocketError> {
        let dir = dir.to_owned();
        let listening = blocking(move || Socket::listen(RuntimeDir::make_at(&dir)?)).await;
        let (socket, listener) = listening?;
        Self::serve(socket, listener, Process { mounts, reloader: None })
    }

    fn serve(socket: Socket, listener: StdListener, process: Process) -> Result<Self, SocketError> {
        let failed = |source| SocketError::Listen { path: socket.path().to_owned(), source };
        let listener = UnixListener::from_std(listener).map_err(failed)?;
        tracing::debug!(path = %socket.path().display(), "the control API is served");
        let listening = Listening::start(Listener::Unix(listener), move |request| {
            routes::answer(process.clone(), request)
        });
        Ok(Self { socket, listening })
    }

    /// Returns where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.socket.path()
    }

    /// Ends it: answers that are being written are finished if that does not take long.
    pub async fn end(self) {
        self.listening.end().await;
        blocking(move || drop(self.socket)).await;
    }
}
