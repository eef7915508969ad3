//! Adds torrents to a server: each is validated here first, then sent.

mod fault;
mod file;
mod input;
mod link_file;
mod magnet;
mod pausing;
mod refusal;
mod shared_files;

use std::time::Duration;

use rqbit_client::AddOptions;
use rqbit_client::wire::TorrentDetails;
use serde::Serialize;
use tfs_sys::blocking;
use tokio::time::sleep;

pub use self::fault::{AddError, AddFault};
pub use self::input::{PreparedTorrent, TorrentInput};
pub(crate) use self::link_file::{LINKS_MAX, LinkForm, LinkLine};
pub use self::magnet::MagnetFault;
pub(crate) use self::pausing::pause_new;
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

/// A torrent that a server has now, new or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AddedTorrentName {
    /// 40 lower-case hexadecimal digits.
    pub(crate) info_hash: String,
    /// The torrent's name.
    pub(crate) name: Option<String>,
}

/// Handling of files that already exist at the torrent's paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// The torrent is not added.
    Refuse,
    /// Matching parts are kept, the rest is overwritten.
    Use,
    /// As [`Use`](Self::Use) if each of them has the length that it has in the torrent. Otherwise,
    /// and for a magnet link, whose files are not known, the torrent is not added. Only for a
    /// server that stores its files on this machine.
    UseOfSameLength,
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
    // The server's answer is the same for a torrent that it already has. If another client adds it
    // in between, both report it as added.
    let before = server.client().torrents().await;
    let failed = |error| torrent.failed(AddFault::of(error, torrent, time_max, server));
    add_beside(server, torrent, existing, time_max, &before.map_err(failed)?).await
}

/// Like [`add`], with the server's list of torrents from before. A long series of torrents needs
/// it once.
pub(crate) async fn add_beside(
    server: &RqbitServer,
    torrent: &PreparedTorrent,
    existing: Existing,
    time_max: Duration,
    before: &[TorrentDetails],
) -> Result<AddedRow, AddError> {
    let failed = |error| torrent.failed(AddFault::of(error, torrent, time_max, server));
    let options = AddOptions {
        overwrite: match existing {
            Existing::Refuse => false,
            Existing::Use => true,
            Existing::UseOfSameLength => !torrent.is_magnet(),
        },
        timeout: Some(time_max),
        ..AddOptions::default()
    };
    let client = server.client();
    if options.overwrite && !torrent.is_magnet() {
        let new = shared_files::preview(client, torrent.source(), time_max).await;
        let new = new.map_err(failed)?;
        if let Some(name) = shared_files::owner(client, &new, before).await {
            return Err(torrent.failed(AddFault::SharedFiles { name }));
        }
        let is_known = before.iter().any(|known| known.info_hash == new.details.info_hash);
        if existing == Existing::UseOfSameLength
            && !is_known
            && blocking(move || shared_files::has_other_files(&new)).await
        {
            return Err(torrent.failed(AddFault::FilesExist));
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

/// Attempts of [`add_new`] whose answer is about another torrent.
const MISTAKEN_ATTEMPTS_MAX: u32 = 10;

/// Pause after such an attempt: rqbit has stored the other torrent by then.
const MISTAKEN_PAUSE: Duration = Duration::from_millis(50);

/// Adds a torrent with one request, as [`add`] with [`Existing::Refuse`], and without the list that
/// shows whether it is new: for ten thousand torrents in a row.
///
/// Of two torrents that clients add at the same time, rqbit may add one, and answer both requests
/// with it (docs/dev/upstream.md). So the info hash of the answer is checked, and the request is
/// repeated.
///
/// # Errors
/// As [`add`].
///
/// # Cancel safety
/// As [`add`].
pub(crate) async fn add_new(
    server: &RqbitServer,
    torrent: &PreparedTorrent,
    time_max: Duration,
) -> Result<AddedTorrentName, AddError> {
    let options = AddOptions { timeout: Some(time_max), ..AddOptions::default() };
    let wanted = torrent.info_hash();
    for _ in 0..MISTAKEN_ATTEMPTS_MAX {
        let added = server.client().add_torrent(torrent.source(), &options).await;
        let failed = |error| torrent.failed(AddFault::of(error, torrent, time_max, server));
        let details = added.map_err(failed)?.details;
        if wanted.is_none_or(|wanted| wanted == details.info_hash) {
            let info_hash = details.info_hash.to_string();
            return Ok(AddedTorrentName { info_hash, name: details.name });
        }
        let answer = details.info_hash;
        tracing::debug!(?wanted, %answer, "the server has mistaken a torrent for another");
        sleep(MISTAKEN_PAUSE).await;
    }
    let reason = "the server mistakes it for another torrent; try again".to_owned();
    Err(torrent.failed(AddFault::Refused { reason }))
}
