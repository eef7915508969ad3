//! A directory as a source of torrents.

use std::fs::{self, File};
use std::io;
use std::num::NonZero;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use vfs_core::{
    Bitfield, ByteRange, FileEntry, FileId, FileKind, InfoHash, Layout, MetadataStatus,
    SourceError, SourceErrorKind, SourceLimits, SourceStream, TorrentDetails, TorrentSource,
    TorrentState, TorrentSummary,
};

/// Bytes of a chunk of a stream.
const CHUNK_BYTES: usize = 128 << 10;

/// The torrents, with the paths of their files.
pub(crate) struct DirSource {
    torrents: Vec<(TorrentDetails, Vec<PathBuf>)>,
    /// Whether each stream is printed.
    pub(crate) prints: bool,
}

/// A stream of a file.
pub(crate) struct DirStream {
    /// `None` for a file that is made up, of zeros.
    file: Option<Arc<File>>,
    position: u64,
    end: u64,
}

fn failed(action: &'static str) -> impl Fn(io::Error) -> SourceError {
    move |_error| SourceError::new(SourceErrorKind::Failed, action)
}

impl DirSource {
    /// Each entry of a directory is a torrent.
    pub(crate) fn of(dir: &Path) -> io::Result<Self> {
        let mut torrents = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_dir = entry.file_type()?.is_dir();
            let mut files = Vec::new();
            collect(&entry.path(), &mut Vec::new(), &mut files)?;
            let paths = files.iter().map(|(_, path)| path.clone()).collect();
            let mut entries: Vec<_> = files.into_iter().map(|(file, _)| file).collect();
            if !is_dir {
                entries.iter_mut().for_each(|file| file.path = vec![name.clone()]);
            }
            let layout = if is_dir { Layout::Directory } else { Layout::SingleFile };
            torrents.push((details(torrents.len(), name, layout, entries), paths));
        }
        Ok(Self { torrents, prints: false })
    }

    /// A torrent of made-up files.
    pub(crate) fn many(count: u32) -> Self {
        let file = |index| FileEntry {
            path: vec![format!("file {index:05} & more.mkv")],
            len: 5_000_000_000,
            kind: FileKind::Regular,
        };
        let files = (0..count).map(file).collect();
        let paths = vec![PathBuf::new(); usize::try_from(count).unwrap_or(0)];
        let torrents = vec![(details(0, "many".into(), Layout::Directory, files), paths)];
        Self { torrents, prints: false }
    }
}

fn details(number: usize, name: String, layout: Layout, files: Vec<FileEntry>) -> TorrentDetails {
    let mut hash = [0; InfoHash::BYTES];
    for (to, from) in hash.iter_mut().zip(number.to_be_bytes()) {
        *to = from;
    }
    TorrentDetails {
        info_hash: InfoHash::from_bytes(hash),
        name,
        layout,
        created: Some(1_700_000_000),
        piece_len: NonZero::new(1 << 20),
        metadata: MetadataStatus::Known,
        files,
    }
}

fn collect(
    path: &Path,
    names: &mut Vec<String>,
    files: &mut Vec<(FileEntry, PathBuf)>,
) -> io::Result<()> {
    let metadata = fs::metadata(path)?;
    if metadata.is_file() {
        let entry = FileEntry { path: names.clone(), len: metadata.len(), kind: FileKind::Regular };
        files.push((entry, path.to_owned()));
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        names.push(entry.file_name().to_string_lossy().into_owned());
        collect(&entry.path(), names, files)?;
        names.pop();
    }
    Ok(())
}

impl TorrentSource for DirSource {
    type Stream = DirStream;

    async fn list(&self) -> Result<Vec<TorrentSummary>, SourceError> {
        let summary = |(details, _): &(TorrentDetails, _)| TorrentSummary {
            info_hash: details.info_hash,
            added_order: 0,
            is_resolved: true,
            is_listed: true,
            state: TorrentState::Live,
            file_progress: Some(details.files.iter().map(|file| file.len).collect()),
        };
        Ok(self.torrents.iter().map(summary).collect())
    }

    async fn details(&self, torrent: InfoHash) -> Result<TorrentDetails, SourceError> {
        let found = self.torrents.iter().find(|(details, _)| details.info_hash == torrent);
        found
            .map(|(details, _)| details.clone())
            .ok_or_else(|| SourceError::new(SourceErrorKind::NotFound, "find a torrent"))
    }

    async fn haves(&self, _torrent: InfoHash) -> Result<Bitfield, SourceError> {
        Err(SourceError::new(SourceErrorKind::Failed, "read pieces"))
    }

    async fn open_at(
        &self,
        file: FileId,
        _len: u64,
        range: ByteRange,
    ) -> Result<DirStream, SourceError> {
        let torrent = self.torrents.iter().find(|(it, _)| it.info_hash == file.torrent);
        let index = usize::try_from(file.index.0).unwrap_or(usize::MAX);
        let path = torrent.and_then(|(_, paths)| paths.get(index));
        let path =
            path.ok_or_else(|| SourceError::new(SourceErrorKind::NotFound, "find a file"))?;
        let file = if path.as_os_str().is_empty() {
            None
        } else {
            Some(Arc::new(File::open(path).map_err(failed("open a file"))?))
        };
        if self.prints {
            println!("stream of {path:?}: {range:?}");
        }
        Ok(DirStream { file, position: range.start(), end: range.end() })
    }

    fn limits(&self) -> SourceLimits {
        SourceLimits { streams_max: 8 }
    }
}

impl SourceStream for DirStream {
    async fn next_chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(None);
        }
        let mut chunk = vec![0; left.min(CHUNK_BYTES)];
        if let Some(file) = &self.file {
            file.read_exact_at(&mut chunk, self.position).map_err(failed("read a file"))?;
        }
        self.position += u64::try_from(chunk.len()).unwrap_or(0);
        Ok(Some(chunk.into()))
    }

    fn position(&self) -> u64 {
        self.position
    }
}
