//! Discovery: keeps the tree of a filesystem equal to what its source lists.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::stream::{self, StreamExt as _};
use tokio::time::{MissedTickBehavior, interval};
use vfs_core::{Changes, InfoHash, SourceError, TorrentDetails, TorrentSource, Vfs};

/// How many torrents are asked for their details at a time: enough to hide the round trips of a
/// thousand torrents, too few for a server to notice.
const DETAILS_AT_A_TIME: usize = 8;

/// Looks at the source once and takes over what is there.
///
/// A torrent whose details cannot be had is left out, and asked for again the next time.
///
/// # Errors
/// If the list cannot be had; the tree stays as it was.
///
/// # Cancel safety
/// Dropping the future leaves the tree as it was.
pub(crate) async fn discover<S: TorrentSource>(vfs: &Vfs<S>) -> Result<Changes, SourceError> {
    let listing = vfs.source().list().await?;
    let unknown = vfs.unknown_torrents(&listing);
    let details = stream::iter(unknown)
        .map(|torrent| details(vfs.source(), torrent))
        .buffer_unordered(DETAILS_AT_A_TIME)
        .filter_map(async |details| details)
        .collect()
        .await;
    let changes = vfs.apply(listing, details, now());
    for (torrent, name) in &changes.added {
        tracing::debug!(%torrent, name, "added");
    }
    for (torrent, name) in &changes.removed {
        tracing::debug!(%torrent, name, "removed");
    }
    Ok(changes)
}

/// Looks at the source again and again, for ever.
///
/// # Cancel safety
/// It is ended by dropping it.
pub(crate) async fn keep_discovering<S: TorrentSource>(vfs: Arc<Vfs<S>>, poll_interval: Duration) {
    let mut ticks = interval(poll_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick comes at once, and the mount has just looked.
    ticks.tick().await;
    let mut is_down = false;
    loop {
        ticks.tick().await;
        match discover(&vfs).await {
            Ok(_changes) if is_down => {
                is_down = false;
                tracing::info!("the server is back");
            }
            Ok(_changes) => {}
            // A server that is down for a day is one line in the log.
            Err(error) if !is_down => {
                is_down = true;
                tracing::warn!(error = %chain(&error), "the tree stays as last known");
            }
            Err(error) => tracing::debug!(error = %chain(&error), "still down"),
        }
    }
}

async fn details<S: TorrentSource>(source: &S, torrent: InfoHash) -> Option<TorrentDetails> {
    match source.details(torrent).await {
        Ok(details) => Some(details),
        Err(error) => {
            tracing::warn!(%torrent, error = %chain(&error), "left out for now");
            None
        }
    }
}

/// Returns the time in seconds since 1970; a clock before that counts as that.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Returns an error with its innermost cause. What is between repeats the words of both.
fn chain(error: &SourceError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    if std::ptr::addr_eq(cause, error) { error.to_string() } else { format!("{error}: {cause}") }
}
