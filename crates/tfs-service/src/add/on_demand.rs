//! Adds a torrent with nothing selected: with its smallest file, which is deselected at once, since
//! rqbit adds no torrent without a selected file.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rqbit_client::TorrentRef;
use rqbit_client::wire::{AddedTorrent, TorrentDetails};
use tfs_state::OnDemandEdit;
use tfs_sys::blocking;
use tfs_types::{InfoHash, OnDemandMode, chain};

use crate::RqbitServer;
use crate::on_demand_records::{OnDemandChoice, RecordsError, ServerRecords};
use crate::record_place::records_of;
use crate::selecting::{Selected, select_only};
use crate::tags::user_tags;

/// How long an addition waits while the server checks the files of the torrent.
const CHECK_TIME_MAX: Duration = Duration::from_secs(10);

/// A torrent that is being added on demand, with a record.
#[derive(Debug)]
pub(super) struct OnDemandAddition {
    records: Arc<ServerRecords>,
    torrent: InfoHash,
    mode: OnDemandMode,
    /// The file that is selected first.
    pub(super) smallest_file: usize,
    /// Peers that were found while a magnet link was resolved.
    pub(super) peers: Vec<SocketAddr>,
}

impl OnDemandAddition {
    /// Decides whether a torrent is added on demand, and records that. `preview` is the torrent as
    /// the server would add it. Returns `None` if it is not, or if the server already has it.
    ///
    /// # Errors
    /// [`RecordsError`]. Then the torrent should not be added: all of it would be downloaded.
    pub(super) async fn begin(
        server: &RqbitServer,
        choice: &OnDemandChoice,
        preview: &AddedTorrent,
    ) -> Result<Option<Self>, RecordsError> {
        let torrent = preview.details.info_hash;
        let tags = tags_of(torrent).await;
        let Some(mode) = choice.mode_of(&preview.details, &tags) else { return Ok(None) };
        let Some(smallest_file) = smallest_file(&preview.details) else { return Ok(None) };
        if server.client().torrent_details(TorrentRef::InfoHash(torrent)).await.is_ok() {
            return Ok(None);
        }
        let records = records_of(server).await?;
        // A record of the torrent may be left from before it was removed.
        records.change(torrent, [OnDemandEdit::Remove, OnDemandEdit::Set(mode)]).await?;
        let peers = preview.seen_peers.iter().flatten();
        let peers = peers.filter_map(|peer| peer.parse().ok()).collect();
        Ok(Some(Self { records, torrent, mode, smallest_file, peers }))
    }

    /// Returns the mode.
    pub(super) fn mode(&self) -> OnDemandMode {
        self.mode
    }

    /// Removes the record of a torrent that was not added.
    pub(super) async fn undo(self) {
        if let Err(error) = self.records.change(self.torrent, [OnDemandEdit::Remove]).await {
            let error = chain(&error);
            tracing::debug!(torrent = %self.torrent, error, "a record without a torrent stays");
        }
    }

    /// Deselects all files of the torrent. If the server still checks them after ten seconds, a
    /// mount or the next command does it later.
    pub(super) async fn finish(&self, server: &RqbitServer) {
        let torrent = self.torrent;
        let done = select_only(server.client(), torrent, &[], CHECK_TIME_MAX).await;
        match done {
            Ok(Selected::Done) => {
                if let Err(error) = self.records.change(torrent, [OnDemandEdit::Settled]).await {
                    let error = chain(&error);
                    tracing::debug!(%torrent, error, "it will be deselected again");
                }
            }
            Ok(Selected::Checking) => {
                tracing::info!(%torrent, "still checked by the server; deselected later");
            }
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(%torrent, error, "not deselected yet");
            }
        }
    }
}

/// Returns the tags of a torrent, which the user may give before it is on any server.
async fn tags_of(torrent: InfoHash) -> Vec<String> {
    let Ok(store) = user_tags() else { return Vec::new() };
    match blocking(move || store.load()).await {
        Ok(table) => table.of(torrent).iter().map(ToString::to_string).collect(),
        Err(error) => {
            let error = chain(&error);
            tracing::debug!(error, "rules of tags do not match");
            Vec::new()
        }
    }
}

/// Returns the index of the smallest file; `None` for a torrent without files.
fn smallest_file(details: &TorrentDetails) -> Option<usize> {
    let files = details.files.iter().flatten().enumerate();
    let files = files.filter(|(_, file)| !file.attributes.padding);
    files.min_by_key(|(_, file)| file.length).map(|(index, _)| index)
}
