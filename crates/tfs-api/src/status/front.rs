//! The status of front ends on the network.

use serde::{Deserialize, Serialize};

/// A front end of a mount on the network: WebDAV, NFS or DLNA.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FrontStatus {
    /// Its protocol: `webdav`, `nfs` or `dlna`.
    pub kind: String,
    /// Its configured name.
    pub name: Option<String>,
    /// Its address for clients, without secrets; null if it is not served.
    pub url: Option<String>,
    /// Why it is not served.
    pub trouble: Option<String>,
    /// Connections that are open.
    pub connections: u64,
    /// Requests that were answered, also with errors.
    pub requests: u64,
    /// Requests that were refused: wrong credentials, malformed, or too large.
    pub refused: u64,
    /// Bytes of files that were sent.
    pub sent_bytes: u64,
}

impl FrontStatus {
    /// Returns the problem with it, if there is one.
    pub(super) fn trouble_text(&self) -> Option<String> {
        Some(format!("no {}: {}", self.kind, self.trouble.as_ref()?))
    }
}
