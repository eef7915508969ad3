//! Changes of a torrent, on all servers of the mount that have it.

use std::sync::Arc;

use futures_util::future::join_all;
use rqbit_client::TorrentRef;
use tfs_api::wire::FailureBody;
use tfs_types::InfoHash;
use tfs_web::model::WebAction;

use super::failure::{bad_request, server_failure};
use super::found::{TorrentOnServer, find};
use crate::control::ControlTarget;
use crate::on_demand::disown_selected;
use crate::{ConnectError, TorrentAction, act as act_on_server, notify_of_change};

/// A change on a server.
#[derive(Debug)]
enum TorrentChange {
    Act(TorrentAction),
    Select(Vec<usize>),
}

/// Applies a change, and makes the mounts show it. Preloads are another matter.
///
/// # Errors
/// If a server does not apply it. Others may have.
pub(super) async fn act(
    mount: &Arc<dyn ControlTarget>,
    info_hash: InfoHash,
    action: WebAction,
) -> Result<(), FailureBody> {
    let found = find(mount.servers(), info_hash).await?;
    let change = match action {
        WebAction::Pause => TorrentChange::Act(TorrentAction::Pause),
        WebAction::Start => TorrentChange::Act(TorrentAction::Start),
        WebAction::Forget => TorrentChange::Act(TorrentAction::Forget),
        WebAction::Delete { name } => {
            check_name(&found, info_hash, &name)?;
            TorrentChange::Act(TorrentAction::Delete)
        }
        WebAction::Select { files } => TorrentChange::Select(checked_files(&found, files)?),
        WebAction::Preload { .. } => return Err(bad_request("a preload is no change")),
    };
    let removed = match change {
        TorrentChange::Act(TorrentAction::Forget | TorrentAction::Delete) => vec![info_hash],
        TorrentChange::Act(TorrentAction::Pause | TorrentAction::Start)
        | TorrentChange::Select(_) => Vec::new(),
    };
    let applied = found.iter().map(async |torrent| {
        apply(torrent, info_hash, &change).await?;
        notify_of_change(torrent.server.client().base_url(), &removed).await;
        Ok(())
    });
    join_all(applied).await.into_iter().collect()
}

async fn apply(
    torrent: &TorrentOnServer,
    info_hash: InfoHash,
    change: &TorrentChange,
) -> Result<(), FailureBody> {
    let TorrentOnServer { name, server, row, .. } = torrent;
    let applied = match change {
        TorrentChange::Act(action) => act_on_server(server, *action, row).await.map(drop),
        TorrentChange::Select(files) => {
            let client = server.client();
            let failed = |source| ConnectError { url: client.base_url().clone(), source };
            let torrent = TorrentRef::InfoHash(info_hash);
            let applied = client.update_only_files(torrent, files).await.map_err(failed);
            if applied.is_ok() {
                disown_selected(server, info_hash, files).await;
            }
            applied
        }
    };
    applied.map_err(|error| server_failure(name, &error))?;
    tracing::debug!(server = name, torrent = row.name, %info_hash, ?change, "changed by the page");
    Ok(())
}

/// Checks that the user has typed the name of the torrent: on each server, and for one without a
/// name its info hash.
fn check_name(
    found: &[TorrentOnServer],
    info_hash: InfoHash,
    typed: &str,
) -> Result<(), FailureBody> {
    let hash = info_hash.to_string();
    let is_its_name =
        |torrent: &TorrentOnServer| torrent.row.name.as_deref().unwrap_or(&hash) == typed;
    if found.iter().all(is_its_name) {
        return Ok(());
    }
    Err(bad_request("nothing was deleted: the typed name is not that of the torrent"))
}

/// Returns the files to select, in order.
fn checked_files(found: &[TorrentOnServer], files: Vec<u32>) -> Result<Vec<usize>, FailureBody> {
    let count = found.iter().map(|torrent| torrent.files.len()).max().unwrap_or(0);
    if count == 0 {
        return Err(bad_request("the files of the torrent are not known yet"));
    }
    let mut selected = Vec::new();
    for file in files {
        match usize::try_from(file) {
            Ok(index) if index < count => selected.push(index),
            Ok(_) | Err(_) => {
                return Err(bad_request(format!("the torrent has no file {file}")));
            }
        }
    }
    selected.sort_unstable();
    selected.dedup();
    Ok(selected)
}
