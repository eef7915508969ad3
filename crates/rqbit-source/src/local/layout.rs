//! Layout of a torrent: its files concatenated, split into pieces with their hashes.

use std::num::NonZeroU32;
use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;

use rqbit_client::wire;

use super::LocalRefusal;
use super::place::relative_path;
use crate::metainfo;

/// Length of a SHA-1 in bytes.
const HASH_BYTES: usize = 20;

/// Data required to find and to verify the files of a torrent.
#[derive(Debug)]
pub(super) struct PieceLayout {
    /// Folder on the server.
    pub(super) folder: String,
    pub(super) spans: Vec<FileSpan>,
    piece_len: NonZeroU32,
    /// Concatenated hashes of all pieces.
    hashes: Vec<u8>,
    total_bytes: u64,
}

/// A file of a torrent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileSpan {
    /// Offset of its first byte from the start of the torrent.
    pub(super) start: u64,
    pub(super) len: u64,
    pub(super) kind: SpanKind,
}

/// How a file is stored on a disk.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SpanKind {
    /// A file below the folder.
    File(PathBuf),
    /// Not stored: its bytes are zeros.
    Padding,
    /// Its path is not valid.
    Unnameable,
}

impl PieceLayout {
    /// Returns the layout of a torrent.
    ///
    /// # Errors
    /// [`LocalRefusal::OtherTorrent`] if the `.torrent` file has another info hash, and
    /// [`LocalRefusal::NoHashes`] if the server's data is incomplete or inconsistent.
    pub(super) fn new(
        details: &wire::TorrentDetails,
        torrent_file: &[u8],
    ) -> Result<Self, LocalRefusal> {
        let info_hash = metainfo::info_hash(torrent_file).ok_or(LocalRefusal::NoHashes)?;
        if info_hash != *details.info_hash.as_bytes() {
            return Err(LocalRefusal::OtherTorrent);
        }
        Self::from_parts(details, torrent_file).ok_or(LocalRefusal::NoHashes)
    }

    fn from_parts(details: &wire::TorrentDetails, torrent_file: &[u8]) -> Option<Self> {
        let (piece_len, mut hashes) = metainfo::piece_hashes(torrent_file)?;
        let mut start = 0_u64;
        let mut spans = Vec::new();
        for file in details.files.as_ref()? {
            let kind = match relative_path(&file.components) {
                _ if file.attributes.padding => SpanKind::Padding,
                Some(path) => SpanKind::File(path),
                None => SpanKind::Unnameable,
            };
            spans.push(FileSpan { start, len: file.length, kind });
            start = start.checked_add(file.length)?;
        }
        let piece_count = usize::try_from(start.div_ceil(u64::from(piece_len.get()))).ok()?;
        let hash_bytes = piece_count.checked_mul(HASH_BYTES)?;
        // Torrents of whole pieces created by rqbit 9.1 have one extra hash, that of no bytes.
        let has_all = [0, HASH_BYTES].map(|more| hash_bytes.checked_add(more));
        let has_all = has_all.contains(&Some(hashes.len()));
        hashes.truncate(hash_bytes);
        has_all.then(|| Self {
            folder: details.output_folder.clone(),
            spans,
            piece_len,
            hashes,
            total_bytes: start,
        })
    }

    /// Returns the file with this index.
    pub(super) fn span(&self, file_idx: u32) -> Option<&FileSpan> {
        self.spans.get(usize::try_from(file_idx).ok()?)
    }

    pub(super) fn piece_len(&self) -> u64 {
        u64::from(self.piece_len.get())
    }

    pub(super) fn piece_len_nonzero(&self) -> NonZeroU32 {
        self.piece_len
    }

    /// Returns the pieces that contain bytes of a file; the file is not empty.
    pub(super) fn pieces_of(&self, span: &FileSpan) -> Option<RangeInclusive<u32>> {
        let last = span.start.checked_add(span.len)?.checked_sub(1)?;
        let piece = |offset| u32::try_from(offset / self.piece_len()).ok();
        Some(piece(span.start)?..=piece(last)?)
    }

    /// Returns the range of a piece, counted as [`FileSpan::start`].
    pub(super) fn bounds(&self, piece_idx: u32) -> Range<u64> {
        let start = u64::from(piece_idx).saturating_mul(self.piece_len());
        start..start.saturating_add(self.piece_len()).min(self.total_bytes)
    }

    pub(super) fn hash(&self, piece_idx: u32) -> Option<&[u8]> {
        let start = usize::try_from(piece_idx).ok()?.checked_mul(HASH_BYTES)?;
        self.hashes.get(start..start.checked_add(HASH_BYTES)?)
    }

    /// Returns the files that have bytes of a piece, in order.
    pub(super) fn spans_in(&self, piece_idx: u32) -> impl Iterator<Item = &FileSpan> {
        let Range { start, end } = self.bounds(piece_idx);
        // The first file that ends after the start of the piece; empty files are skipped.
        let first = self.spans.partition_point(|span| span.start.saturating_add(span.len) <= start);
        let rest = self.spans.get(first..).unwrap_or_default().iter();
        rest.take_while(move |span| span.start < end).filter(|span| span.len > 0)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::fmt::Write as _;

    use rqbit_client::InfoHash;
    use sha1::{Digest as _, Sha1};

    use super::*;

    /// Returns the layout of a torrent below `folder` whose files have these contents.
    pub(in crate::local) fn layout(
        folder: &str,
        piece_len: u32,
        files: &[(&str, &[u8])],
    ) -> PieceLayout {
        layout_with(folder, piece_len, files, &[]).unwrap()
    }

    /// Like [`layout`], with extra bytes after the hashes of the pieces.
    fn layout_with(
        folder: &str,
        piece_len: u32,
        files: &[(&str, &[u8])],
        more: &[u8],
    ) -> Option<PieceLayout> {
        let all: Vec<u8> = files.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
        let mut torrent = format!("d4:infod12:piece lengthi{piece_len}e6:pieces").into_bytes();
        let pieces = all.chunks(usize::try_from(piece_len).unwrap());
        let hashes = pieces.flat_map(|piece| Sha1::digest(piece).to_vec());
        let hashes: Vec<u8> = hashes.chain(more.iter().copied()).collect();
        torrent.extend_from_slice(format!("{}:", hashes.len()).as_bytes());
        torrent.extend_from_slice(&hashes);
        torrent.extend_from_slice(b"ee");
        let mut json = String::new();
        for (path, bytes) in files {
            let names: Vec<_> = path.split('/').collect();
            let comma = if json.is_empty() { "" } else { "," };
            let is_padding = path.starts_with(".pad");
            write!(
                json,
                "{comma}{{\"components\":{names:?},\"length\":{},\
                 \"attributes\":{{\"padding\":{is_padding}}}}}",
                bytes.len()
            )
            .unwrap();
        }
        let hash = InfoHash::from_bytes(metainfo::info_hash(&torrent).unwrap());
        let details =
            format!("{{\"info_hash\":\"{hash}\",\"output_folder\":{folder:?},\"files\":[{json}]}}");
        let mut details: wire::TorrentDetails = serde_json::from_str(&details).unwrap();
        let layout = PieceLayout::new(&details, &torrent);
        details.info_hash = InfoHash::from_bytes([7; 20]);
        let other = PieceLayout::new(&details, &torrent);
        assert!(matches!(other, Err(LocalRefusal::OtherTorrent)));
        layout.ok()
    }

    #[test]
    fn one_hash_of_nothing_may_follow() {
        let hash = Sha1::digest(b"");
        for (more, is_taken) in
            [(&hash[..], true), (&hash[..19], false), (&[hash, hash].concat()[..], false)]
        {
            let layout = layout_with("/d", 4, &[("a", b"12345678")], more);
            assert_eq!(layout.is_some(), is_taken, "{} bytes", more.len());
            assert!(layout.is_none_or(|it| it.hash(1).is_some() && it.hash(2).is_none()));
        }
    }

    #[test]
    fn pieces_know_their_files() {
        let layout = layout(
            "/d",
            4,
            &[("a", b"12345"), ("e", b""), ("../b", b"6"), (".pad/1", b"\0\0"), ("d/c", b"789")],
        );
        let starts = |piece| layout.spans_in(piece).map(|span| span.start).collect::<Vec<_>>();
        assert_eq!(starts(0), [0]);
        assert_eq!(starts(1), [0, 5, 6]);
        assert_eq!(starts(2), [8]);
        assert_eq!(starts(3), [0_u64; 0]);
        assert_eq!(layout.bounds(2), 8..11);
        assert_eq!(layout.pieces_of(&layout.spans[0]), Some(0..=1));
        assert_eq!(layout.pieces_of(&layout.spans[4]), Some(2..=2));
        let kinds: Vec<_> = layout.spans.iter().map(|span| &span.kind).collect();
        assert_eq!(*kinds[2], SpanKind::Unnameable);
        assert_eq!(*kinds[3], SpanKind::Padding);
        assert_eq!(*kinds[4], SpanKind::File("d/c".into()));
        assert!(layout.hash(2).is_some() && layout.hash(3).is_none());
    }
}
