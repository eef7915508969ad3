//! Adds torrents to a server: each is validated here first, then sent.

mod fault;
mod file;
mod input;
mod magnet;
mod refusal;
mod shared_files;

use std::time::Duration;

use rqbit_client::AddOptions;
use serde::Serialize;

pub use self::fault::{AddError, AddFault};
pub use self::input::{PreparedTorrent, TorrentInput};
pub use self::magnet::MagnetFault;
use crate::RqbitServer;

/// Default timeout for resolving a magnet link: rqbit's own limit without a shorter one in the
/// request (`http_api/handlers/torrents.rs` of librqbit 9.1.0).
pub const RESOLVE_TIME_DEFAULT: Duration = Duration::from_secs(600);

/// Maximum timeout that rqbit accepts.
pub const RESOLVE_TIME_MAX: Duration = Duration::from_secs(3600);

/// A torrent that was added, or that the server already had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddedRow {
    /// The torrent's id on the server.
    pub id: Option<u64>,
    /// 40 lower-case hexadecimal digits.
    pub info_hash: String,
    /// The torrent's name.
    pub name: Option<String>,
    /// Whether it is new. A torrent that the server already has is not added again.
    pub added: bool,
}

/// Handling of files that already exist at the torrent's paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// The torrent is not added.
    Refuse,
    /// Matching parts are kept, the rest is overwritten.
    Use,
}

/// Adds a torrent. One that the server already has is not changed.
///
/// `time_max` limits how long the server may look for peers of a magnet link, or fetch a `.torrent`
/// file from a URL; at most [`RESOLVE_TIME_MAX`].
///
/// # Errors
/// [`AddError`], some seconds after `time_max` at the latest.
///
/// # Cancel safety
/// If the future is dropped, the server may or may not add the torrent. rqbit then stops looking
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
    // The server's answer is the same for a torrent that it already has. If another client adds it
    // in between, both report it as added.
    let client = server.client();
    let before = client.torrents().await.map_err(failed)?;
    if existing == Existing::Use {
        let other = shared_files::owner(client, torrent.source(), time_max, &before).await;
        if let Some(name) = other.map_err(failed)? {
            return Err(torrent.failed(AddFault::SharedFiles { name }));
        }
    }
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
