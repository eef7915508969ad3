//! How the servers inside a process are reached.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The answer to `GET /v1/embedded`: the servers that run inside the process, the oldest mount
/// first. Others are not among them, since only their users know the passwords.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EmbeddedServers {
    /// The servers.
    pub servers: Vec<EmbeddedServerInfo>,
}

/// A server inside a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbeddedServerInfo {
    /// Where its torrents are mounted, as in [`MountId`](super::MountId).
    pub mountpoint: String,
    /// How it is reached.
    #[serde(flatten)]
    pub access: ServerAccess,
}

/// How a server is reached. `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerAccess {
    /// The address of rqbit's API, on a loopback port.
    pub url: String,
    /// The user name for it.
    pub username: String,
    /// The password for it, made anew at each start.
    pub password: String,
}

impl fmt::Debug for ServerAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerAccess").field("url", &self.url).finish_non_exhaustive()
    }
}
