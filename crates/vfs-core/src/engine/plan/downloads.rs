//! DownloadSums by reader: how many bytes the server fetched because of which open file.
//!
//! The server does not tell why it fetches a piece. Of a torrent whose selected files are complete
//! it fetches only for streams. So the pieces that a bitfield has and the one before it lacks
//! belong to the readers whose streams were open in between. They are divided in proportion to the
//! bytes of missing pieces that these readers received, or evenly if none received any. Look-ahead
//! and pieces in flight count too.
//!
//! A bitfield is requested every few seconds while such a stream is open, and once more a second
//! after it was closed: by then the pieces in flight have arrived. A handle may be released before
//! that; its sum is reported afterwards ([`Plan::take_closed_downloads`]).
#![warn(clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::{FileFacts, Output, Plan, PlannedStream};
use crate::{Bitfield, FileId, HandleId, InfoHash, Timestamp};

/// The interval of bitfield requests while a stream is open. Often enough for a table of readers; a
/// bitfield of a large torrent has kilobytes.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// The same while a read waits, for the limit of unasked pieces.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// How long after the end of a stream the last bitfield is requested. By then the server has closed
/// its connections, and the pieces in flight have arrived.
const LAST_LOOK_DELAY: Duration = Duration::from_secs(1);

/// How long the last bitfield may take. Afterwards the sum stays as it is.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

/// The number of readers of one torrent among which its downloads are divided. More have no part.
const CLAIMS_MAX: usize = 256;

/// The number of closed handles whose sums are kept. Above it, the oldest are dropped.
const CLOSED_MAX: usize = 1024;

/// Why the server fetches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Claimant {
    Reader(HandleId),
    Preload,
}

/// The part of a claimant in the next difference of bitfields.
#[derive(Debug, Clone, Copy, Default)]
struct DownloadClaim {
    /// The bytes of missing pieces that it received since the last bitfield.
    received: u64,
    /// When its last stream was closed; `None` while one is open.
    closed_at: Option<Timestamp>,
}

/// The downloads of a torrent since its last bitfield.
#[derive(Debug, Default)]
struct ClaimedTorrent {
    have: Option<Bitfield>,
    /// When `have` was requested.
    looked_at: Timestamp,
    /// When the next request may follow a failed one.
    retry_at: Timestamp,
    /// Whether other clients may have fetched pieces between `have` and the first stream. Then only
    /// pieces count whose bytes a stream brought.
    is_old: bool,
    /// Whether a read waits for a stream that the server may fetch too much ahead of.
    is_watched: bool,
    /// The pieces that streams had brought before the claims began.
    before: BTreeSet<u32>,
    piece_len: u64,
    /// The end in the torrent of the last of its files that was read.
    end: u64,
    claims: BTreeMap<Claimant, DownloadClaim>,
}

/// The sum of an open file, or of one that was released a moment ago.
#[derive(Debug, Default, Clone, Copy)]
struct ReaderDownloads {
    bytes: u64,
    is_released: bool,
}

/// The downloads of all torrents and readers.
#[derive(Debug, Default)]
pub(super) struct DownloadSums {
    torrents: BTreeMap<InfoHash, ClaimedTorrent>,
    readers: BTreeMap<HandleId, ReaderDownloads>,
    closed: VecDeque<(HandleId, u64)>,
    /// The sums of all readers and of all preloads.
    pub(super) reader_bytes: u64,
    pub(super) preload_bytes: u64,
}

impl ClaimedTorrent {
    /// Returns when the next bitfield is needed.
    fn look_at(&self) -> Option<Timestamp> {
        if self.have.is_none() || self.is_old {
            return Some(self.looked_at.saturating_add(LAST_LOOK_DELAY).max(self.retry_at));
        }
        let times = self.claims.values().map(|claim| match claim.closed_at {
            Some(at) => at.saturating_add(LAST_LOOK_DELAY),
            None if self.is_watched => self.looked_at.saturating_add(WATCH_INTERVAL),
            None => self.looked_at.saturating_add(LOOK_INTERVAL),
        });
        Some(times.min()?.max(self.retry_at))
    }

    /// Returns the length of a piece. The last one may be shorter.
    fn bytes_of(&self, piece: u32) -> u64 {
        let start = u64::from(piece).saturating_mul(self.piece_len);
        match self.end.saturating_sub(start) {
            0 => self.piece_len,
            rest => rest.min(self.piece_len),
        }
    }

    /// Returns how many bytes a new bitfield has that the last one lacks.
    fn growth(&self, have: &Bitfield, received: &BTreeSet<u32>) -> u64 {
        let Some(before) = &self.have else { return 0 };
        let counts = |piece: &u32| {
            have.has(*piece)
                && !before.has(*piece)
                && !self.before.contains(piece)
                && (!self.is_old || received.contains(piece))
        };
        let last = have.piece_count().saturating_sub(1);
        let pieces = (0..have.piece_count()).filter(counts);
        let bytes = pieces.map(|it| if it == last { self.bytes_of(it) } else { self.piece_len });
        bytes.fold(0, u64::saturating_add)
    }

    /// Divides bytes among the claimants.
    fn shares(&self, bytes: u64) -> Vec<(Claimant, u64)> {
        let sum: u128 = self.claims.values().map(|claim| u128::from(claim.received)).sum();
        let (mut rest, mut weights) = (bytes, sum);
        let mut left = u128::try_from(self.claims.len()).unwrap_or(1);
        let mut shares = Vec::new();
        for (claimant, claim) in &self.claims {
            // What rounding leaves belongs to the last one.
            let (weight, of) =
                if sum == 0 { (1, left) } else { (u128::from(claim.received), weights) };
            let share = u128::from(rest).saturating_mul(weight).checked_div(of).unwrap_or(0);
            let share = u64::try_from(share).unwrap_or(rest).min(rest);
            rest = rest.saturating_sub(share);
            weights = weights.saturating_sub(weight);
            left = left.saturating_sub(1);
            shares.push((*claimant, share));
        }
        shares
    }
}

impl DownloadSums {
    fn add(&mut self, claimant: Claimant, bytes: u64) {
        match claimant {
            Claimant::Preload => self.preload_bytes = self.preload_bytes.saturating_add(bytes),
            Claimant::Reader(handle) => {
                self.reader_bytes = self.reader_bytes.saturating_add(bytes);
                if let Some(reader) = self.readers.get_mut(&handle) {
                    reader.bytes = reader.bytes.saturating_add(bytes);
                }
            }
        }
    }

    /// Removes a claim. The sum of a released handle is final then.
    fn end_claim(&mut self, claimant: Claimant) {
        let Claimant::Reader(handle) = claimant else { return };
        if self.readers.get(&handle).is_some_and(|reader| reader.is_released) {
            self.close(handle);
        }
    }

    fn close(&mut self, handle: HandleId) {
        let Some(reader) = self.readers.remove(&handle).filter(|reader| reader.bytes > 0) else {
            return;
        };
        if self.closed.len() >= CLOSED_MAX {
            self.closed.pop_front();
        }
        self.closed.push_back((handle, reader.bytes));
    }

    /// Handles the release of a handle.
    pub(super) fn on_release(&mut self, handle: HandleId) {
        let claimant = Claimant::Reader(handle);
        let is_claiming = self.torrents.values().any(|it| it.claims.contains_key(&claimant));
        match self.readers.get_mut(&handle) {
            Some(reader) if is_claiming => reader.is_released = true,
            Some(_) | None => self.close(handle),
        }
    }

    /// Returns the sum of a handle.
    pub(super) fn of(&self, handle: HandleId) -> u64 {
        self.readers.get(&handle).map_or(0, |reader| reader.bytes)
    }

    /// Ends the claims of a torrent that now downloads by itself, or that cannot be looked at.
    pub(super) fn forget(&mut self, torrent: InfoHash) {
        if let Some(claimed) = self.torrents.remove(&torrent) {
            claimed.claims.into_keys().for_each(|claimant| self.end_claim(claimant));
        }
    }

    /// Handles a bitfield that was requested at `asked_at`. `received` has the pieces of which
    /// streams brought bytes since the last one. Returns the one before it.
    pub(super) fn on_haves(
        &mut self,
        torrent: InfoHash,
        have: &Bitfield,
        asked_at: Timestamp,
        received: &BTreeSet<u32>,
    ) -> Option<Bitfield> {
        let claimed = self.torrents.get_mut(&torrent)?;
        let before = claimed.have.clone().filter(|_| !claimed.is_old);
        let growth = claimed.growth(have, received);
        let shares = if growth > 0 { claimed.shares(growth) } else { Vec::new() };
        (claimed.have, claimed.looked_at) = (Some(have.clone()), asked_at);
        claimed.is_old = false;
        claimed.before.clear();
        let mut ended = Vec::new();
        claimed.claims.retain(|claimant, claim| {
            claim.received = 0;
            let is_over =
                claim.closed_at.is_some_and(|at| at.saturating_add(LAST_LOOK_DELAY) <= asked_at);
            if is_over {
                ended.push(*claimant);
            }
            !is_over
        });
        if claimed.claims.is_empty() {
            self.torrents.remove(&torrent);
        }
        shares.into_iter().for_each(|(claimant, bytes)| self.add(claimant, bytes));
        ended.into_iter().for_each(|claimant| self.end_claim(claimant));
        before
    }

    /// Handles a failed bitfield request.
    pub(super) fn on_failure(&mut self, torrent: InfoHash, now: Timestamp) {
        let Some(claimed) = self.torrents.get_mut(&torrent) else { return };
        claimed.retry_at = now.saturating_add(LOOK_INTERVAL);
        let is_late = |claim: &DownloadClaim| {
            claim.closed_at.is_some_and(|at| at.saturating_add(ANSWER_TIME_MAX) <= now)
        };
        if claimed.claims.values().all(is_late) {
            self.forget(torrent);
        }
    }
}

impl Plan {
    /// Returns when the oldest claim ended that is not final yet.
    #[cfg(test)]
    pub(in crate::engine) fn oldest_claim(&self) -> Option<Timestamp> {
        let claims = self.downloads.torrents.values().flat_map(|it| it.claims.values());
        claims.filter_map(|claim| claim.closed_at).min()
    }

    /// Returns the handles that were released and made the server download something, each with
    /// its bytes. Each is returned once.
    pub(in crate::engine) fn take_closed_downloads(&mut self) -> Vec<(HandleId, u64)> {
        self.downloads.closed.drain(..).collect()
    }

    /// Returns whether a handle has or may still have downloads.
    pub(in crate::engine) fn has_downloads(&self, handle: HandleId) -> bool {
        self.downloads.readers.contains_key(&handle)
    }

    /// Returns how many bytes readers and preloads made the server download.
    pub(in crate::engine) fn bytes_downloaded(&self) -> (u64, u64) {
        (self.downloads.reader_bytes, self.downloads.preload_bytes)
    }

    /// Records bytes that a stream brought of a piece that was missing.
    pub(super) fn on_missing_bytes(&mut self, file: FileId, handles: &[HandleId], len: u64) {
        let Some(claimed) = self.downloads.torrents.get_mut(&file.torrent) else { return };
        for handle in handles {
            if let Some(claim) = claimed.claims.get_mut(&Claimant::Reader(*handle)) {
                claim.received = claim.received.saturating_add(len);
            }
        }
    }

    /// Records bytes that a preload brought.
    pub(super) fn on_preload_bytes(&mut self, file: FileId, len: u64) {
        let torrent = self.downloads.torrents.get_mut(&file.torrent);
        if let Some(claim) = torrent.and_then(|it| it.claims.get_mut(&Claimant::Preload)) {
            claim.received = claim.received.saturating_add(len);
        }
    }

    /// Updates the claims from the streams that are open.
    pub(super) fn update_claims(&mut self, now: Timestamp) {
        let fetching = self.streams.values().filter(|stream| stream.may_fetch && stream.is_live());
        let mut open: BTreeMap<InfoHash, BTreeSet<Claimant>> = BTreeMap::new();
        let mut watched = BTreeSet::new();
        for stream in fetching {
            if stream.is_bounded_fetch() {
                watched.insert(stream.file.torrent);
            }
            let claimants = open.entry(stream.file.torrent).or_default();
            claimants.extend(self.claimants(stream));
            let is_new = !self.downloads.torrents.contains_key(&stream.file.torrent);
            if let Some(facts) = self.files.get(&stream.file) {
                if is_new {
                    let claimed = self.begin_claims(stream.file, facts, now);
                    self.downloads.torrents.extend(claimed.map(|it| (stream.file.torrent, it)));
                }
                let claimed = self.downloads.torrents.get_mut(&stream.file.torrent);
                if let (Some(claimed), Some(geometry)) = (claimed, facts.geometry) {
                    let end = geometry.file_offset.saturating_add(facts.len);
                    claimed.end = claimed.end.max(end);
                }
            }
        }
        let DownloadSums { torrents, readers, .. } = &mut self.downloads;
        for (torrent, claimed) in torrents {
            let none = BTreeSet::new();
            claimed.is_watched = watched.contains(torrent);
            let open = open.get(torrent).unwrap_or(&none);
            for (claimant, claim) in &mut claimed.claims {
                claim.closed_at = match claim.closed_at {
                    _ if open.contains(claimant) => None,
                    None => Some(now),
                    closed_at => closed_at,
                };
            }
            for claimant in open {
                if claimed.claims.len() >= CLAIMS_MAX {
                    break;
                }
                claimed.claims.entry(*claimant).or_default();
                if let Claimant::Reader(handle) = claimant {
                    readers.entry(*handle).or_default();
                }
            }
        }
        self.downloads.torrents.retain(|_, claimed| !claimed.claims.is_empty());
    }

    /// Requests the bitfields that are due.
    pub(super) fn ask_downloads(&mut self, now: Timestamp) {
        let due = self.downloads.torrents.iter().filter(|(torrent, claimed)| {
            self.next_download_look(**torrent, claimed).is_some_and(|at| at <= now)
        });
        let due: Vec<_> = due.map(|(torrent, _)| *torrent).collect();
        for torrent in due {
            if self.availability.ask(torrent, now, &self.tuning) {
                self.bitfield_requests = self.bitfield_requests.saturating_add(1);
                self.output(Output::AskHaves { torrent });
                self.wake_torrent(torrent, now);
            }
        }
    }

    /// Returns when the next bitfield of any torrent is due.
    pub(super) fn next_downloads_at(&self) -> Option<Timestamp> {
        let torrents = self.downloads.torrents.iter();
        let looks = torrents.filter_map(|(torrent, it)| self.next_download_look(*torrent, it));
        let next = looks.min()?;
        Some(self.breaker.open_until().map_or(next, |until| next.max(until)))
    }

    fn next_download_look(&self, torrent: InfoHash, claimed: &ClaimedTorrent) -> Option<Timestamp> {
        let free_at = self.availability.free_at(torrent, &self.tuning)?;
        claimed.look_at().map(|at| at.max(free_at))
    }

    /// Returns the readers of a stream, or that it is a preload's.
    fn claimants(&self, stream: &PlannedStream) -> Vec<Claimant> {
        if stream.is_preload() {
            return vec![Claimant::Preload];
        }
        let handles = self.handles_of(stream).into_iter();
        handles.filter(|it| self.handles.is_open(*it)).map(Claimant::Reader).collect()
    }

    /// Returns the handles whose reads wait for a stream, or else those that it serves.
    pub(super) fn handles_of(&self, stream: &PlannedStream) -> BTreeSet<HandleId> {
        if stream.reads.is_empty() {
            return stream.owners.clone();
        }
        let reads = stream.reads.iter().filter_map(|id| self.reads.get(id));
        reads.map(|read| read.request.handle).collect()
    }

    /// Returns the state of a torrent at its first stream; `None` without known pieces.
    fn begin_claims(
        &self,
        file: FileId,
        facts: &FileFacts,
        now: Timestamp,
    ) -> Option<ClaimedTorrent> {
        let piece_len = u64::from(facts.geometry?.piece_len.get());
        let known = self.availability.last_with_time(file.torrent);
        let have = known.as_ref().map(|(have, _)| have.clone());
        let looked_at = known.map_or(now, |(_, at)| at);
        let is_old = looked_at.saturating_add(self.tuning.haves_interval) < now;
        let before = self.availability.received(file.torrent);
        let new = ClaimedTorrent::default();
        Some(ClaimedTorrent { have, looked_at, is_old, before, piece_len, ..new })
    }
}
