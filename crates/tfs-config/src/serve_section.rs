//! The settings of servers for other programs and machines.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::mount_layout::MountLayout;
use super::units::de_time;

/// A server for other programs and machines.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of keys describes each")]
pub struct ServeSection {
    pub kind: ServeKind,
    pub listen: Option<SocketAddr>,
    pub name: Option<String>,
    pub mount: Option<PathBuf>,
    pub servers: Vec<String>,
    pub auth_user: Option<String>,
    pub auth_password_file: Option<PathBuf>,
    pub auth_token_file: Option<PathBuf>,
    pub no_auth: bool,
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub hosts: Vec<String>,
    #[serde(deserialize_with = "de_time")]
    pub first_byte_timeout: Duration,
    pub layout: MountLayout,
}

/// The protocol of a server for other programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServeKind {
    /// WebDAV and HTTP.
    Webdav,
    /// NFS version 3.
    Nfs,
    /// DLNA, for TVs.
    Dlna,
}

impl ServeKind {
    /// Returns the word of the configuration and the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Webdav => "webdav",
            Self::Nfs => "nfs",
            Self::Dlna => "dlna",
        }
    }

    /// Returns the address without `listen`. That of DLNA is open to other machines, as no TV could
    /// use another.
    #[must_use]
    pub fn default_address(self) -> SocketAddr {
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        match self {
            Self::Webdav => SocketAddr::new(local, 8080),
            Self::Nfs => SocketAddr::new(local, 2050),
            Self::Dlna => SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8200),
        }
    }
}

impl ServeSection {
    /// Returns the address to listen on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listen.unwrap_or_else(|| self.kind.default_address())
    }

    /// Returns whether other machines can reach the address.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.address().ip().to_canonical().is_loopback()
    }
}
