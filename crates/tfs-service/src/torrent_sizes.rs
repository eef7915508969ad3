//! How large torrents are: the list of a server does not say it.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use rqbit_client::wire::{TorrentDetails, TorrentState};
use rqbit_client::{Client, InfoHash, TorrentRef};
use tokio::time::timeout;

/// How many torrents are asked for at the same time: each is a small request, and the server has
/// others to answer.
const REQUESTS_MAX: usize = 8;

/// The sizes of the torrents of a server. They never change, so each is asked for once.
///
/// The downside: the first list of ten thousand torrents does not have all of them, and asks for
/// more each time. Sizes are asked for one by one, since rqbit has no other way: its list has the
/// sum of the *selected* files.
#[derive(Debug, Default)]
pub(crate) struct TorrentSizes {
    /// In bytes. Bounded by the torrents of the last list.
    by_torrent: HashMap<InfoHash, u64>,
}

impl TorrentSizes {
    /// Returns the size of a torrent in bytes, if it is known.
    pub(crate) fn of(&self, torrent: InfoHash) -> Option<u64> {
        self.by_torrent.get(&torrent).copied()
    }

    /// Asks for the sizes that are not known, for `time_max` at most. Torrents of which nothing is
    /// selected come first: nothing else tells how large they are. What fails is left out.
    pub(crate) async fn ask(
        &mut self,
        client: &Client,
        torrents: &[TorrentDetails],
        time_max: Duration,
    ) {
        if self.by_torrent.len() > torrents.len() {
            let listed: std::collections::HashSet<_> =
                torrents.iter().map(|torrent| torrent.info_hash).collect();
            self.by_torrent.retain(|torrent, _| listed.contains(torrent));
        }
        let mut unknown: Vec<_> = torrents.iter().filter(|it| self.is_wanted(it)).collect();
        unknown.sort_by_key(|torrent| has_selection(torrent));
        let hashes: Vec<_> = unknown.into_iter().map(|torrent| torrent.info_hash).collect();
        let asked = hashes.into_iter().map(async |torrent| {
            let details = client.torrent_details(TorrentRef::from(torrent)).await;
            (torrent, details)
        });
        let mut answers = stream::iter(asked).buffer_unordered(REQUESTS_MAX);
        let taking = async {
            while let Some((torrent, details)) = answers.next().await {
                match details {
                    Ok(details) => {
                        if let Some(size) = size_of_files(&details) {
                            self.by_torrent.insert(torrent, size);
                        }
                    }
                    Err(error) => tracing::debug!(%torrent, %error, "no size"),
                }
            }
        };
        if timeout(time_max, taking).await.is_err() {
            tracing::debug!(known = self.by_torrent.len(), all = torrents.len(), "sizes are late");
        }
    }

    /// Returns whether the size is not known, and the list does not say it.
    fn is_wanted(&self, torrent: &TorrentDetails) -> bool {
        let state = torrent.stats.as_ref().map(|stats| stats.state);
        let runs = matches!(state, Some(TorrentState::Live | TorrentState::Paused));
        runs && torrent.total_pieces != Some(0) && !self.by_torrent.contains_key(&torrent.info_hash)
    }
}

fn has_selection(torrent: &TorrentDetails) -> bool {
    torrent.stats.as_ref().is_some_and(|stats| stats.total_bytes > 0)
}

/// Returns the lengths of all files together; `None` while they are not known.
fn size_of_files(details: &TorrentDetails) -> Option<u64> {
    let files = details.files.as_ref().filter(|files| !files.is_empty())?;
    Some(files.iter().fold(0, |sum, file| file.length.saturating_add(sum)))
}
