//! What all requests share.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tfs_http::Hosts;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use vfs_core::{Export, TorrentSource};

use crate::access::WebdavGate;
use crate::counters::SiteCounters;
use crate::open_files::OpenFiles;
use crate::settings::WebdavSettings;
use crate::tokens::DeviceTokens;

/// Maximum number of files that are sent at once. It leaves connections for listings.
pub(crate) const FILES_MAX: usize = 256;

/// What all requests share.
pub(crate) struct WebdavSite<S: TorrentSource> {
    pub(crate) export: Export<S>,
    /// The name of the front end in the status.
    pub(crate) front: &'static str,
    pub(crate) gate: WebdavGate,
    pub(crate) hosts: Hosts,
    pub(crate) files: OpenFiles<S>,
    /// Permits for files that are sent.
    pub(crate) places: Arc<Semaphore>,
    pub(crate) address: SocketAddr,
    pub(crate) is_https: bool,
    pub(crate) first_byte_max: Duration,
    pub(crate) counters: Arc<SiteCounters>,
    /// Cancelled when the server ends.
    pub(crate) end: CancellationToken,
}

impl<S: TorrentSource> WebdavSite<S> {
    /// Takes a random key from the system.
    pub(crate) fn new(
        export: Export<S>,
        front: &'static str,
        settings: &WebdavSettings,
        tokens: Arc<dyn DeviceTokens>,
    ) -> io::Result<Self> {
        let hosts: Vec<_> = settings.hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        Ok(Self {
            gate: WebdavGate::new(settings, tokens)?,
            files: OpenFiles::new(export.clone()),
            export,
            front,
            hosts: Hosts::new(&hosts),
            places: Arc::new(Semaphore::new(FILES_MAX)),
            address: settings.listen,
            is_https: settings.tls.is_some(),
            first_byte_max: settings.first_byte_max,
            counters: Arc::default(),
            end: CancellationToken::new(),
        })
    }
}

impl<S: TorrentSource> fmt::Debug for WebdavSite<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WebdavSite").field("address", &self.address).finish_non_exhaustive()
    }
}
