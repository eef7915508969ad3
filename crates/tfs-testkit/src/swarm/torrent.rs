//! A torrent of both servers, with the data that a test needs.

use std::path::PathBuf;

use bytes::Bytes;
use rqbit_client::InfoHash;
use rqbit_client::wire::TorrentDetails;
use rqbit_embedded::SeededTorrent;

use super::error::{Result, SwarmError};
use super::spec::{Download, TorrentSpec};
use crate::content::Content;

/// A torrent of the swarm.
#[derive(Debug, Clone)]
pub struct SwarmTorrent {
    /// Its info hash.
    pub info_hash: InfoHash,
    /// Its name.
    pub name: String,
    /// The .torrent file.
    pub torrent_file: Bytes,
    /// Its files in the order of the torrent, without padding files.
    pub files: Vec<SwarmFile>,
    /// The directory of its files at the downloader.
    pub folder: PathBuf,
    /// How it was added.
    pub download: Download,
}

/// One file of a torrent.
#[derive(Debug, Clone)]
pub struct SwarmFile {
    /// Its index in the torrent. Padding files have indexes too, so there may be gaps.
    pub idx: usize,
    /// The components of its path in the torrent, without the name of the torrent's folder.
    pub components: Vec<String>,
    /// Its content.
    pub content: Content,
    /// Whether it is selected for download.
    pub is_wanted: bool,
}

impl SwarmTorrent {
    /// Combines the specification with the server's list of files.
    pub(super) fn new(
        spec: &TorrentSpec,
        seeded: &SeededTorrent,
        listed: &TorrentDetails,
    ) -> Result<Self> {
        let mut files = Vec::new();
        for (idx, file) in listed.files.iter().flatten().enumerate() {
            if file.attributes.padding {
                continue;
            }
            let path = file.components.join("/");
            let only_files = spec.download.only_files.as_ref();
            let is_wanted = !spec.download.is_on_demand
                && only_files.is_none_or(|wanted| wanted.contains(&path));
            let content =
                spec.content(&file.components).ok_or_else(|| SwarmError::NoSuchFile(path))?;
            files.push(SwarmFile { idx, components: file.components.clone(), content, is_wanted });
        }
        let torrent = Self {
            info_hash: InfoHash::from_bytes(seeded.info_hash),
            name: spec.name.clone(),
            torrent_file: seeded.torrent_bytes.clone(),
            files,
            folder: PathBuf::new(),
            download: spec.download.clone(),
        };
        spec.download
            .only_files
            .iter()
            .flatten()
            .try_for_each(|path| torrent.file(path).map(drop))?;
        Ok(torrent)
    }

    /// Returns the file at a path with `/` between components.
    ///
    /// # Errors
    /// [`SwarmError::NoSuchFile`].
    pub fn file(&self, path: &str) -> Result<&SwarmFile> {
        let found = self.files.iter().find(|file| file.path() == path);
        found.ok_or_else(|| SwarmError::NoSuchFile(path.to_owned()))
    }

    /// Returns the path of a file on the downloader's disk.
    pub fn disk_path(&self, file: &SwarmFile) -> PathBuf {
        self.folder.join(file.path())
    }
}

impl SwarmFile {
    /// Returns its path in the torrent with `/` between components.
    pub fn path(&self) -> String {
        self.components.join("/")
    }
}
