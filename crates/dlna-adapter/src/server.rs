//! The server: HTTP for descriptions, listings and files, and SSDP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tfs_http::{Hosts, ListenLimits, Listening, bind_with};
use vfs_core::{Export, TorrentSource};

use crate::description::{device, uuid_of};
use crate::directory::Directory;
use crate::routes::Routes;
use crate::settings::{DlnaError, DlnaFiles, DlnaSettings};
use crate::ssdp::{SsdpDevice, SsdpTask};

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
}

/// A running server. It ends without a farewell to televisions when it is dropped.
#[derive(Debug)]
pub struct DlnaServer {
    address: SocketAddr,
    listening: Listening,
    ssdp: SsdpTask,
    counts: Counters,
}

/// The counters of the routes, whose type is that of the source.
#[derive(Debug, Clone)]
struct Counters {
    requests: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
}

impl DlnaServer {
    /// Starts a server in the current runtime of tokio. `files` answers what is below
    /// [`files_path`](DlnaSettings::files_path).
    ///
    /// # Errors
    /// If the address cannot be used, or UDP port 1900 is not shared.
    pub fn start<S: TorrentSource>(
        export: Export<S>,
        settings: DlnaSettings,
        files: DlnaFiles,
    ) -> Result<Self, DlnaError> {
        let SocketAddr::V4(listen) = settings.listen else {
            return Err(DlnaError::NotIpv4(settings.listen));
        };
        let path = &settings.files_path;
        if !path.starts_with('/') || !path.ends_with('/') {
            return Err(DlnaError::FilesPath(path.clone()));
        }
        let failed = |source| DlnaError::Listen { address: settings.listen, source };
        let listener = bind_with(settings.listen, SEND_BUFFER_BYTES).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let uuid = uuid_of(&settings.identity);
        let name = settings.name();
        let ssdp = SsdpDevice { uuid: uuid.clone(), port: address.port() };
        let ssdp = SsdpTask::start(ssdp, *listen.ip()).map_err(DlnaError::Ssdp)?;
        let counts = Counters { requests: Arc::default(), refused: Arc::default() };
        let routes = Arc::new(Routes {
            device: device(&name, &uuid).into(),
            directory: Directory::new(export, name),
            files,
            hosts: Hosts::new(&[]),
            files_path: settings.files_path,
            requests: Arc::clone(&counts.requests),
            refused: Arc::clone(&counts.refused),
        });
        let limits =
            ListenLimits { connections_max: CONNECTIONS_MAX, head_time_max: IDLE_TIME_MAX };
        let answering = move |request| Arc::clone(&routes).answer(request);
        let listening = Listening::start_with(listener, limits, answering);
        tracing::info!(%address, "DLNA for televisions");
        Ok(Self { address, listening, ssdp, counts })
    }

    /// Returns the address of the listener.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns what was counted since the start.
    #[must_use]
    pub fn counts(&self) -> DlnaCounts {
        DlnaCounts {
            connections: u64::try_from(self.listening.connections()).unwrap_or(u64::MAX),
            requests: self.counts.requests.load(Ordering::Relaxed),
            refused: self.counts.refused.load(Ordering::Relaxed),
        }
    }

    /// Tells televisions that it is gone, and ends it. Takes at most two seconds.
    pub async fn end(self) {
        self.ssdp.end().await;
        self.listening.end().await;
    }
}
