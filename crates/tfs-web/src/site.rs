//! What all requests share.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tfs_api::wire::{FailureBody, FailureKind};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use tfs_http::Hosts;

use crate::access::PageGate;
use crate::backend::WebBackend;
use crate::feed::{Feed, Snapshot};
use crate::files::PageFiles;
use crate::settings::WebSettings;

/// Maximum number of open event streams: half of the connections of a listener.
pub(crate) const EVENT_STREAMS_MAX: usize = 32;

/// Maximum number of files that are read at once. With the event streams this leaves 12 connections
/// for all else.
pub(crate) const FILES_MAX: usize = 20;

/// Maximum number of bodies that are received at once: together up to 40 MiB.
pub(crate) const BODIES_MAX: usize = 4;

/// Maximum number of requests at once that ask servers, such as lists of torrents.
pub(crate) const REQUESTS_MAX: usize = 8;

/// How long a request waits for an overview.
const OVERVIEW_TIME_MAX: Duration = Duration::from_secs(10);

/// The page of a process.
#[derive(Debug)]
pub(crate) struct PageSite {
    pub(crate) control: bool,
    pub(crate) backend: Arc<dyn WebBackend>,
    pub(crate) gate: PageGate,
    pub(crate) hosts: Hosts,
    pub(crate) files: PageFiles,
    pub(crate) feed: Feed,
    /// One permit for each event stream.
    pub(crate) event_places: Arc<Semaphore>,
    /// One permit for each file that is read.
    pub(crate) file_places: Arc<Semaphore>,
    /// One permit for each body that is received.
    pub(crate) body_places: Semaphore,
    /// One permit for each form with a token that is received. Any client may send one.
    pub(crate) login_places: Semaphore,
    /// One permit for each request to servers.
    pub(crate) request_places: Semaphore,
    /// Ends event streams and files.
    pub(crate) end: CancellationToken,
}

impl PageSite {
    /// `port` is that of the listener.
    pub(crate) fn new(
        settings: &WebSettings,
        backend: Arc<dyn WebBackend>,
        port: u16,
    ) -> io::Result<Self> {
        Ok(Self {
            control: settings.control(),
            backend,
            gate: PageGate::new(settings.token(), port)?,
            hosts: Hosts::new(settings.hosts()),
            files: PageFiles::new(settings.files_dir().cloned()),
            feed: Feed::new(),
            event_places: Arc::new(Semaphore::new(EVENT_STREAMS_MAX)),
            file_places: Arc::new(Semaphore::new(FILES_MAX)),
            body_places: Semaphore::new(BODIES_MAX),
            login_places: Semaphore::new(BODIES_MAX),
            request_places: Semaphore::new(REQUESTS_MAX),
            end: CancellationToken::new(),
        })
    }

    /// Returns an overview that is less than a second old.
    ///
    /// # Errors
    /// If none is computed in time.
    pub(crate) async fn snapshot(&self) -> Result<Arc<Snapshot>, FailureBody> {
        let mut viewer = self.feed.view();
        match timeout(OVERVIEW_TIME_MAX, viewer.next()).await {
            Ok(Some(snapshot)) => Ok(snapshot),
            Ok(None) | Err(_) => {
                let message = "the state of the mounts did not arrive in time; try again";
                Err(FailureBody::new(FailureKind::Unavailable, message))
            }
        }
    }

    /// Returns the mount point that a request means: the only one, if it names none.
    pub(crate) async fn mountpoint(&self, named: Option<String>) -> Result<String, FailureBody> {
        if let Some(named) = named {
            return Ok(named);
        }
        let snapshot = self.snapshot().await?;
        match snapshot.overview.mounts.as_slice() {
            [only] => Ok(only.status.mountpoint.clone()),
            [] => Err(FailureBody::new(FailureKind::UnknownMount, "nothing is mounted")),
            [_, _, ..] => {
                let message = "the process has several mounts; name one by \"mountpoint\"";
                Err(FailureBody::new(FailureKind::Ambiguous, message))
            }
        }
    }
}
