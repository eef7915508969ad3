//! The state of a server with permits: its pieces and their readers. This module has no sockets.

use std::collections::BTreeMap;

use vfs_core::InfoHash;

use super::PermitTorrent;

/// The result of a [step](super::PermitServer::step).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PermitStep {
    /// A piece was written.
    Wrote {
        /// The torrent.
        info_hash: InfoHash,
        /// The index of the piece.
        piece: usize,
    },
    /// All permits are held: nothing can be written.
    Frozen,
    /// There is nothing left to fetch.
    Complete,
}

/// The streams at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// Streams that have a permit.
    pub open: usize,
    /// Those of them that wait for a missing piece.
    pub waiting: usize,
    /// Requested streams without a permit, and so without headers.
    pub queued: usize,
    /// The most streams that were open at any time.
    pub open_max: usize,
    /// Streams that ever had a permit.
    pub opened_count: usize,
}

/// A torrent and its bitfield.
#[derive(Debug)]
pub(super) struct PermitServerTorrent {
    pub(super) spec: PermitTorrent,
    pub(super) have: Vec<bool>,
}

impl PermitServerTorrent {
    fn new(spec: PermitTorrent) -> Self {
        let len: u64 = spec.files.iter().map(|(_, content)| content.len()).sum();
        let pieces = len.div_ceil(u64::from(spec.piece_len.get()));
        let pieces = usize::try_from(pieces).unwrap_or(usize::MAX);
        Self { spec, have: vec![false; pieces] }
    }

    /// Returns the offset of a file in the torrent.
    pub(super) fn file_start(&self, file: usize) -> u64 {
        self.spec.files.iter().take(file).map(|(_, content)| content.len()).sum()
    }

    /// Returns the piece at an offset of the torrent.
    pub(super) fn piece_of(&self, offset: u64) -> usize {
        usize::try_from(offset / u64::from(self.spec.piece_len.get())).unwrap_or(usize::MAX)
    }

    pub(super) fn has(&self, piece: usize) -> bool {
        self.have.get(piece).copied().unwrap_or(false)
    }

    /// Returns the end of the piece at an offset.
    pub(super) fn piece_end(&self, offset: u64) -> u64 {
        let len = u64::from(self.spec.piece_len.get());
        (offset / len).saturating_add(1).saturating_mul(len)
    }

    /// Returns how many bytes of a file are present.
    pub(super) fn file_progress(&self, file: usize) -> u64 {
        let Some((_, content)) = self.spec.files.get(file) else { return 0 };
        let start = self.file_start(file);
        let (mut at, end, mut bytes) = (start, start + content.len(), 0);
        while at < end {
            let next = self.piece_end(at).min(end);
            bytes += if self.has(self.piece_of(at)) { next - at } else { 0 };
            at = next;
        }
        bytes
    }
}

/// A missing piece that a stream waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wish {
    torrent: usize,
    piece: usize,
    /// A logical time; smaller is earlier.
    since: u64,
}

/// The state that tests read and change.
#[derive(Debug)]
pub(super) struct PermitState {
    pub(super) torrents: Vec<PermitServerTorrent>,
    pub(super) violations: Vec<String>,
    pub(super) queued: usize,
    streams: BTreeMap<u64, Option<Wish>>,
    last_number: u64,
    open_max: usize,
    opened_count: usize,
}

impl PermitState {
    pub(super) fn new(torrents: Vec<PermitTorrent>) -> Self {
        Self {
            torrents: torrents.into_iter().map(PermitServerTorrent::new).collect(),
            violations: Vec::new(),
            queued: 0,
            streams: BTreeMap::new(),
            last_number: 0,
            open_max: 0,
            opened_count: 0,
        }
    }

    pub(super) fn census(&self) -> Census {
        Census {
            open: self.streams.len(),
            waiting: self.streams.values().flatten().count(),
            queued: self.queued,
            open_max: self.open_max,
            opened_count: self.opened_count,
        }
    }

    /// Registers a stream that got its permit, and returns its number.
    pub(super) fn open(&mut self) -> u64 {
        let number = self.next_number();
        self.streams.insert(number, None);
        self.open_max = self.open_max.max(self.streams.len());
        self.opened_count += 1;
        number
    }

    pub(super) fn close(&mut self, stream: u64) {
        self.streams.remove(&stream);
    }

    /// Records that a stream waits for a piece.
    pub(super) fn wish(&mut self, stream: u64, torrent: usize, piece: usize) {
        let since = self.next_number();
        if let Some(wish) = self.streams.get_mut(&stream) {
            *wish = Some(Wish { torrent, piece, since });
        }
    }

    /// Makes the next piece present, and ends the waits for it.
    pub(super) fn write_next(&mut self) -> PermitStep {
        let wishes = self.streams.values().flatten();
        let wished = wishes.min_by_key(|wish| wish.since).map(|wish| (wish.torrent, wish.piece));
        let mut torrents = self.torrents.iter().enumerate();
        let next = wished.or_else(|| {
            torrents.find_map(|(idx, torrent)| {
                Some((idx, torrent.have.iter().position(|is_here| !is_here)?))
            })
        });
        let Some((idx, piece)) = next else { return PermitStep::Complete };
        let Some(torrent) = self.torrents.get_mut(idx) else { return PermitStep::Complete };
        if let Some(is_here) = torrent.have.get_mut(piece) {
            *is_here = true;
        }
        for wish in self.streams.values_mut() {
            if wish.is_some_and(|wish| (wish.torrent, wish.piece) == (idx, piece)) {
                *wish = None;
            }
        }
        PermitStep::Wrote { info_hash: torrent.spec.info_hash, piece }
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}
