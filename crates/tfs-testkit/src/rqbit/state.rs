//! The state of a server: its pieces and their readers. This module has no sockets.

use std::collections::BTreeMap;

use bytes::Bytes;
use vfs_core::InfoHash;

use super::held::HeldTorrent;
use super::large::LargeLibrary;
use super::setup::Backend;
use super::text;
use super::torrent::FakeTorrent;

/// The uptime of a server that was not restarted: longer than any absence that a client awaits.
const UPTIME_SECONDS: u64 = 100_000;

/// The result of a [step](super::FakeRqbit::step).
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

/// The torrents of a server.
#[derive(Debug)]
enum HeldTorrents {
    Few(Vec<HeldTorrent>),
    Library(LargeLibrary),
}

/// What the list depends on, except the pieces.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ListOptions {
    /// The upload of each torrent.
    pub(super) uploaded_bytes: u64,
    /// Whether the server has forgotten its torrents.
    pub(super) is_empty: bool,
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
pub(super) struct RqbitState {
    torrents: HeldTorrents,
    list_options: ListOptions,
    /// The list with stats, created once for all clients.
    list: Option<Bytes>,
    /// The list without stats, likewise.
    plain_list: Option<Bytes>,
    pub(super) uptime_seconds: u64,
    /// Bytes of the pieces that were written.
    fetched_bytes: u64,
    pub(super) violations: Vec<String>,
    pub(super) queued: usize,
    streams: BTreeMap<u64, Option<Wish>>,
    last_number: u64,
    open_max: usize,
    opened_count: usize,
}

impl RqbitState {
    pub(super) fn new(backend: &Backend) -> Self {
        let torrents = match backend {
            Backend::Torrents(torrents) => {
                HeldTorrents::Few(torrents.iter().cloned().map(HeldTorrent::new).collect())
            }
            Backend::Library(library) => HeldTorrents::Library(*library),
            Backend::Server(_) | Backend::Scripts(_) => HeldTorrents::Few(Vec::new()),
        };
        Self {
            torrents,
            list_options: ListOptions::default(),
            list: None,
            plain_list: None,
            uptime_seconds: UPTIME_SECONDS,
            fetched_bytes: 0,
            violations: Vec::new(),
            queued: 0,
            streams: BTreeMap::new(),
            last_number: 0,
            open_max: 0,
            opened_count: 0,
        }
    }

    /// Adds a torrent to the few of the server.
    pub(super) fn add(&mut self, torrent: FakeTorrent) {
        self.forget_lists();
        if let HeldTorrents::Few(torrents) = &mut self.torrents {
            torrents.push(HeldTorrent::new(torrent));
        }
    }

    pub(super) fn change_list(&mut self, change: impl FnOnce(&mut ListOptions)) {
        change(&mut self.list_options);
        self.forget_lists();
    }

    /// Returns the list, with stats or without.
    pub(super) fn list(&mut self, is_with_stats: bool) -> Bytes {
        let known = if is_with_stats { &self.list } else { &self.plain_list };
        if let Some(list) = known {
            return list.clone();
        }
        let options = self.list_options;
        let list: Bytes = match &self.torrents {
            _ if options.is_empty => text::list([].into_iter(), None),
            HeldTorrents::Few(torrents) => {
                let uploaded = is_with_stats.then_some(options.uploaded_bytes);
                text::list(torrents.iter().cloned(), uploaded)
            }
            HeldTorrents::Library(library) => {
                let uploaded = is_with_stats.then_some(options.uploaded_bytes);
                text::list(library.torrents().map(HeldTorrent::new), uploaded)
            }
        }
        .into();
        let known = if is_with_stats { &mut self.list } else { &mut self.plain_list };
        known.insert(list).clone()
    }

    fn forget_lists(&mut self) {
        (self.list, self.plain_list) = (None, None);
    }

    /// Returns the totals of the server.
    pub(super) fn totals(&self) -> String {
        let Self { fetched_bytes, uptime_seconds, list_options, .. } = self;
        let uploaded_bytes = list_options.uploaded_bytes;
        format!(
            r#"{{"counters":{{"fetched_bytes":{fetched_bytes},"uploaded_bytes":{uploaded_bytes},"blocked_incoming":0,"blocked_outgoing":0}},"uptime_seconds":{uptime_seconds}}}"#
        )
    }

    /// Returns a torrent and its id.
    pub(super) fn find(&self, hash: &str) -> Option<(usize, HeldTorrent)> {
        match &self.torrents {
            HeldTorrents::Few(torrents) => {
                let mut torrents = torrents.iter().enumerate();
                let found = torrents.find(|(_, it)| it.torrent.info_hash.to_string() == hash);
                found.map(|(id, torrent)| (id, torrent.clone()))
            }
            HeldTorrents::Library(library) => {
                library.find(hash).map(|(id, torrent)| (id, HeldTorrent::new(torrent)))
            }
        }
    }

    /// Returns whether a torrent has a piece.
    pub(super) fn has(&self, torrent: usize, piece: usize) -> bool {
        match &self.torrents {
            HeldTorrents::Few(torrents) => torrents.get(torrent).is_some_and(|it| it.has(piece)),
            HeldTorrents::Library(_) => true,
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
        let HeldTorrents::Few(torrents) = &mut self.torrents else { return PermitStep::Complete };
        let next = wished.or_else(|| {
            torrents.iter().enumerate().find_map(|(idx, torrent)| {
                Some((idx, torrent.have.iter().position(|is_here| !is_here)?))
            })
        });
        let Some((idx, piece)) = next else { return PermitStep::Complete };
        let Some(torrent) = torrents.get_mut(idx) else { return PermitStep::Complete };
        if let Some(is_here) = torrent.have.get_mut(piece) {
            *is_here = true;
        }
        self.fetched_bytes += u64::from(torrent.torrent.piece_len.get());
        (self.list, self.plain_list) = (None, None);
        for wish in self.streams.values_mut() {
            if wish.is_some_and(|wish| (wish.torrent, wish.piece) == (idx, piece)) {
                *wish = None;
            }
        }
        PermitStep::Wrote { info_hash: torrent.torrent.info_hash, piece }
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}
