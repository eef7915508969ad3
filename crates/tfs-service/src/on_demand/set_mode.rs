//! Changes the mode of a torrent that a server has.

use std::collections::BTreeMap;
use std::time::Duration;

use rqbit_client::TorrentRef;
use tfs_state::{OnDemandEdit, OnDemandRecord};
use tfs_types::{InfoHash, OnDemandMode};

use super::OnDemandFailure;
use crate::on_demand_records::ServerRecords;
use crate::record_place::records_of;
use crate::selecting::{Selected, select_only, selected_files};
use crate::{RqbitServer, notify_of_change};

/// How long a command waits while the server checks the files of a torrent.
const CHECK_TIME_MAX: Duration = Duration::from_secs(10);

/// Result of a change of the mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModeChange {
    /// The mode that the torrent has now; `None` if it is not on demand.
    pub mode: Option<OnDemandMode>,
    /// Whether the mode or the selection has changed.
    pub is_changed: bool,
    /// Whether the server still checks the files of the torrent. A mount, or the next command for
    /// this server, deselects them later.
    pub is_pending: bool,
}

/// Changes the mode of a torrent. With a mode, no file stays selected, except those that tfs has
/// selected for readers; data that is there stays. With `None`, all files are selected.
///
/// A torrent that is not on demand stays as it is with `None`, unless nothing of it is selected.
/// Mounts of the server are notified.
///
/// # Errors
/// [`OnDemandFailure`].
///
/// # Cancel safety
/// If the future is dropped after the record was written, a mount makes the change later.
pub async fn set_mode(
    server: &RqbitServer,
    torrent: InfoHash,
    mode: Option<OnDemandMode>,
) -> Result<ModeChange, OnDemandFailure> {
    let records = records_of(server).await?;
    let changed = change(server, &records, torrent, mode).await?;
    if changed.is_changed {
        notify_of_change(server.client().base_url(), &[]).await;
    }
    Ok(changed)
}

/// Returns the on-demand torrents of a server, by info hash.
///
/// # Errors
/// [`OnDemandFailure::Records`].
pub async fn modes_of(
    server: &RqbitServer,
) -> Result<BTreeMap<InfoHash, OnDemandRecord>, OnDemandFailure> {
    let records = records_of(server).await?;
    let table = records.load().await?;
    let of_server = table.of_server(records.key());
    Ok(of_server.map(|(torrent, record)| (torrent, record.clone())).collect())
}

async fn change(
    server: &RqbitServer,
    records: &ServerRecords,
    torrent: InfoHash,
    mode: Option<OnDemandMode>,
) -> Result<ModeChange, OnDemandFailure> {
    let client = server.client();
    let failed = |error| OnDemandFailure::of(server, error);
    let _lock = records.lock_selections().await?;
    let known = records.load().await?.get(records.key(), torrent).cloned();
    let details = client.torrent_details(TorrentRef::InfoHash(torrent)).await.map_err(failed)?;
    let selected = selected_files(&details);
    let file_count = details.files.as_ref().map_or(0, Vec::len);
    let Some(mode) = mode else {
        if known.is_none() && (!selected.is_empty() || file_count == 0) {
            return Ok(ModeChange { mode, is_changed: false, is_pending: false });
        }
        let all: Vec<_> = (0..file_count).collect();
        let done = select_only(client, torrent, &all, CHECK_TIME_MAX).await.map_err(failed)?;
        if done == Selected::Checking {
            return Err(OnDemandFailure::Checking);
        }
        records.change(torrent, [OnDemandEdit::Remove]).await?;
        return Ok(ModeChange { mode, is_changed: true, is_pending: false });
    };
    let held: Vec<_> = known.iter().flat_map(|record| record.selected.keys()).collect();
    let held: Vec<_> = held.into_iter().filter_map(|file| usize::try_from(*file).ok()).collect();
    let is_changed = known.is_none_or(|known| known.mode != mode || known.is_pending)
        || selected.iter().any(|file| !held.contains(file));
    records.change(torrent, [OnDemandEdit::Set(mode)]).await?;
    // The files of a magnet link are not known yet: a mount deselects them later.
    let done = match file_count {
        0 => Selected::Checking,
        _ => select_only(client, torrent, &held, CHECK_TIME_MAX).await.map_err(failed)?,
    };
    if done == Selected::Done {
        records.change(torrent, [OnDemandEdit::Settled]).await?;
    }
    Ok(ModeChange { mode: Some(mode), is_changed, is_pending: done == Selected::Checking })
}
