//! Torrents for the page: the list of a mount, and one with its files.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tfs_api::wire::FailureBody;
use tfs_sys::blocking;
use tfs_types::InfoHash;
use tfs_web::model::{FailedList, FileItem, TorrentDetail, TorrentItem, WebTorrents};
use tokio::time::Instant;
use vfs_core::{FileId, FileIndex};

use super::found::{TorrentOnServer, find};
use crate::TorrentRow;
use crate::actions::{ListTags, ServerSet, union};
use crate::control::ControlTarget;
use crate::page_files::MountFiles;

/// How long a list is used again, for several pages.
const LIST_AGE_MAX: Duration = Duration::from_secs(1);

/// The lists of torrents of the mounts.
#[derive(Debug, Default)]
pub(super) struct TorrentLists {
    /// Protects the lists; held for one access. One for each mount.
    lists: Mutex<Vec<ListOfMount>>,
}

/// A mount, which may have ended, and its list.
type ListOfMount = (Weak<dyn ControlTarget>, Arc<CachedTorrents>);

/// The list of one mount.
#[derive(Debug)]
struct CachedTorrents {
    servers: ServerSet,
    /// The last list; held while it is made, so that several pages cause one.
    last: tokio::sync::Mutex<Option<(Instant, WebTorrents)>>,
}

impl TorrentLists {
    /// Lists the torrents of a mount. The list may be a second old.
    pub(super) async fn of(&self, mount: &Arc<dyn ControlTarget>) -> WebTorrents {
        let list = self.list(mount);
        let mut last = list.last.lock().await;
        if let Some((at, torrents)) = &*last
            && at.elapsed() < LIST_AGE_MAX
        {
            return torrents.clone();
        }
        let (rows, failed) = list.servers.listed().await;
        let failed = failed.into_iter();
        let failed = failed.map(|(server, error)| FailedList { server, error: error.to_string() });
        let torrents = WebTorrents {
            torrents: rows.into_iter().map(torrent_item).collect(),
            failed: failed.collect(),
        };
        *last = Some((Instant::now(), torrents.clone()));
        torrents
    }

    /// Makes the next list of a mount be a new one.
    pub(super) async fn forget(&self, mount: &Arc<dyn ControlTarget>) {
        *self.list(mount).last.lock().await = None;
    }

    fn list(&self, mount: &Arc<dyn ControlTarget>) -> Arc<CachedTorrents> {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.retain(|(mount, _)| mount.strong_count() > 0);
        let of_mount = Arc::downgrade(mount);
        let known = lists.iter().find(|(mount, _)| Weak::ptr_eq(mount, &of_mount));
        if let Some((_, list)) = known {
            return Arc::clone(list);
        }
        let servers = ServerSet::of_named(mount.servers());
        let list = Arc::new(CachedTorrents { servers, last: tokio::sync::Mutex::default() });
        lists.push((of_mount, Arc::clone(&list)));
        list
    }
}

/// Returns a torrent with its files.
///
/// # Errors
/// If no server of the mount has it.
pub(super) async fn detail(
    mount: &Arc<dyn ControlTarget>,
    info_hash: InfoHash,
    tags: &Arc<ListTags>,
) -> Result<TorrentDetail, FailureBody> {
    let found = find(mount.servers(), info_hash).await?;
    let (files, tags) = (mount.files(), Arc::clone(tags));
    Ok(blocking(move || make_detail(found, info_hash, &*files, &tags)).await)
}

/// Merges a torrent on several servers. Takes milliseconds for 100,000 files.
fn make_detail(
    found: Vec<TorrentOnServer>,
    info_hash: InfoHash,
    mount: &dyn MountFiles,
    tags: &ListTags,
) -> TorrentDetail {
    let mut files: Vec<FileItem> = Vec::new();
    for torrent in &found {
        let items = file_items(torrent);
        if files.is_empty() {
            files = items;
            continue;
        }
        for (file, other) in files.iter_mut().zip(items) {
            file.have_bytes = file.have_bytes.max(other.have_bytes);
            file.selected = file.selected.max(other.selected);
        }
    }
    let id = |file: &FileItem| FileId { torrent: info_hash, index: FileIndex(file.file_index) };
    let paths = mount.paths_of(&files.iter().map(id).collect::<Vec<_>>());
    for (file, path) in files.iter_mut().zip(paths) {
        file.mount_path = path;
    }
    let rows = found.into_iter().map(|torrent| (torrent.name, vec![torrent.row]));
    let mut rows = union(rows.collect());
    tags.set(rows.iter_mut());
    let torrent = rows.into_iter().next().map(torrent_item).unwrap_or_default();
    TorrentDetail { torrent, files }
}

/// Returns the files of a torrent on one server, without padding.
fn file_items(torrent: &TorrentOnServer) -> Vec<FileItem> {
    let files = (0..).zip(&torrent.files).filter(|(_, file)| !file.attributes.padding);
    let items = files.map(|(file_index, file)| {
        let progress = usize::try_from(file_index).ok();
        let progress = progress.and_then(|index| torrent.file_progress.get(index));
        FileItem {
            file_index,
            path: file.components.join("/"),
            mount_path: None,
            size_bytes: file.length,
            have_bytes: progress.copied().unwrap_or(0).min(file.length),
            selected: Some(file.included),
        }
    });
    items.collect()
}

fn torrent_item(row: TorrentRow) -> TorrentItem {
    TorrentItem {
        eta_seconds: eta_seconds(&row),
        info_hash: row.info_hash,
        name: row.name,
        state: row.state.to_owned(),
        size_bytes: row.size_bytes,
        there_bytes: row.there_bytes,
        total_bytes: row.total_bytes,
        have_bytes: row.have_bytes,
        selected_bytes: row.selected_bytes,
        finished: row.finished,
        download_bps: row.download_bps,
        upload_bps: row.upload_bps,
        peers: row.peers.into(),
        error: row.error,
        servers: row.servers,
        tags: row.tags,
    }
}

/// Returns the seconds until the selected files are there; `None` if nothing is on its way.
fn eta_seconds(row: &TorrentRow) -> Option<u64> {
    let missing = row.total_bytes.saturating_sub(row.have_bytes);
    let is_on_its_way = row.state == "live" && missing > 0 && row.download_bps > 0;
    is_on_its_way.then(|| missing.div_ceil(row.download_bps))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(state: &'static str, have_bytes: u64, download_bps: u64, want: Option<u64>) {
        let row = TorrentRow {
            state,
            have_bytes,
            total_bytes: 1000,
            download_bps,
            ..TorrentRow::default()
        };
        assert_eq!(eta_seconds(&row), want);
    }

    #[test]
    fn a_torrent_that_downloads_has_a_time() {
        check("live", 0, 100, Some(10));
        check("live", 999, 100, Some(1));
        check("live", 1000, 100, None);
        check("live", 2000, 100, None);
        check("live", 0, 0, None);
        check("paused", 0, 100, None);
        check("live", 0, u64::MAX, Some(1));
    }
}
