//! Options of librqbit. Only this module decides what a session may do.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use librqbit::dht::DhtPersistenceConfig;
use librqbit::limits::LimitsConfig;
use librqbit::{
    DhtSessionConfig, ListenerMode, ListenerOptions, Session, SessionOptions,
    SessionPersistenceConfig,
};

use crate::config::{EmbeddedConfig, MIN_LIMIT_BPS, Network};
use crate::error::{EmbeddedError, EmbeddedErrorKind};

/// Name of the file with the DHT's routing table, inside the session directory.
const DHT_FILE_NAME: &str = "dht.json";

/// Starts a session that stores in `dir`, which is absolute and exists.
///
/// The torrents of a persistent session are added before this returns; their check continues.
///
/// # Errors
/// [`EmbeddedErrorKind::StartSession`].
pub(crate) async fn start(
    dir: &Path,
    config: &EmbeddedConfig,
) -> Result<Arc<Session>, EmbeddedError> {
    Session::new_with_opts(dir.to_owned(), options(config))
        .await
        .map_err(|e| EmbeddedError::new(EmbeddedErrorKind::StartSession, dir.display(), e))
}

fn options(config: &EmbeddedConfig) -> SessionOptions {
    let is_loopback = config.is_loopback();
    SessionOptions {
        dht: match config.network {
            Network::Internet => Some(dht(config.session_dir.as_deref())),
            Network::Loopback | Network::LoopbackWithTrackers => None,
        },
        disable_trackers: config.network == Network::Loopback,
        disable_local_service_discovery: is_loopback,
        ipv4_only: config.network == Network::Loopback,
        listen: Some(listener(config.network)),
        fastresume: config.session_dir.is_some(),
        persistence: config
            .session_dir
            .clone()
            .map(|folder| SessionPersistenceConfig::Json { folder: Some(folder) }),
        runtime_worker_threads: config.blocking_permits,
        ratelimits: LimitsConfig {
            upload_bps: config.upload_bps.map(limit_bps),
            download_bps: config.download_bps.map(limit_bps),
        },
        ..SessionOptions::default()
    }
}

fn listener(network: Network) -> ListenerOptions {
    let (listen_addr, is_internet) = match network {
        // Covers IPv4 as well. rqbit's own default port, 4240, is left to an rqbit server.
        Network::Internet => (SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)), true),
        Network::Loopback | Network::LoopbackWithTrackers => {
            (SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), false)
        }
    };
    ListenerOptions {
        mode: ListenerMode::TcpOnly,
        listen_addr,
        enable_upnp_port_forwarding: is_internet,
        ipv4_only: !is_internet,
        ..ListenerOptions::default()
    }
}

/// The DHT keeps its table in the session directory: the default is one file for each user, which
/// an rqbit server of the same user overwrites. The port is always new, because a saved port that
/// is in use by then would keep the session from starting.
fn dht(session_dir: Option<&Path>) -> DhtSessionConfig {
    DhtSessionConfig {
        bootstrap_addrs: None,
        port: Some(0),
        persistence: session_dir.map(|folder| DhtPersistenceConfig {
            dump_interval: None,
            config_filename: Some(PathBuf::from(folder).join(DHT_FILE_NAME)),
        }),
    }
}

fn limit_bps(bps: NonZeroU32) -> NonZeroU32 {
    bps.max(MIN_LIMIT_BPS)
}
