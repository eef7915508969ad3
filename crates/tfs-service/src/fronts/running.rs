//! Front ends that serve, and their status.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use dlna_adapter::{DlnaCounts, DlnaServer};
use futures_util::future::join_all;
use nfs_adapter::{NfsCounts, NfsServer};
use tfs_api::status::FrontStatus;
use tfs_types::chain;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;
use vfs_core::{Export, TorrentSource};
use webdav_adapter::{DeviceTokens, WebdavCounts, WebdavServer};

use super::bound::{BoundFront, ReadyFront, ReadyProtocol};
use super::tokens::KnownTokens;
use super::{FrontError, FrontKind, FrontSettings};

/// The files as front ends show them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileOwner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Permissions that files do not have.
    pub(crate) umask: u16,
}

/// Interval of new attempts at front ends of a mount that failed: another program may have had the
/// address, or a certificate was missing.
const RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// What front ends serve, and with what.
#[derive(Debug)]
pub(crate) struct FrontParts<S> {
    pub(crate) export: Export<S>,
    pub(crate) owner: FileOwner,
    pub(crate) state_dir: Option<PathBuf>,
}

/// A front end, or why it does not serve.
#[derive(Debug)]
struct FrontEntry {
    settings: FrontSettings,
    /// The server and its URL, or a text for users.
    state: Result<(FrontServer, String), String>,
}

#[derive(Debug)]
enum FrontServer {
    Webdav(WebdavServer),
    Nfs(NfsServer),
    Dlna(DlnaServer),
}

/// The front ends of a library. They end when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Fronts {
    /// Protects the list, which is emptied at the end; held for one access.
    list: Arc<FrontList>,
    /// Tries again to start those that failed.
    _retrying: Option<AbortOnDropHandle<()>>,
}

type FrontList = Mutex<Vec<FrontEntry>>;

/// Source of the status of the front ends of a library, set once they serve. Clones share it. It
/// keeps none of them alive.
#[derive(Clone, Default)]
pub(crate) struct FrontWatch(Arc<OnceLock<Weak<FrontList>>>);

impl Fronts {
    /// Starts to serve. A front end that fails is logged, named in the status, and tried again.
    /// Must be called in a runtime.
    pub(crate) fn start<S: TorrentSource>(fronts: Vec<BoundFront>, parts: FrontParts<S>) -> Self {
        let starter =
            FrontStarter { tokens: Arc::new(KnownTokens::new(parts.state_dir.as_deref())), parts };
        let entry = |front: BoundFront| {
            let BoundFront { settings, ready } = front;
            // Without one, the protocol refused its settings.
            let hint = ready.as_ref().err().map(FrontError::retry_hint).unwrap_or_default();
            let state = starter.start(&settings, ready);
            if let Err(why) = &state {
                tracing::warn!(hint, "{why}");
            }
            FrontEntry { settings, state }
        };
        let list: Vec<_> = fronts.into_iter().map(entry).collect();
        let has_failed = list.iter().any(|front| front.state.is_err());
        let list = Arc::new(Mutex::new(list));
        let retrying = has_failed.then(|| {
            let task = tokio::spawn(retry(Arc::clone(&list), starter));
            AbortOnDropHandle::new(task)
        });
        Self { list, _retrying: retrying }
    }

    /// Returns why the first one that failed does not serve.
    pub(crate) fn first_trouble(&self) -> Option<String> {
        self.statuses().into_iter().find_map(|front| front.trouble)
    }

    /// Returns the status of each. Does not block.
    pub(crate) fn statuses(&self) -> Vec<FrontStatus> {
        statuses(&self.list)
    }

    /// Ends all. Answers that are being sent are broken off or completed within a second.
    pub(crate) async fn end(self) {
        drop(self._retrying);
        let list = std::mem::take(&mut *self.list.lock().unwrap_or_else(PoisonError::into_inner));
        let servers = list.into_iter().filter_map(|front| front.state.ok());
        join_all(servers.map(async |(server, _)| match server {
            FrontServer::Webdav(server) => server.end().await,
            FrontServer::Nfs(server) => server.end().await,
            FrontServer::Dlna(server) => server.end().await,
        }))
        .await;
    }
}

/// Tries again and again to start the front ends that failed, until all serve.
async fn retry<S: TorrentSource>(list: Arc<FrontList>, starter: FrontStarter<S>) {
    loop {
        sleep(RETRY_INTERVAL).await;
        let failed = {
            let list = list.lock().unwrap_or_else(PoisonError::into_inner);
            let all = list.iter().enumerate();
            let failed = all.filter(|(_, front)| front.state.is_err());
            failed.map(|(idx, front)| (idx, front.settings.clone())).collect::<Vec<_>>()
        };
        if failed.is_empty() {
            return;
        }
        for (idx, settings) in failed {
            let state_dir = starter.parts.state_dir.as_deref();
            let BoundFront { settings, ready } = BoundFront::bind(settings, state_dir).await;
            let state = starter.start(&settings, ready);
            if let Some(front) = list.lock().unwrap_or_else(PoisonError::into_inner).get_mut(idx) {
                front.state = state;
            }
        }
    }
}

impl FrontEntry {
    fn status(&self) -> FrontStatus {
        let status = FrontStatus {
            kind: self.settings.kind.as_str().to_owned(),
            name: self.settings.name.clone(),
            ..FrontStatus::default()
        };
        let (server, url) = match &self.state {
            Ok((server, url)) => (server, Some(url.clone())),
            Err(why) => return FrontStatus { trouble: Some(why.clone()), ..status },
        };
        match server {
            FrontServer::Webdav(server) => {
                let WebdavCounts { connections, requests, refused, sent_bytes } = server.counts();
                FrontStatus { url, connections, requests, refused, sent_bytes, ..status }
            }
            FrontServer::Nfs(server) => {
                let NfsCounts { connections, requests, refused, sent_bytes } = server.counts();
                FrontStatus { url, connections, requests, refused, sent_bytes, ..status }
            }
            FrontServer::Dlna(server) => {
                let DlnaCounts { connections, requests, refused, sent_bytes } = server.counts();
                FrontStatus { url, connections, requests, refused, sent_bytes, ..status }
            }
        }
    }
}

impl FrontWatch {
    /// Sets the front ends, once.
    pub(crate) fn set(&self, fronts: &Fronts) {
        // The cell is empty: a library has one set of front ends.
        drop(self.0.set(Arc::downgrade(&fronts.list)));
    }

    /// Returns the status of each. Does not block.
    pub(crate) fn statuses(&self) -> Vec<FrontStatus> {
        let list = self.0.get().and_then(Weak::upgrade);
        list.map(|list| statuses(&list)).unwrap_or_default()
    }
}

impl fmt::Debug for FrontWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrontWatch").finish_non_exhaustive()
    }
}

fn statuses(list: &FrontList) -> Vec<FrontStatus> {
    let list = list.lock().unwrap_or_else(PoisonError::into_inner);
    list.iter().map(FrontEntry::status).collect()
}

/// Starts front ends of a library.
#[derive(Debug)]
struct FrontStarter<S> {
    parts: FrontParts<S>,
    tokens: Arc<KnownTokens>,
}

impl<S: TorrentSource> FrontStarter<S> {
    /// Starts a front end. Returns it with its URL, or why it does not serve.
    fn start(
        &self,
        settings: &FrontSettings,
        ready: Result<ReadyFront, FrontError>,
    ) -> Result<(FrontServer, String), String> {
        let kind = settings.kind;
        let served = ready.and_then(|ready| {
            let url = url(kind, ready.address, settings.tls.is_some());
            Ok((self.serve(ready)?, url))
        });
        let (server, url) = served.map_err(|error| format!("failed to {}", chain(&error)))?;
        tracing::info!(%kind, url, "serving");
        Ok((server, url))
    }

    fn serve(&self, ready: ReadyFront) -> Result<FrontServer, FrontError> {
        let FrontParts { export, owner, .. } = &self.parts;
        let ReadyFront { listener, protocol, .. } = ready;
        let export = export.clone();
        Ok(match protocol {
            ReadyProtocol::Webdav(settings) => {
                let tokens = Arc::clone(&self.tokens) as Arc<dyn DeviceTokens>;
                FrontServer::Webdav(WebdavServer::start_on(listener, export, *settings, tokens)?)
            }
            ReadyProtocol::Nfs(mut settings) => {
                (settings.uid, settings.gid) = (owner.uid, owner.gid);
                settings.file_mode &= !u32::from(owner.umask);
                settings.dir_mode &= !u32::from(owner.umask);
                FrontServer::Nfs(NfsServer::start_on(export, listener, settings)?)
            }
            ReadyProtocol::Dlna(settings) => {
                FrontServer::Dlna(DlnaServer::start_on(listener, export, &settings)?)
            }
        })
    }
}

/// Returns the URL by which this machine reaches a front end, without secrets.
fn url(kind: FrontKind, address: SocketAddr, is_https: bool) -> String {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
    };
    let scheme = match kind {
        FrontKind::Webdav | FrontKind::Dlna if is_https => "https",
        FrontKind::Webdav | FrontKind::Dlna => "http",
        FrontKind::Nfs => "nfs",
    };
    format!("{scheme}://{}/", SocketAddr::new(ip, address.port()))
}
