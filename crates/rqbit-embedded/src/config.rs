//! What a server is told when it starts.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;

/// Name of the directory in which an internet session keeps its state, inside the data directory.
const SESSION_DIR_NAME: &str = ".tfs-session";

/// The lowest speed limit that works, in bytes a second.
///
/// librqbit takes a whole 16 KiB block from its limiter at once; a limiter that holds less never
/// has that much, and the peer is dropped with an error instead of being slow.
pub const MIN_LIMIT_BPS: NonZeroU32 = NonZeroU32::new(16 * 1024).expect("not zero");

/// Where a server stores, whom it may talk to, and its limits.
///
/// Every value of every field is valid, except that [`EmbeddedConfig::dir`] must be UTF-8, because
/// rqbit's API and its session file are JSON.
#[derive(Debug, Clone)]
pub struct EmbeddedConfig {
    /// Where files are stored. Created if it is missing.
    pub dir: PathBuf,
    /// Whom the server talks to.
    pub network: Network,
    /// The port of the HTTP API. Zero, the default, lets the kernel choose, which cannot fail
    /// because somebody else has it; another is for a restart at the same address.
    pub api_port: u16,
    /// Limit of all downloads together, in bytes a second; raised to [`MIN_LIMIT_BPS`].
    /// The first second of a transfer may bring twice as much.
    pub download_bps: Option<NonZeroU32>,
    /// Limit of all uploads together, in bytes a second; raised to [`MIN_LIMIT_BPS`].
    pub upload_bps: Option<NonZeroU32>,
    /// How many blocking operations and open streams there may be at a time, together.
    /// `None` is rqbit's default of 8. Zero counts as one.
    pub blocking_permits: Option<usize>,
    /// Where torrents and their progress are remembered, so that they are there again after a
    /// restart without being hashed again. `None` remembers nothing.
    /// One server at a time can use such a directory.
    pub session_dir: Option<PathBuf>,
    /// What HTTP callers must present (basic auth). `None` lets every local user and every web
    /// page that guesses the port add torrents, in any folder that this process can write.
    pub credentials: Option<ApiCredentials>,
}

impl EmbeddedConfig {
    /// Returns the configuration of a server that takes part in the swarms of the world and
    /// remembers its torrents in `.tfs-session` inside `dir`.
    pub fn internet(dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        Self { session_dir: Some(dir.join(SESSION_DIR_NAME)), ..Self::new(dir, Network::Internet) }
    }

    /// Returns the configuration of a server that keeps to this machine and remembers nothing.
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

/// Whom a server talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// DHT, trackers, local discovery and UPnP port forwarding, as rqbit does by default.
    /// Peers are awaited on every address, on a port that the kernel chose.
    Internet,
    /// No discovery of any kind, also not by the trackers that torrents name: peers come only by
    /// address, and are awaited only on 127.0.0.1.
    ///
    /// Nothing leaves this machine unless a caller of the API names an address elsewhere.
    /// librqbit opens its UDP socket for trackers all the same; nothing is ever sent there.
    Loopback,
}

/// User name and password of the HTTP API.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiCredentials {
    /// The user name. A colon in it can never match.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for ApiCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}
