//! A source without a server: files of numbered lines. Half of one and a torrent arrive late.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use vfs_core::{
    Bitfield, ByteRange, FileEntry, FileId, FileIndex, FileKind, InfoHash, Layout, MetadataStatus,
    SourceError, SourceErrorKind, SourceLimits, SourceStream, TorrentDetails, TorrentSource,
    TorrentState, TorrentSummary,
};

/// Length of a line in bytes: 15 digits and a line break.
const LINE_BYTES: u64 = 16;

/// Length of a piece in bytes.
const PIECE_BYTES: u32 = 1 << 20;

/// Length of a chunk of a stream in bytes.
const CHUNK_BYTES: u64 = 128 << 10;

const FILM_BYTES: u64 = 64 << 20;
const LATE_BYTES: u64 = 4 << 20;
const SMALL_BYTES: u64 = 1600;

/// Offset in `late.txt` from which on bytes are missing at first.
const LATE_FROM: u64 = 2 << 20;

const FILMS: InfoHash = InfoHash::from_bytes([7; InfoHash::BYTES]);
const NEW: InfoHash = InfoHash::from_bytes([9; InfoHash::BYTES]);
const MANY: InfoHash = InfoHash::from_bytes([8; InfoHash::BYTES]);

/// Index of `late.txt` in its torrent.
const LATE: FileId = FileId { torrent: FILMS, index: FileIndex(1) };

/// The source.
#[derive(Debug, Clone)]
pub(crate) struct NumberedFiles {
    /// Number of small files in one directory.
    pub(crate) many: u64,
    /// When this file exists, the missing bytes have arrived.
    pub(crate) arrival: PathBuf,
}

/// A range of a file of numbered lines.
#[derive(Debug)]
pub(crate) struct NumberedLines {
    source: NumberedFiles,
    file: FileId,
    position: u64,
    end: u64,
}

impl NumberedFiles {
    fn has_arrived(&self) -> bool {
        self.arrival.exists()
    }
}

impl TorrentSource for NumberedFiles {
    type Stream = NumberedLines;

    async fn list(&self) -> Result<Vec<TorrentSummary>, SourceError> {
        let small = usize::try_from(self.many).unwrap_or(0);
        let films = vec![FILM_BYTES, LATE_FROM, SMALL_BYTES];
        let new = self.has_arrived().then(|| (NEW, vec![SMALL_BYTES]));
        let torrents = [(FILMS, films), (MANY, vec![SMALL_BYTES; small])];
        let summary = |(info_hash, progress): (_, Vec<u64>)| TorrentSummary {
            info_hash,
            added_order: 0,
            is_resolved: true,
            is_listed: true,
            state: TorrentState::Live,
            file_progress: Some(progress.into_iter().collect()),
        };
        Ok(torrents.into_iter().chain(new).map(summary).collect())
    }

    async fn details(&self, torrent: InfoHash) -> Result<TorrentDetails, SourceError> {
        let file = |path: &[&str], len| FileEntry {
            path: path.iter().map(|it| (*it).to_owned()).collect(),
            len,
            kind: FileKind::Regular,
        };
        let (name, files) = if torrent == FILMS {
            let late = file(&["late.txt"], LATE_BYTES);
            let small = file(&["extras", "small.txt"], SMALL_BYTES);
            ("films", vec![file(&["film.txt"], FILM_BYTES), late, small])
        } else if torrent == NEW {
            ("new", vec![file(&["new.txt"], SMALL_BYTES)])
        } else {
            let one = |number| file(&[&format!("{number:05} of many.txt")], SMALL_BYTES);
            ("many", (0..self.many).map(one).collect())
        };
        Ok(TorrentDetails {
            info_hash: torrent,
            name: name.to_owned(),
            layout: Layout::Directory,
            created: Some(1_700_000_000),
            piece_len: std::num::NonZero::new(PIECE_BYTES),
            metadata: MetadataStatus::Known,
            files,
        })
    }

    async fn haves(&self, torrent: InfoHash) -> Result<Bitfield, SourceError> {
        let first_late = (FILM_BYTES + LATE_FROM) / u64::from(PIECE_BYTES);
        let late = first_late..(FILM_BYTES + LATE_BYTES) / u64::from(PIECE_BYTES);
        let has = |piece: u32| {
            torrent != FILMS || !late.contains(&u64::from(piece)) || self.has_arrived()
        };
        let bytes = if torrent == FILMS {
            FILM_BYTES + LATE_BYTES + SMALL_BYTES
        } else if torrent == NEW {
            SMALL_BYTES
        } else {
            self.many * SMALL_BYTES
        };
        let pieces = bytes.div_ceil(u64::from(PIECE_BYTES));
        Bitfield::from_fn(u32::try_from(pieces).unwrap_or(u32::MAX), has)
            .ok_or_else(|| SourceError::new(SourceErrorKind::Failed, "make a bitfield"))
    }

    async fn open_at(
        &self,
        file: FileId,
        _: u64,
        range: ByteRange,
    ) -> Result<NumberedLines, SourceError> {
        let source = self.clone();
        Ok(NumberedLines { source, file, position: range.start(), end: range.end() })
    }

    fn limits(&self) -> SourceLimits {
        SourceLimits { streams_max: 8 }
    }
}

impl SourceStream for NumberedLines {
    async fn next_chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        while self.file == LATE && self.position >= LATE_FROM && !self.source.has_arrived() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let mut end = self.end.min(self.position.saturating_add(CHUNK_BYTES));
        if self.file == LATE && self.position < LATE_FROM {
            end = end.min(LATE_FROM);
        }
        if self.position >= end {
            return Ok(None);
        }
        let lines = self.position / LINE_BYTES..end.div_ceil(LINE_BYTES);
        let text: String = lines.map(|number| format!("{number:015}\n")).collect();
        let skipped = usize::try_from(self.position % LINE_BYTES).unwrap_or(0);
        let len = usize::try_from(end - self.position).unwrap_or(0);
        self.position = end;
        Ok(Some(Bytes::from(text).slice(skipped..skipped + len)))
    }

    fn position(&self) -> u64 {
        self.position
    }
}
