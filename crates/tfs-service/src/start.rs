//! The first look of a mount at its server, and what becomes of a mount whose server is down.

use std::fmt;
use std::time::Duration;

use tokio::time::timeout;
use vfs_core::{SourceError, TorrentSource};

use crate::discovery::{Discovery, Haste, chain};
use crate::{BaseUrl, Server, ServerError, StartError, rqbit_version};

/// How long a mount that has something to show waits for its server before it comes up. A server
/// that answers at all needs milliseconds, a large one that just woke its disks some seconds.
const FIRST_LOOK_TIME_MAX: Duration = Duration::from_secs(10);

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
    Server(ServerError),
    /// It answers, but does not list its torrents.
    List(BaseUrl, SourceError),
    /// It did not list its torrents in time.
    Slow(BaseUrl, Duration),
}

impl ServerDown {
    /// Returns where the server is to be.
    #[must_use]
    pub fn url(&self) -> &BaseUrl {
        match &self.cause {
            ServerDownCause::Server(error) => &error.url,
            ServerDownCause::List(url, _) | ServerDownCause::Slow(url, _) => url,
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
                write!(f, "cannot reach rqbit at {url}: no answer within {} s", time.as_secs())
            }
        }
    }
}

/// Looks at a server for the first time.
///
/// # Errors
/// What does not pass by itself: wrong credentials, somebody who is not rqbit.
pub(crate) async fn first_look<S: TorrentSource>(
    server: &Server,
    discovery: &mut Discovery<S>,
) -> Result<Option<ServerDown>, StartError> {
    let is_tree_known = discovery.is_tree_known();
    let url = server.client().base_url();
    let look = async {
        let version = server.check().await?;
        if let Some(warning) = rqbit_version::untested(&version) {
            tracing::warn!(%url, "{warning}");
        }
        discovery.look(Haste::Patient).await.map_err(StartError::List)?;
        Ok(())
    };
    let looked = if is_tree_known {
        timeout(FIRST_LOOK_TIME_MAX, look).await
    } else {
        // Whoever waits for the first tree gets all of it, however long that takes.
        Ok(look.await)
    };
    let cause = match looked {
        Ok(Ok(())) => return Ok(None),
        Ok(Err(StartError::Server(error))) if error.is_retryable() => {
            ServerDownCause::Server(error)
        }
        Ok(Err(StartError::List(error))) if error.is_retryable => {
            ServerDownCause::List(url.clone(), error)
        }
        Ok(Err(error)) => return Err(error),
        Err(_elapsed) => ServerDownCause::Slow(url.clone(), FIRST_LOOK_TIME_MAX),
    };
    Ok(Some(ServerDown { cause, is_tree_known }))
}
