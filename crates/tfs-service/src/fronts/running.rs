//! Front ends that serve, and their status.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use dlna_adapter::{DlnaCounts, DlnaServer};
use futures_util::future::join_all;
use nfs_adapter::{NfsCounts, NfsServer};
use tfs_api::status::FrontStatus;
use tfs_types::chain;
use vfs_core::{Export, TorrentSource};
use webdav_adapter::{DeviceTokens, WebdavCounts, WebdavServer};

use super::bound::{BoundFront, ReadyFront, ReadyProtocol};
use super::tokens::KnownTokens;
use super::{FrontError, FrontKind};

/// The files as front ends show them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileOwner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Permissions that files do not have.
    pub(crate) umask: u16,
}

/// A front end, or why it does not serve.
#[derive(Debug)]
struct FrontEntry {
    kind: FrontKind,
    name: Option<String>,
    state: Result<(FrontServer, String), String>,
}

#[derive(Debug)]
enum FrontServer {
    Webdav(WebdavServer),
    Nfs(NfsServer),
    Dlna(DlnaServer),
}

/// The front ends of a library. They end when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Fronts {
    /// Protects the list, which is emptied at the end; held for one access.
    list: Arc<FrontList>,
}

type FrontList = Mutex<Vec<FrontEntry>>;

/// Source of the status of the front ends of a library, set once they serve. Clones share it. It
/// keeps none of them alive.
#[derive(Clone, Default)]
pub(crate) struct FrontWatch(Arc<OnceLock<Weak<FrontList>>>);

impl Fronts {
    /// Starts to serve. A front end that fails is logged and named in the status.
    pub(crate) fn start<S: TorrentSource>(
        fronts: Vec<BoundFront>,
        export: &Export<S>,
        owner: FileOwner,
        state_dir: Option<&Path>,
    ) -> Self {
        let tokens: Arc<dyn DeviceTokens> = Arc::new(KnownTokens::new(state_dir));
        let start = |front: BoundFront| {
            let kind = front.settings.kind;
            let started = front.ready.and_then(|ready| {
                let is_https = front.settings.tls.is_some();
                let url = url(kind, ready.address, is_https);
                Ok((serve(ready, export.clone(), owner, &tokens)?, url))
            });
            let state = started.map_err(|error| {
                let why = format!("failed to {}", chain(&error));
                tracing::warn!(%kind, "not served: {why}");
                why
            });
            if let Ok((_, url)) = &state {
                tracing::info!(%kind, url, "serving");
            }
            FrontEntry { kind, name: front.settings.name, state }
        };
        Self { list: Arc::new(Mutex::new(fronts.into_iter().map(start).collect())) }
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
    pub(crate) async fn end(&self) {
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

impl FrontEntry {
    fn status(&self) -> FrontStatus {
        let status = FrontStatus {
            kind: self.kind.as_str().to_owned(),
            name: self.name.clone(),
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

fn serve<S: TorrentSource>(
    ready: ReadyFront,
    export: Export<S>,
    owner: FileOwner,
    tokens: &Arc<dyn DeviceTokens>,
) -> Result<FrontServer, FrontError> {
    let ReadyFront { listener, protocol, .. } = ready;
    Ok(match protocol {
        ReadyProtocol::Webdav(settings) => {
            let tokens = Arc::clone(tokens);
            FrontServer::Webdav(WebdavServer::start_on(listener, export, *settings, tokens)?)
        }
        ReadyProtocol::Nfs(mut settings) => {
            let FileOwner { uid, gid, umask } = owner;
            (settings.uid, settings.gid) = (uid, gid);
            settings.file_mode &= !u32::from(umask);
            settings.dir_mode &= !u32::from(umask);
            FrontServer::Nfs(NfsServer::start_on(export, listener, settings)?)
        }
        ReadyProtocol::Dlna(settings) => {
            FrontServer::Dlna(DlnaServer::start_on(listener, export, &settings)?)
        }
    })
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
