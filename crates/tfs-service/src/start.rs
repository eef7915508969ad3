//! The first look of a mount at its server, and what becomes of a mount whose server is down.

use std::fmt;
use std::time::Duration;

use tokio::time::timeout;
use vfs_core::{SourceError, TorrentSource};

use crate::discovery::{Discovery, LookOptions, chain};
use crate::limit_text::limit_text;
use crate::{BaseUrl, ConnectError, RqbitServer, StartError, rqbit_version};

/// How long a mount waits for its servers before it comes up, unless it has to answer sooner. A
/// server that answers at all needs milliseconds, a large one that just woke its disks some
/// seconds.
pub(crate) const FIRST_LOOK_TIME_MAX: Duration = Duration::from_secs(10);

/// Why a mount came up without its server. It finds the server when that comes.
#[derive(Debug)]
pub struct ServerDown {
    /// What went wrong.
    pub cause: ServerDownCause,
    /// Whether the torrents are known from before, and shown. Otherwise the root directory cannot
    /// be read until the server is there.
    pub is_tree_known: bool,
}

/// What went wrong with a server that may come back by itself.
#[derive(Debug)]
pub enum ServerDownCause {
    /// It does not answer as it should.
    Server(ConnectError),
    /// It answers, but does not list its torrents.
    List(BaseUrl, SourceError),
    /// It did not list its torrents in time.
    Slow(BaseUrl, Duration),
    /// It lists its torrents, and not all of their details came in time. Those that came are
    /// kept.
    Incomplete {
        /// Where it is.
        url: BaseUrl,
        /// The number of torrents whose details came.
        known: usize,
        /// The number of all torrents.
        all: usize,
    },
}

impl ServerDown {
    /// Returns where the server is to be.
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
                write!(f, "cannot use rqbit at {url}: cannot {}", chain(error))
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

/// Looks at a server for the first time, for `time_max` at most. What comes until then is kept.
///
/// # Errors
/// What does not pass by itself: wrong credentials, somebody who is not rqbit.
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
        discovery.look(&LookOptions::default()).await.map_err(StartError::List)?;
        Ok(())
    };
    let looked = timeout(time_max, look).await;
    if let (Ok(Err(StartError::List(_))) | Err(_), Some((known, all))) =
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
