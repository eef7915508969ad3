//! Adding torrents to a server: what is added is looked at here first, then sent.

mod fault;
mod file;
mod input;
mod magnet;

use std::time::Duration;

use rqbit_client::AddOptions;
use serde::Serialize;

pub use self::fault::{AddError, AddFault};
pub use self::input::{PreparedTorrent, TorrentInput};
pub use self::magnet::MagnetFault;
use crate::RqbitServer;

/// How long a magnet link may take to resolve: as long as rqbit gives it unless it is asked for
/// less (`http_api/handlers/torrents.rs` of librqbit 9.1.0).
pub const RESOLVE_TIME_DEFAULT: Duration = Duration::from_secs(600);

/// The most that rqbit can be asked for.
pub const RESOLVE_TIME_MAX: Duration = Duration::from_secs(3600);

/// A torrent that was added, or was there already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddedRow {
    /// The server's number for it.
    pub id: Option<u64>,
    /// 40 lower-case hexadecimal digits.
    pub info_hash: String,
    /// The name, as it stands in the torrent.
    pub name: Option<String>,
    /// Whether it is new: one that is there already is not added again.
    pub added: bool,
}

/// What becomes of files that are where the torrent's files go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// The torrent is not added.
    Refuse,
    /// What is right in them is kept, the rest is written over.
    Use,
}

/// Adds a torrent. One that is there already stays as it is.
///
/// `time_max` is how long the server may look for peers of a magnet link, or fetch a `.torrent`
/// file from an address; at most [`RESOLVE_TIME_MAX`].
///
/// # Errors
/// [`AddError`], some seconds after `time_max` at the latest.
///
/// # Cancel safety
/// Dropping the future may or may not stop the server from adding the torrent. rqbit stops to look
/// for the peers of a magnet link.
pub async fn add(
    server: &RqbitServer,
    torrent: &PreparedTorrent,
    existing: Existing,
    time_max: Duration,
) -> Result<AddedRow, AddError> {
    let failed = |error| torrent.failed(AddFault::of(error, torrent, time_max, server));
    let options = AddOptions {
        overwrite: existing == Existing::Use,
        timeout: Some(time_max),
        ..AddOptions::default()
    };
    // The server's answer is the same for one that it has. If another client adds it in between,
    // it counts as added by both.
    let client = server.client();
    let before = client.torrents().await.map_err(failed)?;
    let added = client.add_torrent(torrent.source(), &options).await.map_err(failed)?;
    let details = added.details;
    let is_new = before.iter().all(|torrent| torrent.info_hash != details.info_hash);
    Ok(AddedRow {
        id: added.id.or(details.id),
        info_hash: details.info_hash.to_string(),
        name: details.name,
        added: is_new,
    })
}
