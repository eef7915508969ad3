//! The listener of the page.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tfs_http::{Listening, bind};
use tokio_util::sync::DropGuard;
use tokio_util::task::AbortOnDropHandle;

use crate::backend::WebBackend;
use crate::routes::answer;
use crate::settings::WebSettings;
use crate::site::{EVENT_STREAMS_MAX, PageSite};

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
    site: Arc<PageSite>,
    /// Computes overviews.
    _feed: AbortOnDropHandle<()>,
    /// Ends event streams and files.
    end: DropGuard,
}

impl WebServer {
    /// Serves the page.
    ///
    /// # Errors
    /// [`WebError`]; mounts work without the page.
    pub async fn start(
        settings: WebSettings,
        backend: Arc<dyn WebBackend>,
    ) -> Result<Self, WebError> {
        let failed = |source| WebError { address: settings.listen(), source };
        let listener = bind(settings.listen()).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let site = PageSite::new(&settings, backend, address.port()).map_err(failed)?;
        let site = Arc::new(site);
        tracing::debug!(%address, control = settings.control(), "serving the page");
        let feeding = {
            let site = Arc::clone(&site);
            tokio::spawn(async move { site.feed.run(&*site.backend, site.control).await })
        };
        let answering = Arc::clone(&site);
        let listening =
            Listening::start(listener, move |request| answer(Arc::clone(&answering), request));
        let end = site.end.clone().drop_guard();
        Ok(Self { address, listening, site, _feed: AbortOnDropHandle::new(feeding), end })
    }

    /// Returns the listening address with the actual port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the number of open event streams.
    #[must_use]
    pub fn viewers(&self) -> usize {
        EVENT_STREAMS_MAX - self.site.event_places.available_permits()
    }

    /// Ends it. Event streams and files end at once, other answers are completed if that takes at
    /// most a second.
    pub async fn end(self) {
        drop(self.end);
        self.listening.end().await;
    }
}
