//! Options of a library, and its start.

use std::sync::Arc;
use std::time::Duration;

use rqbit_source::RqbitSource;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vfs_core::{
    Export, ReadPolicy, ReaderOrigin, RootLayout, ServerId, TorrentSource as _, Vfs, VfsConfig,
};

use crate::changes::CHANGES_MAX;
use crate::poller::{LibraryPoller, PollerChannels, PollerSettings};
use crate::{
    Library, LibraryError, LibraryErrorKind, LibraryServer, LibraryServerStatus, LibraryShared,
};

/// Number of callers of `refresh` that wait for one server; further ones wait for a place.
const REFRESHES_MAX: usize = 16;

/// The shortest interval of polls.
const POLL_INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Options of a [`Library`].
#[derive(Debug, Clone)]
pub struct LibraryBuilder {
    servers: Vec<LibraryServer>,
    read: ReadPolicy,
    layout: RootLayout,
    connect_timeout: Duration,
    poller: PollerSettings,
}

impl Default for LibraryBuilder {
    /// No server. Reads wait a minute without progress and use 128 MiB, servers are polled every
    /// five seconds and have half a minute to answer the first poll, and torrents that a restarted
    /// server lacks stay for ten minutes.
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            read: ReadPolicy::default(),
            layout: RootLayout::Union,
            connect_timeout: Duration::from_secs(30),
            poller: PollerSettings {
                interval: Duration::from_secs(5),
                removal_delay: Duration::from_secs(600),
            },
        }
    }
}

impl LibraryBuilder {
    /// Adds a server, by its URL or with [options](LibraryServer). Torrents with one info hash are
    /// one torrent, which is read from a server that has the bytes.
    #[must_use]
    pub fn server(mut self, server: impl Into<LibraryServer>) -> Self {
        self.servers.push(server.into());
        self
    }

    /// Sets how long a read waits without progress: no byte of it arrived, and the server fetched
    /// nothing of its torrent. With progress it waits ten times as long.
    #[must_use]
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read.timeout = timeout;
        self.read.timeout_max = timeout.saturating_mul(10);
        self
    }

    /// Sets the maximum memory of buffers and cache, in bytes. Less than 1 MiB for each stream
    /// counts as that.
    #[must_use]
    pub fn memory_bytes_max(mut self, bytes: usize) -> Self {
        self.read.memory_bytes_max = bytes;
        self
    }

    /// Sets the interval of polls, at least 0.1 seconds.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poller.interval = interval.max(POLL_INTERVAL_MIN);
        self
    }

    /// Sets how long torrents are shown that a restarted server does not list: it may list them
    /// again when their disk is there. Torrents that are removed otherwise are gone at once.
    #[must_use]
    pub fn removal_delay(mut self, delay: Duration) -> Self {
        self.poller.removal_delay = delay;
        self
    }

    /// Sets how long [`connect`](Self::connect) waits.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Shows a directory for each server, and its torrents in it.
    #[must_use]
    pub fn by_server(mut self) -> Self {
        self.layout = RootLayout::ByServer;
        self
    }

    /// Starts to poll the servers, and resolves when each has answered or failed, or the time is
    /// over. The root then has the torrents of those that answered; servers that failed are tried
    /// again. A torrent whose details take longer than ten seconds is added later.
    ///
    /// Must be called in a tokio runtime with time and I/O enabled, which runs the polls.
    ///
    /// # Errors
    /// `Configuration` without servers, or for an invalid URL or user name. Otherwise, if no server
    /// has answered, the error of the first that failed, or `TimedOut`. Nothing is polled then.
    ///
    /// # Cancel safety
    /// Dropping the future ends the polls.
    pub async fn connect(self) -> Result<Library, LibraryError> {
        if self.servers.is_empty() {
            let context = "connect a library without a server: add one with LibraryBuilder::server";
            return Err(LibraryError::new(LibraryErrorKind::Configuration, context));
        }
        let until = Instant::now() + self.connect_timeout;
        let library = self.start()?;
        let all_polled = async {
            for status in &library.shared.statuses {
                // The sender lives as long as its task, which runs until the library is dropped.
                drop(status.clone().wait_for(|status| status.poll_count > 0).await);
            }
        };
        let is_in_time = timeout_at(until, all_polled).await.is_ok();
        let statuses = library.servers();
        if statuses.iter().any(|status| status.is_known) {
            return Ok(library);
        }
        match statuses.into_iter().find_map(|status| status.error) {
            Some(error) => Err(LibraryError::of_server(&error)),
            None => {
                debug_assert!(!is_in_time, "a poll ends with an error or a tree");
                let context = "get the list of torrents from the servers of the library";
                Err(LibraryError::new(LibraryErrorKind::TimedOut, context))
            }
        }
    }

    /// Starts a task for each server.
    fn start(self) -> Result<Library, LibraryError> {
        let sources = (1..).zip(self.servers).map(|(nth, server)| server.source(nth).map(Arc::new));
        let sources = sources.collect::<Result<Vec<Arc<RqbitSource>>, _>>()?;
        let config = VfsConfig { read: self.read, layout: self.layout, ..VfsConfig::default() };
        let vfs = Arc::new(Vfs::of_servers(&sources, config));
        let (changes, _) = broadcast::channel(CHANGES_MAX);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (mut refreshes, mut statuses) = (Vec::new(), Vec::new());
        for (server, source) in (0..).map(ServerId).zip(&sources) {
            let name = source.name().as_deref().unwrap_or_default().to_owned();
            let (status, status_of) = watch::channel(LibraryServerStatus {
                name,
                poll_count: 0,
                is_known: false,
                error: None,
                unread_torrents: 0,
            });
            let (refresh, requests) = mpsc::channel(REFRESHES_MAX);
            let channels = PollerChannels { requests, status, changes: changes.clone() };
            let poller = LibraryPoller::new(Arc::clone(&vfs), server, self.poller, channels);
            tasks.spawn(stop.clone().run_until_cancelled_owned(poller.run()));
            refreshes.push(refresh);
            statuses.push(status_of);
        }
        tasks.close();
        let origin =
            ReaderOrigin { front: "library", peer: "this program".to_owned(), agent: None };
        let export = Export::new(vfs);
        let origin = Arc::new(origin);
        let shared = LibraryShared { export, origin, refreshes, statuses, changes, stop, tasks };
        Ok(Library { shared: Arc::new(shared) })
    }
}
