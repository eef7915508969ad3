//! Playlists of directories, for players.

use std::fmt::Write as _;

use futures_util::StreamExt as _;
use hyper::StatusCode;
use hyper::header::CONTENT_DISPOSITION;
use tfs_http::{disposition, encoded, is_media, text};
use vfs_core::{ExportEntry, Ino, NodeKind, TorrentSource};

use super::directory::pages;
use super::{WebdavCall, insert};
use crate::order::compare;
use crate::refusal::WebdavAnswer;
use crate::target::WebdavTarget;

/// The name of the playlist of each directory, for players that want an extension.
const PLAYLIST_NAME: &str = "folder.m3u8";

const PLAYLIST_TYPE: &str = "audio/x-mpegurl; charset=utf-8";

/// Maximum number of files in a playlist.
const FILES_MAX: usize = 10_000;

/// Maximum number of entries that are looked at for a playlist.
const ENTRIES_MAX: usize = 100_000;

/// Maximum number of directories below the one of the playlist.
const DEPTH_MAX: usize = 16;

/// A directory whose files are to be added.
struct PendingDir {
    ino: Ino,
    /// Its encoded path from the directory of the playlist, with a slash unless it is empty.
    path: String,
    depth: usize,
}

impl<S: TorrentSource> WebdavCall<S> {
    /// Returns the playlist if the target is `folder.m3u8` in a directory, and there is no such
    /// file.
    pub(super) async fn folder_playlist(&self) -> Option<WebdavAnswer> {
        if self.target.has_slash || self.target.name() != Some(PLAYLIST_NAME) {
            return None;
        }
        let mut target = self.target.clone();
        target.parts.pop();
        let parts = target.parts.iter().map(String::as_bytes);
        let attr = self.site.export.resolve(parts).ok()?;
        Some(self.playlist(attr.ino, &target).await)
    }

    /// Answers with what players play in a directory and below.
    pub(super) async fn playlist(&self, dir: Ino, target: &WebdavTarget) -> WebdavAnswer {
        let base = format!("{}{}/", self.origin_url(), target.href());
        let mut list = "#EXTM3U\n".to_owned();
        let mut pending = vec![PendingDir { ino: dir, path: String::new(), depth: 0 }];
        let (mut file_count, mut entry_count) = (0, 0);
        while let Some(next) = pending.pop() {
            match self.site.export.list(next.ino, 0, 1) {
                Err(error) if next.depth == 0 => return Err(error.into()),
                // It was removed meanwhile.
                Err(_) => continue,
                Ok(_) => {}
            }
            let (mut dirs, mut files) = (Vec::new(), Vec::new());
            let mut listing = std::pin::pin!(pages(self.site.export.clone(), next.ino));
            while let Some(page) = listing.next().await {
                entry_count += page.len();
                for ExportEntry { name, attr, .. } in page {
                    match attr.kind {
                        NodeKind::Directory => dirs.push((name, attr.ino)),
                        NodeKind::File if is_media(&name) => files.push(name),
                        NodeKind::File | NodeKind::Symlink => {}
                    }
                }
                if entry_count >= ENTRIES_MAX {
                    break;
                }
            }
            files.sort_by(|one: &String, other| compare(one, other));
            files.truncate(FILES_MAX - file_count);
            file_count += files.len();
            for name in files {
                let (title, path, name) = (title_of(&name), &next.path, encoded(&name));
                // Writing to a `String` cannot fail.
                let _written = writeln!(list, "#EXTINF:-1,{title}\n{base}{path}{name}");
            }
            if file_count >= FILES_MAX || entry_count >= ENTRIES_MAX {
                break;
            }
            if next.depth < DEPTH_MAX {
                // The first one is taken from the end.
                dirs.sort_by(|(one, _), (other, _)| compare(other, one));
                let depth = next.depth + 1;
                pending.extend(dirs.into_iter().map(|(name, ino)| {
                    let path = format!("{}{}/", next.path, encoded(&name));
                    PendingDir { ino, path, depth }
                }));
            }
        }
        let mut response = text(StatusCode::OK, PLAYLIST_TYPE, list);
        let name: String = target.name().unwrap_or("tfs").chars().take(60).collect();
        let value = disposition("inline", &format!("{name}.m3u"));
        insert(response.headers_mut(), CONTENT_DISPOSITION, &value);
        Ok(response)
    }
}

/// Returns a name as one line.
fn title_of(name: &str) -> String {
    name.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
