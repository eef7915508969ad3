//! Seeding: creates a torrent from files on disk, and serves it from there.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use librqbit::{AddTorrent, AddTorrentOptions, Session};

use crate::error::{BoxedError, EmbeddedError, EmbeddedErrorKind};
use crate::metainfo::{self, SeedOptions, TorrentFiles};

/// A torrent that is being seeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeededTorrent {
    /// The info hash.
    pub info_hash: [u8; 20],
    /// The .torrent file, as accepted by `POST /torrents` of another server.
    pub torrent_bytes: Bytes,
}

/// Creates the torrent, adds it, and waits until rqbit has checked it.
pub(crate) async fn seed(
    session: Arc<Session>,
    path: PathBuf,
    options: SeedOptions,
) -> Result<SeededTorrent, EmbeddedError> {
    let fail = |kind, source: BoxedError| EmbeddedError::new(kind, path.display(), source);
    let to_hash = path.clone();
    let made = tokio::task::spawn_blocking(move || metainfo::make(&to_hash, &options)).await;
    let TorrentFiles { info_hash, bytes, folder } = made
        .unwrap_or_else(|e| Err(io::Error::other(e)))
        .map_err(|e| fail(EmbeddedErrorKind::CreateTorrent, e.into()))?;
    let torrent_bytes = Bytes::from(bytes);
    add(&session, torrent_bytes.clone(), &folder)
        .await
        .map_err(|e| fail(EmbeddedErrorKind::SeedTorrent, e))?;
    Ok(SeededTorrent { info_hash, torrent_bytes })
}

async fn add(session: &Arc<Session>, torrent: Bytes, folder: &Path) -> Result<(), BoxedError> {
    let options = AddTorrentOptions {
        // Otherwise rqbit insists on creating the files.
        overwrite: true,
        output_folder: Some(folder.to_str().ok_or("the folder's name is not UTF-8")?.to_owned()),
        ..AddTorrentOptions::default()
    };
    let added = session.add_torrent(AddTorrent::from_bytes(torrent), Some(options)).await?;
    let handle = added.into_handle().ok_or("rqbit only listed the torrent")?;
    handle.wait_until_initialized().await?;
    if handle.stats().finished {
        return Ok(());
    }
    Err("the files changed meanwhile, or the torrent exists in another directory".into())
}
