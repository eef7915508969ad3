//! Access to the embedded servers of a process.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The answer to `GET /v1/embedded`: the embedded servers of the process, the oldest mount first.
/// Other servers are not included, since only their users know the passwords.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EmbeddedServers {
    /// The servers.
    pub servers: Vec<EmbeddedServerInfo>,
}

/// An embedded server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbeddedServerInfo {
    /// The mount point of its torrents, as in [`MountId`](super::MountId).
    pub mountpoint: String,
    /// Address and credentials.
    #[serde(flatten)]
    pub access: ServerAccess,
}

/// Address and credentials of a server. `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerAccess {
    /// The URL of rqbit's API, on a loopback port.
    pub url: String,
    /// The user name.
    pub username: String,
    /// The password, created at each start.
    pub password: String,
    /// The key of the server's records, which stays at the next start. Older versions send none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_key: Option<String>,
}

impl fmt::Debug for ServerAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerAccess").field("url", &self.url).finish_non_exhaustive()
    }
}
