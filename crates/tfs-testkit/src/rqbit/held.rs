//! Torrents with their pieces.

use super::torrent::FakeTorrent;

/// A torrent and its bitfield.
#[derive(Debug, Clone)]
pub(super) struct HeldTorrent {
    pub(super) torrent: FakeTorrent,
    pub(super) have: Vec<bool>,
}

impl HeldTorrent {
    pub(super) fn new(torrent: FakeTorrent) -> Self {
        let have = vec![torrent.is_complete; torrent.piece_count()];
        Self { torrent, have }
    }

    pub(super) fn has(&self, piece: usize) -> bool {
        self.have.get(piece).copied().unwrap_or(false)
    }

    /// Returns the bits of the pieces, as rqbit sends them.
    pub(super) fn bitfield(&self) -> Vec<u8> {
        let bytes = self.have.chunks(8).map(|bits| {
            let bits = bits.iter().enumerate();
            bits.fold(0_u8, |byte, (bit, is_here)| byte | u8::from(*is_here) << (7 - bit))
        });
        bytes.collect()
    }

    /// Returns how many bytes of a file are present.
    pub(super) fn file_progress(&self, file: usize) -> u64 {
        let torrent = &self.torrent;
        let Some(content) = torrent.files.get(file).map(|file| file.content) else { return 0 };
        if torrent.is_complete {
            return content.len();
        }
        let start = torrent.file_start(file);
        let (mut at, end, mut bytes) = (start, start + content.len(), 0);
        while at < end {
            let next = torrent.piece_end(at).min(end);
            bytes += if self.has(torrent.piece_of(at)) { next - at } else { 0 };
            at = next;
        }
        bytes
    }
}
