//! Polls a server with as few bytes as the changes since the last poll permit.
//!
//! ```text
//! GET /stats --StatsSchedule: something fetched, a restart, requested, or old
//!   | yes: GET /torrents?with_stats=true
//!   ` no:  GET /torrents, and GET /torrents/{hash}/stats/v1 of torrents that are new, read, or
//!          unfinished, the last in turn
//! ```
//!
//! Only the stats of all torrents show that a complete torrent without a reader was paused, was
//! started, or has failed.

mod schedule;

use std::collections::HashSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use rqbit_client::wire::TorrentProgress;
use rqbit_client::{Client, Result};
use tokio::sync::Mutex;
use tokio::time::Instant;
use vfs_core::{InfoHash, ListAnswer, ListRequest};

use self::schedule::{ServerActivity, StatsSchedule};
use crate::listed::{ListedTorrents, PlainList};

/// Maximum number of torrents whose stats a poll requests one by one: 32 kB. If more are new, the
/// list with stats costs fewer requests.
const ASKED_MAX: usize = 32;

/// Maximum number of concurrent requests for stats.
const ASKED_AT_A_TIME: usize = 4;

/// State of the polls of a server.
#[derive(Debug, Default)]
pub(crate) struct Poller {
    /// Held for a poll, so that polls are sequential.
    schedule: Mutex<StatsSchedule>,
}

impl Poller {
    /// Polls the server, and updates `listed`.
    ///
    /// # Errors
    /// Those of the client. The next request must then be for all torrents.
    ///
    /// # Cancel safety
    /// As for an error.
    pub(crate) async fn poll(
        &self,
        client: &Client,
        listed: &ListedTorrents,
        request: &ListRequest,
    ) -> Result<ListAnswer> {
        let mut schedule = self.schedule.lock().await;
        let begun_at = Instant::now();
        let activity = match client.session_stats().await {
            Ok(stats) => ServerActivity::new(&stats),
            Err(error) => {
                tracing::debug!(%error, "no totals of the server");
                None
            }
        };
        let is_due = schedule.is_due(activity, request.freshness, begun_at);
        let plain = if is_due { None } else { poll_plain(client, listed, request).await? };
        let difference = match plain {
            Some((list, torrents)) => listed.update(list, torrents),
            None => {
                let torrents = client.torrents_with_progress().await?;
                schedule.on_complete(begun_at);
                listed.update_all(torrents)
            }
        };
        Ok(match difference {
            Some(changed) if request.accepts_changes => ListAnswer::Changed(changed),
            _ => ListAnswer::All(listed.summaries()),
        })
    }
}

/// Requests the list without stats, and the stats of a few torrents. Returns `None` if these would
/// be too many, or one of them is not answered.
async fn poll_plain(
    client: &Client,
    listed: &ListedTorrents,
    request: &ListRequest,
) -> Result<Option<(PlainList, Vec<TorrentProgress>)>> {
    let changes = client.torrents_changed(&listed.print()).await?;
    let (list, mut asked) = listed.new_in(changes);
    if asked.len() > ASKED_MAX {
        return Ok(None);
    }
    let mut hashes: HashSet<InfoHash> = asked.iter().map(|torrent| torrent.info_hash).collect();
    let room = ASKED_MAX - asked.len();
    let known = listed.entries(&request.in_use, room, |torrent| hashes.insert(torrent));
    asked.extend(known);
    let stats = stream::iter(asked).map(async |mut torrent| {
        torrent.stats = client.torrent_stats(torrent.info_hash.into()).await?.into();
        Ok(torrent)
    });
    let stats: Result<Vec<_>> = stats.buffer_unordered(ASKED_AT_A_TIME).try_collect().await;
    match stats {
        Ok(torrents) => Ok(Some((list, torrents))),
        Err(error) => {
            // It may have been removed since the list was sent.
            tracing::debug!(%error, "no stats of a torrent");
            Ok(None)
        }
    }
}
