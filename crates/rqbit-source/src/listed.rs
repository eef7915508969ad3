//! Data of the last torrent lists besides progress: names, folders and failures. Used for messages
//! and for the check whether a disk is missing.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rqbit_client::wire::{ProgressStats, TorrentProgress, TorrentState};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use vfs_core::InfoHash;

use crate::failure::failure_reason;
use crate::local::LocalPaths;

/// Maximum number of unlisted torrents that are kept, in addition to as many as the last list had.
const UNLISTED_MAX: usize = 1000;

/// Maximum number of listed torrents whose folders are checked, to determine whether this machine
/// has the server's disks.
const LISTED_TRIED_MAX: usize = 64;

/// Maximum time for a disk to answer whether a folder exists. A disconnected network disk may never
/// answer.
const DISK_TIME_MAX: Duration = Duration::from_secs(10);

/// One torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ListedTorrent {
    name: Option<String>,
    folder: String,
    /// The error, reduced to one line.
    failure: Option<String>,
    /// Whether the server has all that is selected.
    has_selected: bool,
}

/// Names, folders and failures of torrents, from the last lists.
#[derive(Debug, Default)]
pub(crate) struct ListedTorrents {
    /// Protects the data of the lists; held for one access.
    state: Mutex<ListState>,
}

#[derive(Debug, Default)]
struct ListState {
    torrents: HashMap<InfoHash, ListedTorrent>,
    /// Some of the torrents in the last list.
    sample: Vec<InfoHash>,
}

impl ListedTorrents {
    /// Updates the data from a list, with the info hashes of its torrents.
    pub(crate) fn update<'a>(
        &self,
        list: impl ExactSizeIterator<Item = (InfoHash, &'a TorrentProgress)>,
    ) {
        let count = list.len();
        let mut listed = Vec::with_capacity(count);
        let mut state = self.state();
        for (info_hash, TorrentProgress { name, output_folder, stats, .. }) in list {
            listed.push(info_hash);
            let failure = failure(stats);
            let has_selected = stats.finished;
            let is_same = |it: &ListedTorrent| {
                it.name == *name
                    && it.folder == *output_folder
                    && it.failure == failure
                    && it.has_selected == has_selected
            };
            if !state.torrents.get(&info_hash).is_some_and(is_same) {
                let (name, folder) = (name.clone(), output_folder.clone());
                state
                    .torrents
                    .insert(info_hash, ListedTorrent { name, folder, failure, has_selected });
            }
        }
        if state.torrents.len() > count.saturating_mul(2).saturating_add(UNLISTED_MAX) {
            let set: HashSet<_> = listed.iter().collect();
            state.torrents.retain(|info_hash, _| set.contains(info_hash));
        }
        listed.truncate(LISTED_TRIED_MAX);
        state.sample = listed;
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
            let sample: Vec<_> = state.sample.iter().filter_map(folder).collect();
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

fn failure(stats: &ProgressStats) -> Option<String> {
    let error = stats.error.as_ref().filter(|_| stats.state == TorrentState::Error)?;
    Some(failure_reason(error)).filter(|reason| !reason.is_empty())
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
    use super::*;

    fn torrent(folder: &Path) -> TorrentProgress {
        let hash = "0123456789abcdef0123456789abcdef01234567";
        let folder = folder.display();
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
        let all = [torrent(&here.join("t")), torrent(&here.join("gone")), torrent(&disk.join("t"))];
        torrents.update((1..).map(hash).zip(&all).collect::<Vec<_>>().into_iter());
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
        let mut failed = torrent(Path::new("/d"));
        failed.stats.state = TorrentState::Error;
        let check = |torrent: &TorrentProgress, want: Option<&str>| {
            torrents.update([(hash(1), torrent)].into_iter());
            assert_eq!(torrents.failure(hash(1)).as_deref(), want);
        };
        check(&failed, None);
        failed.stats.error = Some("no disk\n\nStack backtrace:\n 0: x".to_owned());
        check(&failed, Some("no disk"));
        failed.stats.state = TorrentState::Live;
        check(&failed, None);
    }
}
