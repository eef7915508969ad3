//! The server: its listener and its counters.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tfs_http::{ListenLimits, Listening, bind_with};
use tokio::net::TcpListener;
use tokio_util::sync::DropGuard;
use vfs_core::{Export, TorrentSource};

use crate::counters::{SiteCounters, WebdavCounts};
use crate::error::WebdavError;
use crate::handler::WebdavHandler;
use crate::settings::WebdavSettings;
use crate::tls::TlsListener;
use crate::tokens::DeviceTokens;

/// Maximum number of concurrent connections: some players open one for each jump. One that waits
/// for a request gives way to a new one.
const CONNECTIONS_MAX: usize = 512;

/// How long a connection may wait for the head of its next request. Clients keep connections for
/// about a minute, and some report an error if one ends while they send.
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);

/// Size of the send buffer of each connection in bytes; the system doubles it for its own use. A
/// client that reads a little of a film and pauses leaves as much in it, read for nothing.
const SEND_BUFFER_BYTES: u32 = 256 << 10;

/// Serves a tree until it is dropped.
#[derive(Debug)]
pub struct WebdavServer {
    address: SocketAddr,
    listening: Listening,
    counters: Arc<SiteCounters>,
    /// Ends files that are sent.
    end: DropGuard,
}

impl WebdavServer {
    /// Serves the tree at the address of the settings.
    ///
    /// # Errors
    /// [`WebdavError`]; other front ends of the tree work without this one.
    pub async fn start<S: TorrentSource>(
        export: Export<S>,
        settings: WebdavSettings,
        tokens: Arc<dyn DeviceTokens>,
    ) -> Result<Self, WebdavError> {
        settings.check()?;
        let listener = bind_with(settings.listen, SEND_BUFFER_BYTES);
        let address = settings.listen;
        let listener = listener.map_err(|source| WebdavError::System { address, source })?;
        Self::start_on(listener, export, settings, tokens)
    }

    /// Serves the tree on a listener. Its address counts, not that of the settings. Send buffers
    /// of connections are those of the listener: create it with [`tfs_http::bind_with`].
    ///
    /// # Errors
    /// [`WebdavError`].
    pub fn start_on<S: TorrentSource>(
        listener: TcpListener,
        export: Export<S>,
        mut settings: WebdavSettings,
        tokens: Arc<dyn DeviceTokens>,
    ) -> Result<Self, WebdavError> {
        let failed = |source| WebdavError::System { address: settings.listen, source };
        let address = listener.local_addr().map_err(failed)?;
        settings.listen = address;
        let tls = settings.tls.clone();
        let handler = Arc::new(WebdavHandler::new(export, "webdav", &settings, tokens)?);
        tracing::debug!(%address, is_https = tls.is_some(), "serving WebDAV");
        let site = &handler.site;
        let (counters, end) = (Arc::clone(&site.counters), site.end.clone().drop_guard());
        let answering = move |request| handler.answer(request);
        let limits =
            ListenLimits { connections_max: CONNECTIONS_MAX, head_time_max: IDLE_TIME_MAX };
        let listening = match tls {
            None => Listening::start_with(listener, limits, answering),
            Some(tls) => Listening::start_with(TlsListener { listener, tls }, limits, answering),
        };
        Ok(Self { address, listening, counters, end })
    }

    /// Returns the listening address with the actual port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns what the server has done so far.
    #[must_use]
    pub fn counts(&self) -> WebdavCounts {
        let connections = u64::try_from(self.listening.connections()).unwrap_or(u64::MAX);
        self.counters.read(connections)
    }

    /// Ends it. Files end at once, other answers are completed if that takes at most a second.
    pub async fn end(self) {
        drop(self.end);
        self.listening.end().await;
    }
}
