//! The last torrent lists: what a poll compares with, and names, folders and failures for messages
//! and for the check whether a disk is missing.

mod state;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rqbit_client::wire::TorrentProgress;
use rqbit_client::{ListChanges, ListPrint};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use vfs_core::{InfoHash, TorrentSummary};

use self::state::ListState;
pub(crate) use self::state::PlainList;
use crate::local::LocalPaths;

/// Maximum number of listed torrents whose folders are checked, to determine whether this machine
/// has the server's disks.
const LISTED_TRIED_MAX: usize = 64;

/// Maximum time for a disk to answer whether a folder exists. A disconnected network disk may never
/// answer.
const DISK_TIME_MAX: Duration = Duration::from_secs(10);

/// The last listing, and names, folders and failures of torrents in earlier ones.
#[derive(Debug, Default)]
pub(crate) struct ListedTorrents {
    /// Protects the data of the lists; held for one access.
    state: Mutex<ListState>,
}

impl ListedTorrents {
    /// Returns the fingerprints of the last list without stats.
    pub(crate) fn print(&self) -> ListPrint {
        self.state().print()
    }

    /// As [`ListState::new_in`].
    pub(crate) fn new_in(
        &self,
        changes: ListChanges<TorrentProgress>,
    ) -> (PlainList, Vec<TorrentProgress>) {
        self.state().new_in(changes)
    }

    /// As [`ListState::entries`].
    pub(crate) fn entries(
        &self,
        in_use: &[InfoHash],
        room: usize,
        is_new: impl FnMut(InfoHash) -> bool,
    ) -> Vec<TorrentProgress> {
        self.state().entries(in_use, room, is_new)
    }

    /// As [`ListState::update`].
    pub(crate) fn update(
        &self,
        list: PlainList,
        torrents: Vec<TorrentProgress>,
    ) -> Option<Vec<TorrentSummary>> {
        self.state().update(list, torrents)
    }

    /// As [`ListState::update_all`].
    pub(crate) fn update_all(&self, torrents: Vec<TorrentProgress>) -> Option<Vec<TorrentSummary>> {
        self.state().update_all(torrents)
    }

    /// Returns the last listing.
    pub(crate) fn summaries(&self) -> Vec<TorrentSummary> {
        self.state().summaries()
    }

    pub(crate) fn is_listed(&self, torrent: InfoHash) -> bool {
        self.state().is_listed(torrent)
    }

    pub(crate) fn name(&self, torrent: InfoHash) -> Option<String> {
        self.state().torrents.get(&torrent)?.name.clone()
    }

    /// Returns the failure of a torrent in one line; `None` if its last list entry had none.
    pub(crate) fn failure(&self, torrent: InfoHash) -> Option<String> {
        self.state().torrents.get(&torrent)?.failure.clone()
    }

    /// Returns whether the server had all that is selected of a torrent.
    pub(crate) fn has_selected(&self, torrent: InfoHash) -> bool {
        self.state().torrents.get(&torrent).is_some_and(|it| it.has_selected)
    }

    /// Returns the size of what is selected of a torrent, in bytes, if it is known.
    pub(crate) fn selected_bytes(&self, torrent: InfoHash) -> Option<u64> {
        self.state().torrents.get(&torrent)?.selected_bytes
    }

    /// Takes the torrents whose selected size has changed.
    pub(crate) fn take_reselected(&self) -> Vec<InfoHash> {
        std::mem::take(&mut self.state().reselected).into_iter().collect()
    }

    /// Returns false if this machine has the disks of the server, and a folder of one of these
    /// torrents is missing or unknown. Waits for the disks, at most [`DISK_TIME_MAX`].
    pub(crate) async fn are_folders_there(
        &self,
        paths: &LocalPaths,
        torrents: &[InfoHash],
    ) -> bool {
        let (wanted, sample) = {
            let state = self.state();
            let folder = |torrent: &InfoHash| {
                let listed = state.torrents.get(torrent)?;
                paths.folder(&listed.folder).ok()
            };
            let wanted: Vec<Option<PathBuf>> = torrents.iter().map(folder).collect();
            let sample: Vec<_> =
                state.order.iter().take(LISTED_TRIED_MAX).filter_map(folder).collect();
            (wanted, sample)
        };
        let looked = spawn_blocking(move || {
            let has_disks = sample.iter().any(|folder| folder.is_dir());
            !has_disks || wanted.iter().all(|folder| folder.as_deref().is_some_and(is_there))
        });
        matches!(timeout(DISK_TIME_MAX, looked).await, Ok(Ok(true)))
    }

    fn state(&self) -> MutexGuard<'_, ListState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns whether a folder exists, or was removed from a mounted disk.
///
/// rqbit removes the folder of a torrent together with its files, so the parent folder decides. An
/// empty parent is what remains if a disk is not mounted.
fn is_there(folder: &Path) -> bool {
    match has_entries(folder) {
        Some(has_entries) => has_entries,
        None => folder.parent().and_then(has_entries).unwrap_or(false),
    }
}

/// Returns whether a directory has entries; `None` if it does not exist.
fn has_entries(dir: &Path) -> Option<bool> {
    fs::read_dir(dir).ok().map(|mut entries| entries.next().is_some())
}

#[cfg(test)]
mod tests {
    use rqbit_client::wire::TorrentState;

    use super::*;

    fn torrent(id: u8, folder: &Path) -> TorrentProgress {
        let (hash, folder) = (hash(id), folder.display());
        let text = format!(
            r#"{{"torrents":[{{"info_hash":"{hash}","name":"a","output_folder":"{folder}"}}]}}"#
        );
        rqbit_client::wire::parse_list(text.as_bytes()).unwrap().remove(0)
    }

    fn hash(id: u8) -> InfoHash {
        InfoHash::from_bytes([id; 20])
    }

    #[tokio::test]
    async fn a_folder_that_was_removed_is_told_from_a_disk_that_is_away() {
        let dir = tempfile::tempdir().unwrap();
        let (here, disk) = (dir.path().join("here"), dir.path().join("disk"));
        fs::create_dir_all(here.join("t")).unwrap();
        fs::create_dir_all(&disk).unwrap();
        fs::write(here.join("t/f"), "x").unwrap();
        let torrents = ListedTorrents::default();
        let folders = [here.join("t"), here.join("gone"), disk.join("t")];
        let all = (1..).zip(&folders).map(|(id, folder)| torrent(id, folder));
        torrents.update_all(all.collect());
        let check = async |ids: &[u8], want: bool| {
            let wanted: Vec<_> = ids.iter().map(|id| hash(*id)).collect();
            let is_there = torrents.are_folders_there(&LocalPaths::Auto, &wanted).await;
            assert_eq!(is_there, want, "{ids:?}");
        };
        check(&[1, 2], true).await;
        check(&[1, 3], false).await;
        check(&[9], false).await;
        fs::write(disk.join("other"), "x").unwrap();
        check(&[3], true).await;
        assert_eq!(torrents.name(hash(1)).as_deref(), Some("a"));

        // A machine without the disks of the server.
        fs::remove_dir_all(&here).unwrap();
        fs::remove_dir_all(&disk).unwrap();
        check(&[1, 9], true).await;
    }

    #[test]
    fn a_failure_is_known_until_the_torrent_is_started() {
        let torrents = ListedTorrents::default();
        let mut failed = torrent(1, Path::new("/d"));
        failed.stats.state = TorrentState::Error;
        let check = |torrent: &TorrentProgress, want: Option<&str>| {
            torrents.update_all(vec![torrent.clone()]);
            assert_eq!(torrents.failure(hash(1)).as_deref(), want);
        };
        check(&failed, None);
        failed.stats.error = Some("no disk\n\nStack backtrace:\n 0: x".to_owned());
        check(&failed, Some("no disk"));
        failed.stats.state = TorrentState::Live;
        check(&failed, None);
    }
}
