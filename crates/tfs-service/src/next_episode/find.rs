//! Finds the file that follows in the library of a mount.

use std::path::Path;

use tfs_state::OnDemandStore;
use tfs_types::OnDemandMode;
use tfs_views::{NextCandidate, NextFinder};
use vfs_core::{FileId, Query, TorrentFile, TorrentSource, Vfs};

/// Maximum number of files that are compared: more than any show has.
const FOUND_MAX: usize = 50_000;

/// Maximum length in bytes of a subtitle file. Subtitles as pictures are larger than others.
const SUBTITLE_BYTES_MAX: u64 = 32 << 20;

/// The file that follows another.
#[derive(Debug)]
pub(super) struct FollowingFile {
    pub(super) file: TorrentFile,
    pub(super) subtitles: Vec<TorrentFile>,
    /// Whether its torrent is on demand by whole files.
    pub(super) is_by_file: bool,
}

/// Returns the file that follows the one at a path. Costs a search by the title of the show, or a
/// pass over the folder; blocks on the disk.
pub(super) fn find_next<S: TorrentSource>(
    vfs: &Vfs<S>,
    (played, path): (FileId, &str),
    state_dir: Option<&Path>,
) -> Option<FollowingFile> {
    let finder = NextFinder::new(path)?;
    let files = match finder.search_words() {
        Some(words) => {
            let hits = vfs.search(&Query::words(&words).ok()?, FOUND_MAX).into_iter();
            hits.map(|hit| TorrentFile { id: hit.file, len: hit.size, path: hit.path }).collect()
        }
        None => vfs.files_below(path.rsplit_once('/').map_or("", |(folder, _)| folder)).ok()?,
    };
    let candidates = files.iter().filter(|file| file.id != played).map(|file| NextCandidate {
        path: &file.path,
        is_same_torrent: file.id.torrent == played.torrent,
    });
    let candidates: Vec<_> = candidates.collect();
    let next = finder.find(&candidates)?;
    let file_of = |index: usize| {
        let path = candidates.get(index)?.path;
        files.iter().find(|file| file.path == path).cloned()
    };
    let file = file_of(next.index)?;
    let subtitles = next.subtitles.into_iter().filter_map(file_of);
    let is_by_file = state_dir.is_some_and(|dir| is_by_file(dir, &file));
    Some(FollowingFile {
        subtitles: subtitles.filter(|it| it.len <= SUBTITLE_BYTES_MAX).collect(),
        file,
        is_by_file,
    })
}

fn is_by_file(state_dir: &Path, file: &TorrentFile) -> bool {
    match OnDemandStore::in_dir(state_dir).load() {
        Ok(records) => records.has_mode(file.id.torrent, OnDemandMode::File),
        Err(error) => {
            tracing::debug!(%error, "the mode of the next file is not known");
            false
        }
    }
}
