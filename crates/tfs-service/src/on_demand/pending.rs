//! Finishes what an earlier process began: files to deselect.

use std::time::Duration;

use rqbit_client::TorrentRef;
use rqbit_client::wire::TorrentState;
use tfs_state::{OnDemandEdit, OnDemandRecord};
use tfs_sys::blocking;
use tfs_types::{InfoHash, chain};

use super::OnDemandFailure;
use crate::RqbitServer;
use crate::on_demand_records::ServerRecords;
use crate::record_place::records_of;
use crate::selecting::{Selected, select_only, selected_files};

/// Deselects the files of a torrent whose record says that this is still to be done. Returns
/// whether it is done; it is not while the server checks the files.
///
/// # Errors
/// [`OnDemandFailure`].
pub(super) async fn settle(
    server: &RqbitServer,
    records: &ServerRecords,
    torrent: InfoHash,
) -> Result<bool, OnDemandFailure> {
    let _lock = records.lock_selections().await?;
    let Some(record) = records.load().await?.get(records.key(), torrent).cloned() else {
        return Ok(true);
    };
    if !record.is_pending {
        return Ok(true);
    }
    let held: Vec<_> =
        record.selected.keys().filter_map(|file| usize::try_from(*file).ok()).collect();
    let done = select_only(server.client(), torrent, &held, Duration::ZERO).await;
    if done.map_err(|error| OnDemandFailure::of(server, error))? == Selected::Checking {
        return Ok(false);
    }
    records.change(torrent, [OnDemandEdit::Settled]).await?;
    Ok(true)
}

/// Returns the files of a record that no living mount holds.
pub(super) async fn orphans(records: &ServerRecords, record: &OnDemandRecord) -> Vec<u32> {
    let (store, selected) = (records.store().clone(), record.selected.clone());
    blocking(move || {
        let orphans = selected.into_iter().filter(|(_, holders)| {
            // Each of them is examined, so that the files of dead ones are removed.
            holders.iter().filter(|holder| store.is_held(**holder)).count() == 0
        });
        orphans.map(|(file, _)| file).collect()
    })
    .await
}

/// Deselects files that tfs has selected, unless a living mount holds them. Returns whether it is
/// done; it is not while the torrent is paused or checked.
///
/// # Errors
/// [`OnDemandFailure`].
pub(super) async fn deselect(
    server: &RqbitServer,
    records: &ServerRecords,
    torrent: InfoHash,
) -> Result<bool, OnDemandFailure> {
    let failed = |error| OnDemandFailure::of(server, error);
    let which = TorrentRef::InfoHash(torrent);
    let client = server.client();
    let _lock = records.lock_selections().await?;
    let Some(record) = records.load().await?.get(records.key(), torrent).cloned() else {
        return Ok(true);
    };
    let orphans = orphans(records, &record).await;
    if orphans.is_empty() {
        return Ok(true);
    }
    match client.torrent_stats(which).await.map_err(failed)?.state {
        TorrentState::Live => {}
        // The torrent downloads nothing, and what another client does with it stays.
        TorrentState::Paused
        | TorrentState::Initializing
        | TorrentState::Error
        | TorrentState::Unknown => return Ok(false),
    }
    let selected = selected_files(&client.torrent_details(which).await.map_err(failed)?);
    let is_orphan = |file: &usize| u32::try_from(*file).is_ok_and(|file| orphans.contains(&file));
    let left: Vec<_> = selected.iter().copied().filter(|file| !is_orphan(file)).collect();
    if left.len() < selected.len()
        && select_only(client, torrent, &left, Duration::ZERO).await.map_err(failed)?
            == Selected::Checking
    {
        return Ok(false);
    }
    let gone = orphans.iter().flat_map(|file| {
        let holders = record.selected.get(file).into_iter().flatten();
        let unheld = holders.map(|holder| OnDemandEdit::Unhold(*file, *holder));
        unheld.chain([OnDemandEdit::Release(*file)]).collect::<Vec<_>>()
    });
    records.change(torrent, gone.collect::<Vec<_>>()).await?;
    tracing::debug!(%torrent, ?orphans, "deselected");
    Ok(true)
}

/// Records that the user has chosen the selection of a torrent, so that tfs deselects none of these
/// files. A failure is logged.
pub(crate) async fn disown_selected(server: &RqbitServer, torrent: InfoHash, files: &[usize]) {
    let disowned = async {
        let records = records_of(server).await?;
        let table = records.load().await?;
        let Some(record) = table.get(records.key(), torrent) else { return Ok(()) };
        let chosen = |file: &&u32| files.iter().any(|it| u32::try_from(*it) == Ok(**file));
        let owned = record.selected.keys().filter(chosen).copied();
        let mut edits: Vec<_> = owned.map(OnDemandEdit::Disown).collect();
        if record.is_pending {
            edits.push(OnDemandEdit::Settled);
        }
        if !edits.is_empty() {
            records.change(torrent, edits).await?;
        }
        Ok::<_, OnDemandFailure>(())
    };
    if let Err(error) = disowned.await {
        let error = chain(&error);
        tracing::warn!(%torrent, error, "files that the user selected may be deselected");
    }
}
