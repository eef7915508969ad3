//! The listener of the page.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::StatusCode;
use tfs_http::{Listening, text};
use tokio::net::TcpListener;

use crate::backend::WebBackend;
use crate::settings::WebSettings;

/// Why the page is not served. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
#[error("serve the page at {address}")]
pub struct WebError {
    /// The address.
    pub address: SocketAddr,
    /// The error of the system.
    pub source: io::Error,
}

/// Serves the page until it is dropped.
#[derive(Debug)]
pub struct WebServer {
    address: SocketAddr,
    listening: Listening,
}

impl WebServer {
    /// Serves the page.
    ///
    /// # Errors
    /// [`WebError`]; mounts work without the page.
    ///
    /// # Cancel safety
    /// Nothing listens if it is dropped before it returns.
    pub async fn start(
        settings: WebSettings,
        backend: Arc<dyn WebBackend>,
    ) -> Result<Self, WebError> {
        let failed = |source| WebError { address: settings.listen(), source };
        let listener = TcpListener::bind(settings.listen()).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let has_token = settings.token().is_some_and(|token| !token.reveal().is_empty());
        tracing::debug!(%address, has_token, ?backend, "serving the page");
        let listening = Listening::start(listener, async |_request| {
            text(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "no such page\n")
        });
        Ok(Self { address, listening })
    }

    /// Returns the listening address with the actual port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it. Pending answers are completed if that takes at most a second.
    pub async fn end(self) {
        self.listening.end().await;
    }
}
