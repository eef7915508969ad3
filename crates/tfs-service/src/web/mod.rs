//! The page in a browser: what a process shows and does behind the routes of `tfs-web`.
//!
//! ```text
//! browser --> tfs-web: routes, login, event stream --> WebMounts
//!                 MountRegistry: status, search, preload <--'  `--> NamedServer: rqbit's API
//!                 MountFiles: piece maps, bytes of files <--'
//! ```
//!
//! # Invariants
//! - Nothing is computed while no page is open, except for one sample of counters a second.
//! - A change concerns the servers of one mount, as far as they have the torrent.
//! - An address on another machine has a token, and so has a page with controls.

mod act;
mod adding;
mod backend;
mod failure;
mod found;
mod overview;
mod piece_map;
mod preloads;
mod settings;
mod token_file;
mod torrents;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use tfs_api::status::WebStatus;
use tfs_api::wire::shown;
use tfs_state::user_state_dir;
use tfs_sys::blocking;
use tfs_types::chain;
use tfs_web::WebSettingsError;
use tfs_web::{AccessToken, TokenError, WebError, WebOptions, WebServer, WebSettings};

use self::backend::WebMounts;
pub use self::settings::PageSettings;
use self::token_file::{OwnToken, own_token, path_in};
use crate::control::{MountRegistry, ReloadTarget};
use crate::history::CloseWatch;

/// Why the page is not served. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The configured token cannot be used.
    #[error("serve the page: {0}")]
    Token(String),
    /// The configured token is unsuitable.
    #[error("serve the page")]
    Unsuitable(#[from] TokenError),
    /// tfs cannot make a token.
    #[error("serve the page: cannot use the token in {}", path.display())]
    OwnToken {
        /// The file of the token.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// There is no directory for a token.
    #[error("serve the page: there is no state directory for its token; set web.token_file")]
    NoStateDir,
    /// The settings are refused.
    #[error("serve the page")]
    Settings(#[from] WebSettingsError),
    /// The address cannot be used.
    #[error(transparent)]
    Web(#[from] WebError),
}

/// Serves the page until it is dropped.
#[derive(Debug)]
pub struct PageServer {
    server: WebServer,
    status: WebStatus,
    /// The plot needs a sample every second.
    _watch: CloseWatch,
}

impl PageServer {
    /// Serves the page of the mounts of this process. Makes a token if the page has controls and
    /// none is configured.
    ///
    /// # Errors
    /// [`PageError`]; mounts work without the page, and their status names the error.
    pub async fn start(settings: PageSettings, mounts: &MountRegistry) -> Result<Self, PageError> {
        Self::start_with(settings, mounts, None).await
    }

    /// Like [`start`](Self::start), for a daemon.
    pub(crate) async fn start_of_daemon(
        settings: PageSettings,
        mounts: &MountRegistry,
        daemon: Arc<dyn ReloadTarget>,
    ) -> Result<Self, PageError> {
        Self::start_with(settings, mounts, Some(daemon)).await
    }

    async fn start_with(
        settings: PageSettings,
        mounts: &MountRegistry,
        daemon: Option<Arc<dyn ReloadTarget>>,
    ) -> Result<Self, PageError> {
        let intake = mounts.intake().clone();
        let control = settings.control;
        let started = open(settings, mounts, daemon).await;
        let (server, mut status) = started.inspect_err(|error| {
            let trouble = Some(format!("failed to {}", chain(error)));
            intake.set_web(Some(WebStatus { control, trouble, ..WebStatus::default() }));
        })?;
        let url = local_url(server.address());
        tracing::info!(url, token_file = status.token_file, "serving the page");
        status.url = Some(url);
        intake.set_web(Some(status.clone()));
        Ok(Self { server, status, _watch: mounts.history().watch_closely() })
    }

    /// Returns the listening address with the actual port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Returns what the status of the process says about it.
    pub(crate) fn status(&self) -> WebStatus {
        self.status.clone()
    }

    /// Ends it. Pending responses are completed if that is quick. The status of the process still
    /// shows it.
    pub async fn end(self) {
        self.server.end().await;
    }
}

async fn open(
    settings: PageSettings,
    mounts: &MountRegistry,
    daemon: Option<Arc<dyn ReloadTarget>>,
) -> Result<(WebServer, WebStatus), PageError> {
    let PageSettings { listen, control, hosts, token, mut token_file } = settings;
    let token = match token.map_err(PageError::Token)? {
        Some(token) => Some(AccessToken::new(token.expose())?),
        None if control => {
            let OwnToken { text, path } = make_token().await?;
            token_file = Some(path);
            Some(AccessToken::new(&text)?)
        }
        None => None,
    };
    let status = WebStatus {
        needs_token: token.is_some(),
        token_file: token_file.as_deref().map(shown),
        control,
        ..WebStatus::default()
    };
    let settings = WebSettings::new(WebOptions { listen, token, control, hosts })?;
    let backend = Arc::new(WebMounts::new(mounts.clone(), daemon, control));
    Ok((WebServer::start(settings, backend).await?, status))
}

async fn make_token() -> Result<OwnToken, PageError> {
    let state_dir = user_state_dir().ok_or(PageError::NoStateDir)?;
    let path = path_in(&state_dir);
    let made = blocking(move || own_token(&state_dir)).await;
    made.map_err(|source| PageError::OwnToken { path, source })
}

/// Returns the URL by which this machine reaches an address.
fn local_url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
    };
    format!("http://{}/", SocketAddr::new(ip, address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_one_of_this_machine() {
        let url = |address: &str| local_url(address.parse().unwrap());
        assert_eq!(url("127.0.0.1:9132"), "http://127.0.0.1:9132/");
        assert_eq!(url("0.0.0.0:80"), "http://127.0.0.1:80/");
        assert_eq!(url("[::]:80"), "http://[::1]:80/");
        assert_eq!(url("192.168.1.2:9132"), "http://192.168.1.2:9132/");
    }
}
