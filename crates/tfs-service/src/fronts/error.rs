//! Why a front end does not serve.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;

use dlna_adapter::DlnaError;
use nfs_adapter::NfsError;
use webdav_adapter::{WebdavError, WebdavTlsError};

use super::FrontKind;

/// Why a front end is not served. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    /// The address cannot be used.
    #[error("serve {kind} at {address}")]
    Listen {
        /// The protocol.
        kind: FrontKind,
        /// The configured address.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
    /// The configured secret cannot be used.
    #[error("serve {kind}: {why}")]
    Secret {
        /// The protocol.
        kind: FrontKind,
        /// A text for users.
        why: String,
    },
    /// The protocol has no such login.
    #[error("serve nfs with a user name and a password: NFS has none; use a token")]
    NoPasswords,
    /// Other machines could read everything.
    #[error(
        "serve {kind} at {address}: other machines can reach it, and there is no token; set one, \
         use 127.0.0.1, or allow it with --no-auth (`no_auth = true`)"
    )]
    OpenToAll {
        /// The protocol.
        kind: FrontKind,
        /// The configured address.
        address: SocketAddr,
    },
    /// A file for TLS cannot be read.
    #[error("serve {kind}: cannot read {}", path.display())]
    TlsFile {
        /// The protocol.
        kind: FrontKind,
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A file for TLS is not what it should be.
    #[error("serve webdav: cannot use {}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why.
        source: WebdavTlsError,
    },
    /// The key of handles and URLs cannot be used.
    #[error("serve {kind}: cannot use the key in {}", path.display())]
    Key {
        /// The protocol.
        kind: FrontKind,
        /// The file of the key.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// WebDAV refuses its settings, or the system its listener.
    #[error(transparent)]
    Webdav(#[from] WebdavError),
    /// NFS refuses its settings, or the system its listener.
    #[error("serve nfs")]
    Nfs(#[from] NfsError),
    /// A login that televisions cannot have, or TLS.
    #[error("serve dlna: televisions know neither logins nor TLS; remove them")]
    NoLogins,
    /// DLNA refuses its settings, or the system its sockets.
    #[error("serve dlna")]
    Dlna(#[from] DlnaError),
}

impl FrontError {
    /// Returns what to do if the front end is tried again every 10 seconds.
    pub(super) fn retry_hint(&self) -> String {
        if let Self::Listen { address, source, .. } = self
            && source.kind() == ErrorKind::AddrInUse
        {
            return format!(
                "tfs tries again every 10 seconds; another program listens there: end it, or use \
                 another port; name it with: ss -ltnp \"sport = :{}\"",
                address.port()
            );
        }
        "tfs tries again every 10 seconds; see: tfs status".to_owned()
    }
}
