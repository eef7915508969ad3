//! The specification of a torrent: its content, and how it is downloaded.

use std::fs;
use std::path::{Path, PathBuf};

use rqbit_embedded::SeedOptions;

use super::error::{Result, SwarmError};
use crate::content::Content;

/// The default piece length: small files have many pieces, and a piece is more than the 16 KiB that
/// pass a download limit at once.
const PIECE_LENGTH: u32 = 64 * 1024;

/// The specification of a torrent.
#[derive(Debug, Clone)]
pub struct TorrentSpec {
    /// The name of the torrent: of its file or of its folder.
    pub name: String,
    /// How it is downloaded.
    pub download: Download,
    /// How it is created.
    pub seed: SeedOptions,
    shape: Shape,
}

#[derive(Debug, Clone)]
enum Shape {
    File(Content),
    Directory(Vec<(String, Content)>),
}

/// How a torrent is downloaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Download {
    /// Add it without downloading a piece; [`rqbit_client::Client::start`] starts the download.
    pub paused: bool,
    /// The paths of the files to download; all if `None`.
    pub only_files: Option<Vec<String>>,
    /// A directory for the files, below the downloader's, that replaces rqbit's choice. Two
    /// torrents with one name need it.
    pub sub_folder: Option<String>,
    /// Add it with its smallest file, and then select no file.
    pub is_on_demand: bool,
    /// Give the downloader no peer: it has only the data on its disk.
    pub is_alone: bool,
}

impl TorrentSpec {
    /// Returns a torrent of one file.
    pub fn file(name: impl Into<String>, content: Content) -> Self {
        Self::new(name.into(), Shape::File(content))
    }

    /// Returns a torrent that is a folder, with files at paths with `/` between components.
    pub fn directory<P: Into<String>>(
        name: impl Into<String>,
        files: impl IntoIterator<Item = (P, Content)>,
    ) -> Self {
        let files = files.into_iter().map(|(path, content)| (path.into(), content));
        Self::new(name.into(), Shape::Directory(files.collect()))
    }

    /// Returns a folder with typical edge cases: nested folders, an empty file, a file of one byte,
    /// one of whole pieces, and unusual names. Some 500 KB.
    pub fn odd(name: impl Into<String>, seed: u64) -> Self {
        let files = [
            (".hidden", 1000),
            ("a/b/c/deep.bin", 100_000),
            ("a/empty", 0),
            ("a/one byte", 1),
            ("spaces  and 'quotes\" & #?%41+;.txt", 70_000),
            ("two pieces.bin", 2 * u64::from(PIECE_LENGTH)),
            ("\u{fc}n\u{ef}/\u{65e5}\u{672c}\u{8a9e}.\u{1f3ac}", 200_000),
            ("z-last-and-empty", 0),
        ];
        let contents =
            (seed..).zip(files).map(|(seed, (path, len))| (path, Content::new(seed, len)));
        Self::directory(name, contents)
    }

    /// Makes the torrent be added paused.
    #[must_use]
    pub fn paused(mut self) -> Self {
        self.download.paused = true;
        self
    }

    /// Makes the torrent be added with no file selected. Some of its first bytes may arrive.
    #[must_use]
    pub fn on_demand(mut self) -> Self {
        self.download.is_on_demand = true;
        self
    }

    fn new(name: String, shape: Shape) -> Self {
        let seed = SeedOptions { piece_length: Some(PIECE_LENGTH), ..SeedOptions::default() };
        Self { name, download: Download::default(), seed, shape }
    }

    pub(super) fn seed_options(&self) -> SeedOptions {
        self.seed.clone()
    }

    /// Returns the content of the file at a path of the torrent, given by components.
    pub(super) fn content(&self, components: &[String]) -> Option<Content> {
        match &self.shape {
            Shape::File(content) => (components == [self.name.clone()]).then_some(*content),
            Shape::Directory(files) => {
                let path = components.join("/");
                files.iter().find(|(known, _)| *known == path).map(|(_, content)| *content)
            }
        }
    }

    /// Writes the files below `parent`, and returns the path to seed.
    pub(super) fn write_below(&self, parent: &Path) -> Result<PathBuf> {
        let root = parent.join(&self.name);
        match &self.shape {
            Shape::File(content) => write(&root, *content)?,
            Shape::Directory(files) => {
                files.iter().try_for_each(|(path, content)| write(&root.join(path), *content))?;
            }
        }
        Ok(root)
    }
}

fn write(path: &Path, content: Content) -> Result<()> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(|e| SwarmError::file(parent, e))?;
    content.write_to(path).map_err(|e| SwarmError::file(path, e))
}
