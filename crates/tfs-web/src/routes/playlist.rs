//! Playlists with links to files, for players.

use std::fmt::Write as _;

use hyper::StatusCode;
use hyper::header::{CONTENT_DISPOSITION, HeaderValue};
use tfs_api::wire::{FailureBody, FailureKind};
use tfs_http::text;

use super::{Answered, PageCall};
use crate::model::{FileItem, FilePlace, MountQuery, TorrentDetail};
use crate::refusal::Refusal;
use tfs_http::{disposition, encoded, is_media};

const PLAYLIST_TYPE: &str = "audio/x-mpegurl; charset=utf-8";

/// Maximum number of files in a playlist.
const FILES_MAX: usize = 10_000;

/// `GET /m3u/HASH` has what players play of a torrent, `GET /m3u/HASH/INDEX` one file.
pub(super) async fn playlist(
    call: &PageCall,
    info_hash: String,
    file_index: Option<u32>,
) -> Answered {
    let _visitor = call.check_reader().await?;
    let PageCall { site, query, host, .. } = call;
    let failed = |kind, message| Refusal::from(FailureBody::new(kind, message));
    let Some(host) = host else {
        return Err(failed(FailureKind::BadRequest, "the request names no host for the links"));
    };
    let place = site.request_places.acquire().await;
    let _place = place.map_err(|_closed| Refusal::too_many("the page ends"))?;
    let mountpoint = site.mountpoint(query.mount().mountpoint).await?;
    let mount = MountQuery { mountpoint: Some(mountpoint.clone()) };
    let detail = site.backend.torrent(mount, info_hash.clone()).await?;
    let files = chosen(&detail, file_index);
    if files.is_empty() {
        return Err(failed(FailureKind::UnknownFile, "the torrent has no such file"));
    }
    let scheme = if call.is_https() { "https" } else { "http" };
    let mut list = "#EXTM3U\n".to_owned();
    for file in files {
        let name = last_part(&file.path);
        let place = FilePlace {
            mountpoint: mountpoint.clone(),
            info_hash: info_hash.clone(),
            file_index: file.file_index,
        };
        let FilePlace { mountpoint, info_hash, file_index } = &place;
        let key = site.gate.file_key(&place).map(|key| format!("&key={key}")).unwrap_or_default();
        let (title, path) = (title_of(name), encoded(name));
        let mount = encoded(mountpoint);
        // Writing to a `String` cannot fail.
        let _written = writeln!(
            list,
            "#EXTINF:-1,{title}\n\
             {scheme}://{host}/file/{info_hash}/{file_index}/{path}?mountpoint={mount}{key}"
        );
    }
    let name = match (file_index, detail.files.as_slice()) {
        (None, _) => detail.torrent.name.as_deref().unwrap_or(&info_hash),
        (Some(index), files) => {
            let file = files.iter().find(|file| file.file_index == index);
            file.map_or("", |file| last_part(&file.path))
        }
    };
    let mut response = text(StatusCode::OK, PLAYLIST_TYPE, list);
    let value = disposition("attachment", &format!("{}.m3u", shortened(name)));
    if let Ok(value) = HeaderValue::from_str(&value) {
        response.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// Returns the files of the playlist, ordered by path: the chosen one, or the selected ones that
/// players play, or else all.
fn chosen(detail: &TorrentDetail, file_index: Option<u32>) -> Vec<&FileItem> {
    if let Some(index) = file_index {
        return detail.files.iter().filter(|file| file.file_index == index).collect();
    }
    let is_chosen = |file: &&FileItem| is_media(&file.path) && file.selected != Some(false);
    let mut files: Vec<&FileItem> = detail.files.iter().filter(is_chosen).collect();
    if files.is_empty() {
        files = detail.files.iter().collect();
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files.truncate(FILES_MAX);
    files
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Returns a name as one line.
fn title_of(name: &str) -> String {
    name.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// Leaves room for the extension in the longest name of a filesystem.
fn shortened(name: &str) -> String {
    name.chars().take(60).collect()
}
