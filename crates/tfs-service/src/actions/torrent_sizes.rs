//! Total sizes of torrents, which the server's list does not contain.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use rqbit_client::wire::{TorrentDetails, TorrentState};
use rqbit_client::{Client, InfoHash, TorrentRef};
use tokio::time::timeout;

/// Maximum number of concurrent requests. Each is small, and the server has other clients.
const REQUESTS_MAX: usize = 8;

/// Cache of the sizes of a server's torrents. A size never changes, so it is requested once.
///
/// The downside: the first list of ten thousand torrents lacks some sizes, and each later list
/// requests more. Sizes need one request each, since rqbit has no other way: its list has the sum
/// of the *selected* files.
#[derive(Debug, Default)]
pub(crate) struct TorrentSizes {
    /// In bytes. Bounded by the number of torrents in the last list.
    by_torrent: HashMap<InfoHash, u64>,
}

impl TorrentSizes {
    /// Returns the size of a torrent in bytes, if it is known.
    pub(crate) fn of(&self, torrent: InfoHash) -> Option<u64> {
        self.by_torrent.get(&torrent).copied()
    }

    /// Requests the sizes that are not known, for `time_max` at most. Torrents without any selected
    /// file come first: the list has no size for them. Torrents whose request fails are skipped.
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
            tracing::debug!(
                known = self.by_torrent.len(),
                all = torrents.len(),
                "the sizes did not arrive in time"
            );
        }
    }

    /// Returns whether the size is unknown and not in the list.
    fn is_wanted(&self, torrent: &TorrentDetails) -> bool {
        let state = torrent.stats.as_ref().map(|stats| stats.state);
        let runs = matches!(state, Some(TorrentState::Live | TorrentState::Paused));
        runs && torrent.total_pieces != Some(0) && !self.by_torrent.contains_key(&torrent.info_hash)
    }
}

fn has_selection(torrent: &TorrentDetails) -> bool {
    torrent.stats.as_ref().is_some_and(|stats| stats.total_bytes > 0)
}

/// Returns the sum of all file lengths; `None` while they are not known.
fn size_of_files(details: &TorrentDetails) -> Option<u64> {
    let files = details.files.as_ref().filter(|files| !files.is_empty())?;
    Some(files.iter().fold(0, |sum, file| file.length.saturating_add(sum)))
}
