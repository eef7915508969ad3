//! What is done to a torrent of a server.

use rqbit_client::TorrentRef;
use serde::Serialize;

use crate::{Server, ServerError, TorrentRow};

/// What is done to a torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Stops it.
    Pause,
    /// Starts one that is paused or failed.
    Start,
    /// Removes it from the server, and keeps its files.
    Forget,
    /// Removes it from the server, and its files from the server's disk.
    Delete,
}

/// What was done to a torrent. Serialized, this is a line of `--json`: fields are added, never
/// changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActedRow {
    /// What was asked for.
    pub action: Action,
    /// The server's number for it.
    pub id: Option<u64>,
    /// 40 lower-case hexadecimal digits.
    pub info_hash: String,
    /// The name, as it stands in the torrent.
    pub name: Option<String>,
    /// Whether anything had to be done: a paused torrent is not paused again.
    pub changed: bool,
}

/// Does something to a torrent as the list has it.
///
/// # Errors
/// [`ServerError`].
///
/// # Cancel safety
/// Dropping the future may or may not stop the server from doing it.
pub async fn act(
    server: &Server,
    action: Action,
    torrent: &TorrentRow,
) -> Result<ActedRow, ServerError> {
    let client = server.client();
    let info_hash = torrent.info_hash.parse().expect("a row has the text of an info hash");
    let which = TorrentRef::InfoHash(info_hash);
    let changed = match action {
        Action::Pause => torrent.state != "paused",
        Action::Start => torrent.state != "live",
        Action::Forget | Action::Delete => true,
    };
    if changed {
        let acted = match action {
            Action::Pause => client.pause(which).await,
            Action::Start => client.start(which).await,
            Action::Forget => client.forget(which).await,
            Action::Delete => client.delete(which).await,
        };
        acted.map_err(|source| ServerError { url: client.base_url().clone(), source })?;
    }
    Ok(ActedRow {
        action,
        id: torrent.id,
        info_hash: torrent.info_hash.clone(),
        name: torrent.name.clone(),
        changed,
    })
}
