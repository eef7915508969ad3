//! The server: HTTP for descriptions, listings and files, and SSDP.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tfs_http::{Hosts, ListenLimits, Listening, bind_with};
use tokio::net::TcpListener;
use vfs_core::{Export, TorrentSource};
use webdav_adapter::{WebdavHandler, WebdavSettings};

use crate::description::device;
use crate::directory::Directory;
use crate::routes::DlnaRoutes;
use crate::settings::{DlnaError, DlnaSettings};
use crate::ssdp::{SsdpDevice, SsdpTask};
use crate::token::FileToken;

/// Maximum number of concurrent connections. One that waits for a request gives way to a new one.
const CONNECTIONS_MAX: usize = 128;

/// How long a connection may wait for the head of its next request.
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);

/// Size of the send buffer of each connection in bytes; the system doubles it for its own use. A
/// television that pauses a film leaves as much in it, which was read for nothing.
const SEND_BUFFER_BYTES: u32 = 256 << 10;

/// Counts since the start.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct DlnaCounts {
    /// Connections that are open.
    pub connections: u64,
    /// Requests, also refused ones and those for files.
    pub requests: u64,
    /// Refused requests: malformed, of browsers, or for what does not exist.
    pub refused: u64,
    /// Bytes of files that were sent.
    pub sent_bytes: u64,
}

/// What of the routes the server needs, whatever the source of the tree is.
trait Counting: Send + Sync {
    fn counts(&self, connections: usize) -> DlnaCounts;
}

/// A running server. It ends without a farewell to televisions when it is dropped.
pub struct DlnaServer {
    address: SocketAddr,
    listening: Listening,
    ssdp: SsdpTask,
    routes: Arc<dyn Counting>,
}

impl DlnaServer {
    /// Starts a server in the current runtime of tokio.
    ///
    /// # Errors
    /// If the address cannot be used, or UDP port 1900 is not shared.
    pub fn start<S: TorrentSource>(
        export: Export<S>,
        settings: &DlnaSettings,
    ) -> Result<Self, DlnaError> {
        let failed = |source| DlnaError::Listen { address: settings.listen, source };
        let listener = bind_with(settings.listen, SEND_BUFFER_BYTES).map_err(failed)?;
        Self::start_on(listener, export, settings)
    }

    /// Starts a server on a listener. Its address counts, not that of the settings. Send buffers of
    /// connections are those of the listener: create it with [`tfs_http::bind_with`].
    ///
    /// # Errors
    /// If UDP port 1900 is not shared.
    pub fn start_on<S: TorrentSource>(
        listener: TcpListener,
        export: Export<S>,
        settings: &DlnaSettings,
    ) -> Result<Self, DlnaError> {
        let failed = |source| DlnaError::Listen { address: settings.listen, source };
        let address = listener.local_addr().map_err(failed)?;
        let SocketAddr::V4(listen) = address else { return Err(DlnaError::NotIpv4(address)) };
        let files = WebdavSettings {
            first_byte_max: settings.first_byte_max,
            ..WebdavSettings::new(address)
        };
        let (name, token) = (settings.name(), settings.token());
        let tokens = Arc::new(FileToken::new(&token));
        let files = WebdavHandler::new(export.clone(), "dlna", &files, tokens)?;
        let uuid = settings.uuid(address.port());
        let ssdp = SsdpDevice { uuid: uuid.clone(), port: address.port() };
        let ssdp = SsdpTask::start(ssdp, *listen.ip()).map_err(DlnaError::Ssdp)?;
        let routes = Arc::new(DlnaRoutes {
            device: device(&name, &uuid).into(),
            directory: Directory::new(export, name),
            files,
            hosts: Hosts::new(&[]),
            files_path: format!("/k/{token}/"),
            requests: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        });
        let limits =
            ListenLimits { connections_max: CONNECTIONS_MAX, head_time_max: IDLE_TIME_MAX };
        let answering = {
            let routes = Arc::clone(&routes);
            move |request| Arc::clone(&routes).answer(request)
        };
        let listening = Listening::start_with(listener, limits, answering);
        tracing::info!(%address, "DLNA for televisions");
        Ok(Self { address, listening, ssdp, routes })
    }

    /// Returns the address of the listener.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns what was counted since the start.
    #[must_use]
    pub fn counts(&self) -> DlnaCounts {
        self.routes.counts(self.listening.connections())
    }

    /// Tells televisions that it is gone, and ends it. Takes at most two seconds.
    pub async fn end(self) {
        self.ssdp.end().await;
        self.listening.end().await;
    }
}

impl fmt::Debug for DlnaServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DlnaServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl<S: TorrentSource> Counting for DlnaRoutes<S> {
    fn counts(&self, connections: usize) -> DlnaCounts {
        let files = self.files.counts(connections);
        DlnaCounts {
            connections: files.connections,
            requests: files.requests + self.requests.load(Ordering::Relaxed),
            refused: files.refused + self.refused.load(Ordering::Relaxed),
            sent_bytes: files.sent_bytes,
        }
    }
}
