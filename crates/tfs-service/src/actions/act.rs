//! Actions on a torrent of a server.

use rqbit_client::TorrentRef;
use serde::Serialize;

use crate::record_place::forget_record;
use crate::{ConnectError, RqbitServer, TorrentRow};

/// An action on a torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TorrentAction {
    /// Pauses it.
    Pause,
    /// Starts it, if it is paused or failed.
    Start,
    /// Removes it from the server and keeps its files.
    Forget,
    /// Removes it from the server and deletes its files from the server's disk.
    Delete,
}

/// Result of an action on a torrent. Serialized, this is a line of `--json`: fields are added,
/// never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActedRow {
    /// The requested action.
    pub action: TorrentAction,
    /// The torrent's id on the server.
    pub id: Option<u64>,
    /// 40 lower-case hexadecimal digits.
    pub info_hash: String,
    /// The torrent's name.
    pub name: Option<String>,
    /// Whether the server had to change anything: a paused torrent is not paused again.
    pub changed: bool,
}

/// Applies an action to a torrent of the list.
///
/// # Errors
/// [`ConnectError`].
///
/// # Cancel safety
/// If the future is dropped, the server may or may not apply the action.
pub async fn act(
    server: &RqbitServer,
    action: TorrentAction,
    torrent: &TorrentRow,
) -> Result<ActedRow, ConnectError> {
    let client = server.client();
    let info_hash = torrent.info_hash.parse().expect("a row has the text of an info hash");
    let which = TorrentRef::InfoHash(info_hash);
    let changed = match action {
        TorrentAction::Pause => torrent.state != "paused",
        TorrentAction::Start => torrent.state != "live",
        TorrentAction::Forget | TorrentAction::Delete => true,
    };
    if changed {
        let acted = match action {
            TorrentAction::Pause => client.pause(which).await,
            TorrentAction::Start => client.start(which).await,
            TorrentAction::Forget => client.forget(which).await,
            TorrentAction::Delete => client.delete(which).await,
        };
        acted.map_err(|source| ConnectError { url: client.base_url().clone(), source })?;
        if matches!(action, TorrentAction::Forget | TorrentAction::Delete) {
            forget_record(server, info_hash).await;
        }
    }
    Ok(ActedRow {
        action,
        id: torrent.id,
        info_hash: torrent.info_hash.clone(),
        name: torrent.name.clone(),
        changed,
    })
}
