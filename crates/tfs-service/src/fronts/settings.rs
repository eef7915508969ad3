//! The settings of front ends on the network.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tfs_config::Secret;

/// The protocol of a front end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FrontKind {
    /// WebDAV, and files and folders for browsers and players.
    Webdav,
    /// NFS 3.
    Nfs,
    /// DLNA, for televisions.
    Dlna,
}

impl FrontKind {
    /// Returns the name in settings, in the status, and as the scheme of URLs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webdav => "webdav",
            Self::Nfs => "nfs",
            Self::Dlna => "dlna",
        }
    }
}

impl fmt::Display for FrontKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Settings of a front end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontSettings {
    /// The protocol.
    pub kind: FrontKind,
    /// The name that users see, for example on a television.
    pub name: Option<String>,
    /// The address to listen at. With port 0 the kernel chooses one.
    pub listen: SocketAddr,
    /// What clients must present.
    pub auth: Option<FrontAuth>,
    /// Whether other machines may read without [`auth`](Self::auth).
    pub allows_anyone: bool,
    /// The certificate, for TLS. WebDAV only.
    pub tls: Option<FrontTls>,
    /// Host names under which browsers may address it, besides addresses. WebDAV only.
    pub hosts: Vec<String>,
    /// Maximum wait for the first bytes of an answer. WebDAV only.
    pub first_byte_max: Duration,
}

impl FrontSettings {
    /// Returns why the configured secret cannot be used, if that is so.
    #[must_use]
    pub fn unusable_secret(&self) -> Option<&str> {
        match &self.auth {
            Some(FrontAuth::Unusable(why)) => Some(why),
            Some(FrontAuth::Password { .. } | FrontAuth::Token(_)) | None => None,
        }
    }
}

/// What the clients of a front end must present. `Debug` does not show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrontAuth {
    /// A user name and a password. WebDAV only.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A token: in a header or as the password for WebDAV, a part of the export's path for NFS.
    Token(Secret),
    /// The configured secret cannot be used; the reason, a text for users.
    Unusable(String),
}

/// The files for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontTls {
    /// The chain of certificates, in PEM format.
    pub certificate: PathBuf,
    /// The private key, in PEM format.
    pub key: PathBuf,
}
