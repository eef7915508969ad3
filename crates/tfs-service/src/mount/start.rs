//! The first poll of a server by a mount, and the result if the server is down.

use std::time::Duration;

use tokio::time::timeout;
use vfs_core::TorrentSource;

use super::{ServerDown, ServerDownCause, StartError};
use crate::RqbitServer;
use crate::discovery::{DetailsProgress, Discovery, PollOptions};
use crate::server::rqbit_version;

/// How long a mount waits for its servers at the start, unless a shorter limit applies. A working
/// server needs milliseconds; a large one that has to spin up its disks some seconds.
pub(crate) const FIRST_LOOK_TIME_MAX: Duration = Duration::from_secs(10);

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
