//! Adds torrents to a server: each is validated here first, then sent.

mod fault;
mod file;
mod input;
mod link_file;
mod magnet;
mod on_demand;
mod pausing;
mod refusal;
mod shared_files;

use std::time::Duration;

use rqbit_client::wire::{AddedTorrent, TorrentDetails};
use rqbit_client::{AddOptions, ErrorKind};
use serde::Serialize;
use tfs_sys::blocking;
use tfs_types::OnDemandMode;
use tokio::time::sleep;

pub use self::fault::{AddError, AddFault};
pub use self::input::{PreparedTorrent, TorrentInput};
pub(crate) use self::link_file::{LINKS_MAX, LinkForm, LinkLine};
pub use self::magnet::MagnetFault;
use self::on_demand::OnDemandAddition;
pub(crate) use self::pausing::pause_new;
use crate::RqbitServer;
use crate::on_demand_records::OnDemandChoice;
use crate::record_place::recorded_mode;

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
    /// The mode, if it is on demand.
    pub on_demand: Option<OnDemandMode>,
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

/// How a torrent is added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddWishes {
    /// Handling of files that already exist at the torrent's paths.
    pub existing: Existing,
    /// How long the server may look for peers of a magnet link, or fetch a `.torrent` file from a
    /// URL; at most [`RESOLVE_TIME_MAX`].
    pub time_max: Duration,
    /// Whether it is on demand; `None` is as torrents are usually added to the server.
    pub on_demand: Option<OnDemandChoice>,
}

impl AddWishes {
    /// Adds as torrents are usually added to the server.
    #[must_use]
    pub fn new(existing: Existing, time_max: Duration) -> Self {
        Self { existing, time_max, on_demand: None }
    }
}

/// Adds a torrent. One that the server already has is not changed.
///
/// The server may first resolve the torrent without adding it: if it may be on demand, or if
/// existing files may be used.
///
/// # Errors
/// [`AddError`], some seconds after twice the time of `wishes` at the latest.
///
/// # Cancel safety
/// If the future is dropped, the server may or may not add the torrent. rqbit then stops looking
/// for the peers of a magnet link.
pub async fn add(
    server: &RqbitServer,
    torrent: &PreparedTorrent,
    wishes: &AddWishes,
) -> Result<AddedRow, AddError> {
    // The server's answer is the same for a torrent that it already has. If another client adds it
    // in between, both report it as added.
    let before = server.client().torrents().await;
    let failed = |error| torrent.failed(AddFault::of(error, torrent, wishes.time_max, server));
    add_beside(server, torrent, wishes, &before.map_err(failed)?).await
}

/// Like [`add`], with the server's list of torrents from before. A long series of torrents needs
/// it once.
pub(crate) async fn add_beside(
    server: &RqbitServer,
    torrent: &PreparedTorrent,
    wishes: &AddWishes,
    before: &[TorrentDetails],
) -> Result<AddedRow, AddError> {
    let AddWishes { existing, time_max, on_demand } = wishes;
    let (existing, time_max) = (*existing, *time_max);
    let choice = on_demand.as_ref().unwrap_or_else(|| server.on_demand());
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
    let checks_files = options.overwrite && !torrent.is_magnet();
    let may_be_on_demand = choice.may_be_on_demand();
    let mut preview = None;
    if checks_files || may_be_on_demand {
        let new = shared_files::preview(client, torrent.source(), time_max).await;
        preview = Some(new.map_err(failed)?);
    }
    if let Some(new) = preview.clone().filter(|_| checks_files) {
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
    let added = match preview.filter(|_| may_be_on_demand) {
        Some(new) => add_as_chosen(server, torrent, choice, &new, options).await?,
        None => (client.add_torrent(torrent.source(), &options).await.map_err(failed)?, None),
    };
    let (added, mode) = added;
    let details = added.details;
    let is_new = before.iter().all(|torrent| torrent.info_hash != details.info_hash);
    Ok(AddedRow {
        id: added.id.or(details.id),
        info_hash: details.info_hash.to_string(),
        name: details.name,
        added: is_new,
        on_demand: if is_new { mode } else { recorded_mode(server, details.info_hash).await },
    })
}

/// Adds a torrent that may be on demand. Returns the mode, if it was added on demand.
async fn add_as_chosen(
    server: &RqbitServer,
    torrent: &PreparedTorrent,
    choice: &OnDemandChoice,
    preview: &AddedTorrent,
    mut options: AddOptions,
) -> Result<(AddedTorrent, Option<OnDemandMode>), AddError> {
    let time_max = options.timeout.unwrap_or(RESOLVE_TIME_DEFAULT);
    let failed = |error| torrent.failed(AddFault::of(error, torrent, time_max, server));
    let addition = OnDemandAddition::begin(server, choice, preview).await;
    let addition = addition.map_err(|error| torrent.failed(AddFault::Records(error)))?;
    if let Some(addition) = &addition {
        options.only_files = Some(vec![addition.smallest_file]);
        options.initial_peers.clone_from(&addition.peers);
    }
    let added = server.client().add_torrent(torrent.source(), &options).await;
    let Some(addition) = addition else { return Ok((added.map_err(failed)?, None)) };
    match added {
        Ok(added) => {
            addition.finish(server).await;
            Ok((added, Some(addition.mode())))
        }
        Err(error) => {
            // A server that did not answer may have added it.
            if matches!(error.kind(), ErrorKind::Status(_)) {
                addition.undo().await;
            }
            Err(failed(error))
        }
    }
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
    let client = server.client();
    let choice = server.on_demand();
    for _ in 0..MISTAKEN_ATTEMPTS_MAX {
        let failed = |error| torrent.failed(AddFault::of(error, torrent, time_max, server));
        let added = if choice.may_be_on_demand() {
            let new = shared_files::preview(client, torrent.source(), time_max).await;
            let new = new.map_err(failed)?;
            add_as_chosen(server, torrent, choice, &new, options.clone()).await?.0
        } else {
            client.add_torrent(torrent.source(), &options).await.map_err(failed)?
        };
        let details = added.details;
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
