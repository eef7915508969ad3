//! The arrangement of several servers.

use serde::Deserialize;

/// How the torrents of several servers are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MountLayout {
    /// All in the root directory; a torrent on several servers appears once.
    Union,
    /// In one directory for each server.
    ByServer,
}
