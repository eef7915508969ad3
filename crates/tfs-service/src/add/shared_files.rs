//! Another torrent whose files are at the paths of a new one. rqbit would let both write to them.

use std::collections::HashSet;
use std::time::Duration;

use rqbit_client::wire::{TorrentDetails, TorrentFile};
use rqbit_client::{AddOptions, AddSource, Client, Error, TorrentRef};

/// Returns the name of a torrent of the server that has a file at a path of the new torrent. Files
/// of a magnet link are not known without its peers, so that it is not checked.
///
/// # Errors
/// As for adding the torrent.
pub(super) async fn owner(
    client: &Client,
    source: &AddSource,
    time_max: Duration,
    listed: &[TorrentDetails],
) -> Result<Option<String>, Error> {
    if matches!(source, AddSource::Url(text) if text.starts_with("magnet:")) {
        return Ok(None);
    }
    let options = AddOptions { list_only: true, timeout: Some(time_max), ..AddOptions::default() };
    let new = client.add_torrent(source, &options).await?;
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
            return Ok(Some(name.unwrap_or_else(|| other.info_hash.to_string())));
        }
    }
    Ok(None)
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
