//! Identifies a torrent in a request: by info hash or by the server's id.

use std::fmt;

use tfs_types::InfoHash;

/// The torrent of a call.
///
/// Prefer the info hash: a server reuses ids after a restart without persistence, or after a
/// torrent was forgotten and another one added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TorrentRef {
    /// The id on this server, valid until it restarts.
    Id(u64),
    /// The info hash.
    InfoHash(InfoHash),
}

impl From<InfoHash> for TorrentRef {
    fn from(info_hash: InfoHash) -> Self {
        Self::InfoHash(info_hash)
    }
}

impl fmt::Display for TorrentRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::InfoHash(info_hash) => info_hash.fmt(f),
        }
    }
}
