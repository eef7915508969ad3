//! The first poll of a server by a mount, and the result if the server is down.

use std::fmt;
use std::time::Duration;

use tfs_sys::clock::limit_text;
use tokio::time::timeout;
use vfs_core::{SourceError, TorrentSource};

use super::StartError;
use crate::discovery::{DetailsProgress, Discovery, PollOptions, with_root_cause};
use crate::server::rqbit_version;
use crate::{BaseUrl, ConnectError, RqbitServer};

/// How long a mount waits for its servers at the start, unless a shorter limit applies. A working
/// server needs milliseconds; a large one that has to spin up its disks some seconds.
pub(crate) const FIRST_LOOK_TIME_MAX: Duration = Duration::from_secs(10);

/// Why a mount started without its server. It connects when the server comes up.
#[derive(Debug)]
pub struct ServerDown {
    /// The cause.
    pub cause: ServerDownCause,
    /// Whether the last known torrents are shown. Otherwise the root directory cannot be read until
    /// the server is up.
    pub is_tree_known: bool,
}

/// Why a server is down. It may recover by itself.
#[derive(Debug)]
pub enum ServerDownCause {
    /// It cannot be reached, or returns an error.
    Server(ConnectError),
    /// It answers, but does not list its torrents.
    List(BaseUrl, SourceError),
    /// It did not list its torrents in time.
    Slow(BaseUrl, Duration),
    /// It lists its torrents, but some details did not arrive in time. Those that arrived are kept.
    Incomplete {
        /// The server's URL.
        url: BaseUrl,
        /// Number of torrents whose details arrived.
        known: usize,
        /// Number of all torrents.
        all: usize,
    },
}

impl ServerDown {
    /// Returns the server's URL.
    #[must_use]
    pub fn url(&self) -> &BaseUrl {
        match &self.cause {
            ServerDownCause::Server(error) => &error.url,
            ServerDownCause::List(url, _)
            | ServerDownCause::Slow(url, _)
            | ServerDownCause::Incomplete { url, .. } => url,
        }
    }
}

impl fmt::Display for ServerDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            ServerDownCause::Server(error) => error.fmt(f),
            ServerDownCause::List(url, error) => {
                write!(f, "cannot use rqbit at {url}: cannot {}", with_root_cause(error))
            }
            ServerDownCause::Slow(url, time) => {
                write!(f, "cannot reach rqbit at {url}: no answer within {}", limit_text(*time))
            }
            ServerDownCause::Incomplete { url, known, all } => {
                write!(f, "rqbit at {url} is slow: details of {known} of {all} torrents so far")
            }
        }
    }
}

/// Polls a server for the first time, for `time_max` at most. Results that arrive in time are kept.
///
/// A large tree that is known from the last run is shown without that: the list of a hundred
/// thousand torrents takes seconds. The poll task then polls at once.
///
/// # Errors
/// Permanent errors: wrong credentials, a server that is not rqbit.
pub(crate) async fn first_look<S: TorrentSource>(
    server: &RqbitServer,
    discovery: &mut Discovery<S>,
    time_max: Duration,
) -> Result<Option<ServerDown>, StartError> {
    let is_tree_known = discovery.is_tree_known();
    let url = server.client().base_url();
    let look = async {
        let version = server.check().await?;
        if let Some(warning) = rqbit_version::untested(&version) {
            tracing::warn!(%url, "{warning}");
        }
        if discovery.puts_off_first_poll() {
            return Ok(());
        }
        discovery.poll(&PollOptions::default()).await.map_err(StartError::List)?;
        Ok(())
    };
    let looked = timeout(time_max, look).await;
    if let (Ok(Err(StartError::List(_))) | Err(_), Some(DetailsProgress { known, all })) =
        (&looked, discovery.details_progress())
    {
        let cause = ServerDownCause::Incomplete { url: url.clone(), known, all };
        return Ok(Some(ServerDown { cause, is_tree_known }));
    }
    let cause = match looked {
        Ok(Ok(())) => return Ok(None),
        Ok(Err(StartError::Server(error))) if error.is_retryable() => {
            ServerDownCause::Server(error)
        }
        Ok(Err(StartError::List(error))) if error.is_retryable => {
            ServerDownCause::List(url.clone(), error)
        }
        Ok(Err(error)) => return Err(error),
        Err(_elapsed) => ServerDownCause::Slow(url.clone(), time_max),
    };
    Ok(Some(ServerDown { cause, is_tree_known }))
}
