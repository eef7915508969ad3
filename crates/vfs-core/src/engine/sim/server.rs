//! The server of the simulation: pieces arrive only where a stream is open, and every kind of fault
//! occurs.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use fastrand::Rng;

use super::random::SimRandom;
use crate::engine::plan::{FileFacts, StreamId};
use crate::tree::FileState;
use crate::{
    Bitfield, ByteRange, FileId, FileIndex, Geometry, InfoHash, SourceError, SourceErrorKind,
    Timestamp, TorrentState,
};

/// The number of streams of a real server: the ninth gets no response headers.
pub(super) const PERMITS: usize = 8;

#[derive(Debug)]
pub(super) struct SimTorrent {
    pub(super) hash: InfoHash,
    pub(super) state: TorrentState,
    pub(super) piece_len: u32,
    /// Whether the piece length is known.
    pub(super) is_open: bool,
    pub(super) is_there: bool,
    /// Whether the server has all that is selected of it.
    pub(super) has_selected: bool,
    pub(super) has: Vec<bool>,
    /// When each present piece arrived.
    pub(super) came_at: Vec<Timestamp>,
}

#[derive(Debug)]
pub(super) struct File {
    pub(super) id: FileId,
    pub(super) torrent: usize,
    pub(super) offset: u64,
    pub(super) len: u64,
    /// Its state in the last listing.
    pub(super) state: Option<FileState>,
}

#[derive(Debug)]
pub(super) struct ServerStream {
    pub(super) file: usize,
    pub(super) pos: u64,
    pub(super) end: u64,
    pub(super) is_open: bool,
    pub(super) is_closing: bool,
    /// Whether an event for it is scheduled.
    pub(super) is_busy: bool,
}

#[derive(Debug)]
pub(super) struct SimServer {
    pub(super) torrents: Vec<SimTorrent>,
    pub(super) files: Vec<File>,
    pub(super) streams: BTreeMap<StreamId, ServerStream>,
    pub(super) is_down: bool,
    /// The bytes of all pieces that were fetched; the last one counts as a whole.
    pub(super) bytes_came: u64,
    /// How often a fetch completes a piece, in percent.
    complete_percent: u64,
}

/// Returns the byte of a file at an offset.
pub(super) fn byte_at(file: FileId, offset: u64) -> u8 {
    let seed = u64::from(file.torrent.as_bytes()[0]) << 32 | u64::from(file.index.0);
    let file_seed = Rng::with_seed(seed).u64(..);
    Rng::with_seed(file_seed.wrapping_add(offset)).u8(..)
}

impl SimServer {
    pub(super) fn new(random: &mut SimRandom) -> Self {
        let mut server = Self {
            torrents: Vec::new(),
            files: Vec::new(),
            streams: BTreeMap::new(),
            is_down: false,
            bytes_came: 0,
            complete_percent: [100, 50, 5][usize::try_from(random.range(0, 2)).unwrap()],
        };
        for torrent in 0..usize::try_from(random.range(1, 3)).unwrap() {
            let hash = InfoHash::from_bytes([u8::try_from(torrent).unwrap(); InfoHash::BYTES]);
            let mut offset = 0;
            for index in 0..u32::try_from(random.range(1, 3)).unwrap() {
                let id = FileId { torrent: hash, index: FileIndex(index) };
                let len = random.range(1, 3000);
                server.files.push(File { id, torrent, offset, len, state: None });
                offset += len + random.range(0, 1) * random.range(0, 50);
            }
            let piece_len = 16 << random.range(0, 5);
            let have_percent = [0, 10, 50, 90, 100][usize::try_from(random.range(0, 4)).unwrap()];
            let count = offset.div_ceil(u64::from(piece_len));
            server.torrents.push(SimTorrent {
                hash,
                state: TorrentState::Live,
                piece_len,
                is_open: random.chance(80),
                is_there: true,
                has_selected: random.chance(30),
                has: (0..count).map(|_| random.chance(have_percent)).collect(),
                came_at: (0..count).map(|_| Timestamp::ZERO).collect(),
            });
        }
        server.list();
        server
    }

    /// Updates the listing that the mount sees.
    pub(super) fn list(&mut self) {
        for index in 0..self.files.len() {
            let file = &self.files[index];
            let torrent = &self.torrents[file.torrent];
            let have = (0..file.len).filter(|at| self.has(index, *at)).count() as u64;
            let is_listed = torrent.is_there;
            let state = FileState { torrent: torrent.state, have_bytes: have, is_listed };
            // Some torrents are kept although the list lacks them.
            let is_kept = is_listed || torrent.hash.as_bytes()[0] % 2 == 1;
            self.files[index].state = is_kept.then_some(state);
        }
    }

    pub(super) fn facts(&self, file: usize) -> FileFacts {
        let file = &self.files[file];
        let torrent = &self.torrents[file.torrent];
        let piece_len = NonZeroU32::new(torrent.piece_len).filter(|_| torrent.is_open);
        let geometry = piece_len.map(|piece_len| Geometry { file_offset: file.offset, piece_len });
        FileFacts { len: file.len, geometry, state: file.state }
    }

    pub(super) fn has(&self, file: usize, at: u64) -> bool {
        let file = &self.files[file];
        let torrent = &self.torrents[file.torrent];
        let piece = (file.offset + at) / u64::from(torrent.piece_len);
        torrent.has[usize::try_from(piece).unwrap()]
    }

    /// Returns whether a byte is present now, and was present at `when`.
    pub(super) fn had(&self, file: usize, at: u64, when: Timestamp) -> bool {
        let (file, is_there) = (&self.files[file], self.has(file, at));
        let torrent = &self.torrents[file.torrent];
        let piece = (file.offset + at) / u64::from(torrent.piece_len);
        is_there && torrent.came_at[usize::try_from(piece).unwrap()] <= when
    }

    /// Downloads a piece where a stream waits, or sometimes elsewhere.
    ///
    /// Returns the torrent that fetched data.
    pub(super) fn download(
        &mut self,
        random: &mut SimRandom,
        now: Timestamp,
        is_calm: bool,
    ) -> Option<InfoHash> {
        if self.is_down || self.streams.values().filter(|stream| stream.is_open).count() >= PERMITS
        {
            return None;
        }
        let waiting: Vec<_> = self
            .streams
            .values()
            .filter(|stream| stream.is_open && stream.pos < self.files[stream.file].len)
            .map(|stream| (stream.file, stream.pos + random.range(0, 1) * random.range(0, 64)))
            .collect();
        let is_elsewhere = waiting.is_empty() || random.chance(5);
        let (file, at) = if is_elsewhere {
            let file = usize::try_from(random.range(0, self.files.len() as u64 - 1)).unwrap();
            (file, random.range(0, self.files[file].len - 1))
        } else {
            waiting[usize::try_from(random.range(0, waiting.len() as u64 - 1)).unwrap()]
        };
        let file = &self.files[file];
        let at = at.min(file.len - 1);
        let torrent = &mut self.torrents[file.torrent];
        // With nothing selected, only streams make it fetch.
        if torrent.state != TorrentState::Live || is_elsewhere && torrent.has_selected {
            return None;
        }
        // A part of a piece is progress too.
        if is_calm || self.complete_percent == 100 || random.chance(self.complete_percent) {
            let piece = (file.offset + at) / u64::from(torrent.piece_len);
            let piece = usize::try_from(piece).unwrap();
            if !std::mem::replace(&mut torrent.has[piece], true) {
                torrent.came_at[piece] = now;
                self.bytes_came += u64::from(torrent.piece_len);
            }
        }
        Some(torrent.hash)
    }

    /// Goes down. Some pieces are lost, because the server had not stored its bitfield.
    pub(super) fn crash(&mut self, random: &mut SimRandom) {
        self.is_down = true;
        for torrent in &mut self.torrents {
            torrent.has.iter_mut().filter(|_| random.chance(3)).for_each(|has| *has = false);
        }
    }

    /// Returns whether the server reports the download progress of a torrent.
    pub(super) fn tells_progress(&self, hash: InfoHash) -> bool {
        let is_there = |it: &SimTorrent| it.hash == hash && it.is_there;
        !self.is_down && self.torrents.iter().any(is_there)
    }

    pub(super) fn haves(&self, hash: InfoHash) -> Result<Bitfield, SourceError> {
        if self.is_down {
            return Err(error(SourceErrorKind::Unreachable));
        }
        let torrent = self.torrents.iter().find(|torrent| torrent.hash == hash && torrent.is_there);
        let torrent = torrent.ok_or_else(not_found)?;
        match torrent.state {
            TorrentState::Live | TorrentState::Paused => {
                let count = u32::try_from(torrent.has.len()).unwrap();
                Ok(Bitfield::from_fn(count, |piece| torrent.has[piece as usize]).unwrap())
            }
            TorrentState::Initializing | TorrentState::Failed => {
                Err(error(SourceErrorKind::Failed))
            }
        }
    }

    pub(super) fn open(&mut self, id: StreamId, file: FileId, range: ByteRange) {
        let file = self.files.iter().position(|it| it.id == file).unwrap();
        assert!(!range.is_empty() && range.end() <= self.files[file].len, "opened at {range:?}");
        let stream = ServerStream {
            file,
            pos: range.start(),
            end: range.end(),
            is_open: false,
            is_closing: false,
            is_busy: true,
        };
        assert!(self.streams.insert(id, stream).is_none(), "{id:?} was opened twice");
    }

    /// Returns the result of opening a stream: an offset, an error, or `None` for not yet.
    pub(super) fn opened(
        &self,
        id: StreamId,
        random: &mut SimRandom,
    ) -> Option<Result<u64, SourceError>> {
        let stream = &self.streams[&id];
        let torrent = &self.torrents[self.files[stream.file].torrent];
        let open = self.streams.values().filter(|stream| stream.is_open).count();
        if self.is_down {
            Some(Err(error(SourceErrorKind::Unreachable)))
        } else if !torrent.is_there {
            Some(Err(not_found()))
        } else if torrent.state == TorrentState::Initializing || open >= PERMITS {
            None
        } else if torrent.state == TorrentState::Failed {
            Some(Err(error(SourceErrorKind::Failed)))
        } else {
            Some(Ok(stream.pos)).filter(|_| !random.chance(5))
        }
    }

    /// Returns the next bytes of a stream, if they are present.
    pub(super) fn chunk(&self, id: StreamId, most: u64) -> Option<Vec<u8>> {
        let stream = &self.streams[&id];
        let file = self.files[stream.file].id;
        let end = stream.end.min(stream.pos + most);
        let offsets = (stream.pos..end).take_while(|at| self.has(stream.file, *at));
        let bytes: Vec<_> = offsets.map(|at| byte_at(file, at)).collect();
        (!bytes.is_empty()).then_some(bytes)
    }
}

/// A 404: the list decides whether it is final.
fn not_found() -> SourceError {
    error(SourceErrorKind::NotFound).with_retryable(true)
}

pub(super) fn error(kind: SourceErrorKind) -> SourceError {
    SourceError::new(kind, "do as the simulation wants")
}
