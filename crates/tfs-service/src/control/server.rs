//! The control server: serves the API on the socket of this process.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tfs_http::Listening;

use super::controlled::{MountRegistry, ReloadTarget};
use super::kept_socket::{KeptSocket, SocketPlace};
use super::routes::{self, Process};
use super::socket::SocketError;
use crate::history::Sampler;

/// Serves the control API of this process until it is dropped.
#[derive(Debug)]
pub struct ControlServer {
    path: Option<PathBuf>,
    listening: Listening,
    /// Takes the samples that a status has.
    _sampler: Sampler,
}

impl ControlServer {
    /// Serves `mounts` on a socket in the runtime directory of this user. A socket that cannot be
    /// created or is lost causes a warning, and later attempts.
    pub async fn start(mounts: MountRegistry) -> Self {
        Self::start_with(Process { mounts, reloader: None }).await
    }

    /// Serves the mounts of a daemon, which also accepts reload requests.
    pub(crate) async fn start_of_daemon(
        mounts: MountRegistry,
        reloader: Arc<dyn ReloadTarget>,
    ) -> Self {
        Self::start_with(Process { mounts, reloader: Some(reloader) }).await
    }

    async fn start_with(process: Process) -> Self {
        let (socket, error) = KeptSocket::start(SocketPlace::OfUser).await;
        if let Some(error) = error {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the control API is not available yet");
        }
        Self::serve(socket, process)
    }

    /// Like [`start`](Self::start), in another directory, which is created if it does not exist.
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
        tracing::debug!(?path, "serving the control API");
        let mounts = process.mounts.clone();
        let sampler = Sampler::start(process.mounts.history(), move || mounts.counters());
        let listening =
            Listening::start(socket, move |request| routes::answer(process.clone(), request));
        Self { path, listening, _sampler: sampler }
    }

    /// Returns the path of the socket at the start.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Ends it. Pending responses are completed if that is quick.
    pub async fn end(self) {
        self.listening.end().await;
    }
}
