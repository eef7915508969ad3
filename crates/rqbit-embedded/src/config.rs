//! Configuration of a server.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;

/// Name of the directory with the state of an internet session, inside the data directory.
const SESSION_DIR_NAME: &str = ".tfs-session";

/// Minimum speed limit that works, in bytes per second.
///
/// librqbit takes a whole 16 KiB block from its limiter at once. A limiter with a smaller burst
/// never grants that much, and the peer is dropped with an error instead of being slow.
pub const MIN_LIMIT_BPS: NonZeroU32 = NonZeroU32::new(16 * 1024).expect("not zero");

/// Storage, network access and limits of a server.
///
/// All values of all fields are valid, except that [`EmbeddedConfig::dir`] must be UTF-8, because
/// rqbit's API and its session file are JSON.
#[derive(Debug, Clone)]
pub struct EmbeddedConfig {
    /// Folder for the files. Created if it is missing.
    pub dir: PathBuf,
    /// Network access of the server.
    pub network: Network,
    /// Port of the HTTP API. With zero, the default, the kernel chooses a free port, so that
    /// binding cannot fail because the port is in use; another value is for a restart at the same
    /// address.
    pub api_port: u16,
    /// Limit of all downloads together, in bytes per second; raised to [`MIN_LIMIT_BPS`]. The first
    /// second of a transfer may exceed it by a factor of two.
    pub download_bps: Option<NonZeroU32>,
    /// Limit of all uploads together, in bytes per second; raised to [`MIN_LIMIT_BPS`].
    pub upload_bps: Option<NonZeroU32>,
    /// Maximum number of concurrent blocking operations and open streams, together. `None` is
    /// rqbit's default of 8. Zero counts as one.
    pub blocking_permits: Option<usize>,
    /// Directory of the persistent session: torrents and their progress survive a restart without
    /// being hashed again. `None` persists nothing. Only one server at a time can use the
    /// directory.
    pub session_dir: Option<PathBuf>,
    /// Credentials that HTTP callers must send (basic auth). With `None`, every local user and
    /// every web page that guesses the port can add torrents, in any folder that this process can
    /// write.
    pub credentials: Option<ApiCredentials>,
}

impl EmbeddedConfig {
    /// Returns the configuration of a server that joins public swarms and keeps its session in
    /// `.tfs-session` inside `dir`.
    pub fn internet(dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        Self { session_dir: Some(dir.join(SESSION_DIR_NAME)), ..Self::new(dir, Network::Internet) }
    }

    /// Returns whether the server is limited to this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.network != Network::Internet
    }

    /// Returns the configuration of a server that is limited to this machine and persists nothing.
    pub fn loopback(dir: impl Into<PathBuf>) -> Self {
        Self::new(dir.into(), Network::Loopback)
    }

    fn new(dir: PathBuf, network: Network) -> Self {
        Self {
            dir,
            network,
            api_port: 0,
            download_bps: None,
            upload_bps: None,
            blocking_permits: None,
            session_dir: None,
            credentials: None,
        }
    }
}

/// Network access of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// DHT, trackers, local discovery and UPnP port forwarding, as by default in rqbit. Listens for
    /// peers on every address, on a port that the kernel chose.
    Internet,
    /// No discovery of any kind, including the trackers of torrents: peers are added only by
    /// address, and the server listens only on 127.0.0.1.
    ///
    /// No traffic leaves this machine unless a caller of the API passes a remote address. librqbit
    /// still opens its UDP socket for trackers; nothing is ever sent there.
    Loopback,
    /// As [`Network::Loopback`], but the trackers of torrents are asked, and peers may have IPv6
    /// addresses. For tests, whose torrents name trackers on this machine.
    LoopbackWithTrackers,
}

/// User name and password of the HTTP API.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiCredentials {
    /// User name. A user name with a colon never matches.
    pub username: String,
    /// Password.
    pub password: String,
}

impl fmt::Debug for ApiCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}
