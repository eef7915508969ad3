//! Files at the paths of a new torrent: those of another torrent, to which rqbit would let both
//! write, and other files, which rqbit would cut or extend.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use rqbit_client::wire::{AddedTorrent, TorrentDetails, TorrentFile};
use rqbit_client::{AddOptions, AddSource, Client, Error, TorrentRef};

/// Returns what the server would make of a torrent, which is not added.
///
/// # Errors
/// As for adding the torrent.
pub(super) async fn preview(
    client: &Client,
    source: &AddSource,
    time_max: Duration,
) -> Result<AddedTorrent, Error> {
    let options = AddOptions { list_only: true, timeout: Some(time_max), ..AddOptions::default() };
    client.add_torrent(source, &options).await
}

/// Returns the name of a torrent of the server that has a file at a path of the new torrent.
pub(super) async fn owner(
    client: &Client,
    new: &AddedTorrent,
    listed: &[TorrentDetails],
) -> Option<String> {
    let folder = folder(&new.output_folder);
    let paths: HashSet<_> = paths(&new.details).collect();
    for other in listed.iter().filter(|other| other.info_hash != new.details.info_hash) {
        if self::folder(&other.output_folder) != folder {
            continue;
        }
        // It may have been removed meanwhile.
        let Ok(details) = client.torrent_details(TorrentRef::InfoHash(other.info_hash)).await
        else {
            continue;
        };
        if self::paths(&details).any(|path| paths.contains(path)) {
            let name = other.name.clone();
            return Some(name.unwrap_or_else(|| other.info_hash.to_string()));
        }
    }
    None
}

/// Returns whether something else than a file of the torrent's length is at one of the paths of the
/// new torrent on this machine.
pub(super) fn has_other_files(new: &AddedTorrent) -> bool {
    let folder = Path::new(&new.output_folder);
    let files = new.details.files.iter().flatten();
    files.filter(|file| !file.attributes.padding).any(|file| {
        let path = file.components.iter().fold(folder.to_owned(), |path, name| path.join(name));
        // What cannot be looked at cannot be opened by the server either, which then says so.
        fs::metadata(path).is_ok_and(|found| !found.is_file() || found.len() != file.length)
    })
}

fn folder(folder: &str) -> &str {
    folder.trim_end_matches('/')
}

/// Returns the paths of a torrent's files below its folder.
fn paths(details: &TorrentDetails) -> impl Iterator<Item = &[String]> {
    let files = details.files.iter().flatten();
    let on_disk = files.filter(|file: &&TorrentFile| !file.attributes.padding);
    on_disk.map(|file| file.components.as_slice())
}
