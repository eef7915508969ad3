//! Sample content: a large file like a film, a folder with subfolders, and unusual names.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use fastrand::Rng;

/// The length of the film: long enough that the download still runs during the reads.
const FILM_BYTES: u64 = 48 << 20;

/// The torrent's name.
const TOP: &str = "Demo Film (2026) [1080p]";

/// The files of the torrent besides the film.
const OTHERS: [(&str, u64); 6] = [
    ("Subs/English.srt", 65_432),
    ("Subs/Deutsch – Untertitel.srt", 70_001),
    ("Extras/Behind the scenes/making of 🎬.mkv", 3_000_000),
    ("Extras/100% real & [brackets] 'quotes'.txt", 1_234),
    ("Extras/empty file", 0),
    ("one byte", 1),
];

/// The generated torrent content.
#[derive(Debug)]
pub(super) struct DemoTorrent {
    /// The parent directory of the torrent's folder.
    pub(super) dir: PathBuf,
    /// The torrent's folder.
    pub(super) top: PathBuf,
    /// All files, the film first.
    pub(super) files: Vec<SampleFile>,
}

/// A file whose bytes can be computed without reading it.
#[derive(Debug)]
pub(super) struct SampleFile {
    /// The path relative to [`DemoTorrent::dir`].
    pub(super) path: PathBuf,
    /// The path relative to the mount point.
    pub(super) mounted: PathBuf,
    pub(super) len: u64,
    seed: u64,
}

/// Returns the path of the film relative to the mount point.
pub(super) fn film_path() -> PathBuf {
    Path::new(TOP).join("Demo Film.mkv")
}

impl DemoTorrent {
    /// Writes all files below `dir`.
    pub(super) fn create(dir: &Path) -> io::Result<Self> {
        let film = std::iter::once((film_path(), FILM_BYTES));
        let others = OTHERS.iter().map(|(path, len)| (Path::new(TOP).join(path), *len));
        let files = film.chain(others).zip(1..).map(|((path, len), seed)| SampleFile {
            mounted: path.clone(),
            path,
            len,
            seed,
        });
        let sample = Self { dir: dir.to_owned(), top: dir.join(TOP), files: files.collect() };
        for file in &sample.files {
            file.write(&dir.join(&file.path))?;
        }
        Ok(sample)
    }

    pub(super) fn film(&self) -> PathBuf {
        film_path()
    }

    pub(super) fn total_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.len).sum()
    }
}

impl SampleFile {
    /// Computes bytes of the file.
    pub(super) fn bytes(&self, offset: u64, len: usize) -> Vec<u8> {
        let end = offset.saturating_add(len as u64).min(self.len);
        (offset..end).map(|at| self.byte(at)).collect()
    }

    /// One byte, by its position alone.
    fn byte(&self, at: u64) -> u8 {
        Rng::with_seed(self.seed << 40 | at).u8(..)
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
        let mut at = 0;
        while at < self.len {
            let piece = self.bytes(at, 1 << 16);
            file.write_all(&piece)?;
            at += piece.len() as u64;
        }
        file.flush()
    }
}
