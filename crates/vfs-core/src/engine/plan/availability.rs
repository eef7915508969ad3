//! Availability of ranges on the server, from bitfields.

use std::collections::{BTreeMap, BTreeSet};

use super::action::FileFacts;
use super::tuning::Tuning;
use crate::{Bitfield, ByteRange, FileId, InfoHash, Timestamp, TorrentState};

/// The number of unread torrents whose bitfields are kept.
const UNUSED_TORRENTS_MAX: usize = 64;

/// The number of pieces of a torrent that are recorded as received since its last bitfield. Far
/// more than arrive in the one second between two bitfields. Above it, all are discarded.
const RECEIVED_MAX: usize = 1024;

/// Whether the bytes of a range are on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Availability {
    /// All of them.
    Present,
    /// Not all of them.
    Missing,
    /// Unknown: only a stream shows it.
    Unknown,
    /// Unknown until a pending bitfield arrives.
    Pending,
}

/// The bitfield of a torrent, as far as the source reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BitfieldStatus {
    /// The source's last answer, at most [`Tuning::haves_interval`] old.
    Known(Bitfield),
    /// The source does not report it.
    Unknown,
    /// A request is pending.
    Asking,
}

/// The pieces of one torrent.
#[derive(Debug, Default)]
struct Pieces {
    have: Option<Bitfield>,
    /// When the request that `have` answers was sent.
    have_at: Timestamp,
    /// Pieces that `have` lacks and of which a stream has delivered bytes since.
    received: BTreeSet<u32>,
    /// When the pending request was sent.
    asked_at: Option<Timestamp>,
    answered_at: Option<Timestamp>,
    used_at: Timestamp,
}

/// The bitfields of the torrents that are read.
#[derive(Debug, Default)]
pub(crate) struct PieceAvailability {
    torrents: BTreeMap<InfoHash, Pieces>,
}

impl PieceAvailability {
    /// Returns the availability of `range` of a file.
    pub(crate) fn presence(
        &self,
        file: FileId,
        facts: &FileFacts,
        range: ByteRange,
        now: Timestamp,
        tuning: &Tuning,
    ) -> Availability {
        if facts.is_complete() {
            return Availability::Present;
        }
        let Some(geometry) = facts.geometry else { return facts.guess() };
        let Some(pieces) = self.torrents.get(&file.torrent) else { return Availability::Pending };
        match (&pieces.have, pieces.asked_at) {
            (Some(have), _) if geometry.have_until(have, range) == range.end() => {
                Availability::Present
            }
            (Some(_), _) => Availability::Missing,
            // The first answer is late, or was an error.
            (None, Some(at)) if now >= at.saturating_add(tuning.haves_patience) => facts.guess(),
            (None, Some(_)) if pieces.answered_at.is_none() => Availability::Pending,
            (None, None) if pieces.answered_at.is_none() => Availability::Pending,
            (None, _) => facts.guess(),
        }
    }

    /// Returns the end of the bytes known to be present, counted from the start of `range`.
    pub(crate) fn here_until(&self, file: FileId, facts: &FileFacts, range: ByteRange) -> u64 {
        if facts.is_complete() {
            return range.end();
        }
        let Some(geometry) = facts.geometry else { return range.end() };
        match self.torrents.get(&file.torrent).and_then(|pieces| pieces.have.as_ref()) {
            Some(have) => geometry.have_until(have, range),
            None => range.start(),
        }
    }

    /// Returns whether a byte was missing in the last bitfield, and no byte of its piece has
    /// arrived since. Then the whole piece is present once the byte is.
    pub(crate) fn is_pending_piece(&self, file: FileId, facts: &FileFacts, offset: u64) -> bool {
        let piece = facts.geometry.and_then(|geometry| geometry.piece_at(offset));
        let pieces = self.torrents.get(&file.torrent);
        let (Some(piece), Some(pieces)) = (piece, pieces) else { return false };
        let is_known = pieces.have.as_ref().is_none_or(|have| have.has(piece));
        !facts.is_complete() && !is_known && !pieces.received.contains(&piece)
    }

    /// Records that bytes of a file arrived, which shows that their pieces are present. Returns
    /// whether any of these pieces was missing or unknown.
    pub(crate) fn on_bytes(&mut self, file: FileId, facts: &FileFacts, range: ByteRange) -> bool {
        if facts.is_complete() {
            return false;
        }
        let Some(geometry) = facts.geometry else { return true };
        let Some(pieces) = self.torrents.get_mut(&file.torrent) else { return true };
        let Some(have) = &pieces.have else { return true };
        let mut at = range.start();
        let mut is_news = false;
        while at < range.end() {
            let missing = geometry.piece_at(at).filter(|piece| !have.has(*piece));
            if let Some(piece) = missing {
                is_news = true;
                if pieces.received.insert(piece) && pieces.received.len() > RECEIVED_MAX {
                    pieces.received.clear();
                }
            }
            at = geometry.piece_end(at);
        }
        is_news
    }

    /// Returns whether a whole page of `range` is known to be present. The last page may end at the
    /// end of the file.
    pub(crate) fn has_page(
        &self,
        file: FileId,
        facts: &FileFacts,
        range: ByteRange,
        page_bytes: u64,
    ) -> bool {
        let have = self.torrents.get(&file.torrent).and_then(|pieces| pieces.have.as_ref());
        let (Some(geometry), Some(have)) = (facts.geometry, have) else { return false };
        let mut rest = range;
        while !rest.is_empty() {
            let run = rest.from(geometry.missing_until(have, rest));
            let run_end = geometry.have_until(have, run);
            let page = run.start().checked_next_multiple_of(page_bytes).unwrap_or(u64::MAX);
            if page < run_end && page.saturating_add(page_bytes).min(facts.len) <= run_end {
                return true;
            }
            if run_end == rest.start() {
                // Beyond the last piece: only a hostile source reports this.
                return false;
            }
            rest = rest.from(run_end);
        }
        false
    }

    /// Returns whether a bitfield of the torrent is known.
    pub(crate) fn is_known(&self, torrent: InfoHash) -> bool {
        self.torrents.get(&torrent).is_some_and(|pieces| pieces.have.is_some())
    }

    /// Returns whether the last bitfield lacks a piece of `range` of which no byte has arrived
    /// since, and when that bitfield was requested; `None` if there is none.
    pub(crate) fn is_lacking(
        &self,
        file: FileId,
        facts: &FileFacts,
        range: ByteRange,
    ) -> Option<(bool, Timestamp)> {
        if facts.is_complete() {
            return Some((false, Timestamp::MAX));
        }
        let (geometry, pieces) = (facts.geometry?, self.torrents.get(&file.torrent)?);
        let have = pieces.have.as_ref()?;
        let mut at = range.start();
        while at < range.end() {
            let piece = geometry.piece_at(at)?;
            if !have.has(piece) && !pieces.received.contains(&piece) {
                return Some((true, pieces.have_at));
            }
            at = geometry.piece_end(at);
        }
        Some((false, pieces.have_at))
    }

    /// Returns the last bitfield of the torrent, of any age.
    pub(crate) fn last_known(&self, torrent: InfoHash) -> Option<Bitfield> {
        self.torrents.get(&torrent)?.have.clone()
    }

    /// Returns the last bitfield of the torrent, and when it was requested.
    pub(crate) fn last_with_time(&self, torrent: InfoHash) -> Option<(Bitfield, Timestamp)> {
        let pieces = self.torrents.get(&torrent)?;
        Some((pieces.have.clone()?, pieces.have_at))
    }

    /// Returns the pieces of which streams have delivered bytes since the last bitfield.
    pub(crate) fn received(&self, torrent: InfoHash) -> BTreeSet<u32> {
        self.torrents.get(&torrent).map(|pieces| pieces.received.clone()).unwrap_or_default()
    }

    /// Returns when the pending request was sent, or the present time if there is none.
    pub(crate) fn asked_at(&self, torrent: InfoHash, now: Timestamp) -> Timestamp {
        self.torrents.get(&torrent).and_then(|pieces| pieces.asked_at).unwrap_or(now)
    }

    /// Returns from when on the bitfield of a torrent may be requested; `None` while a request is
    /// pending.
    pub(crate) fn free_at(&self, torrent: InfoHash, tuning: &Tuning) -> Option<Timestamp> {
        let Some(pieces) = self.torrents.get(&torrent) else { return Some(Timestamp::ZERO) };
        let at = pieces.answered_at.map(|at| at.saturating_add(tuning.haves_interval));
        pieces.asked_at.is_none().then(|| at.unwrap_or(Timestamp::ZERO))
    }

    /// Returns the end of the bytes that may be missing, counted from the start of `range`.
    pub(crate) fn missing_until(&self, file: FileId, facts: &FileFacts, range: ByteRange) -> u64 {
        let have = self.torrents.get(&file.torrent).and_then(|pieces| pieces.have.as_ref());
        match (facts.geometry, have) {
            (Some(geometry), Some(have)) => geometry.missing_until(have, range),
            (None, _) | (_, None) => range.end(),
        }
    }

    /// Returns how many bytes of `range` are known to be present.
    pub(crate) fn bytes_here(&self, file: FileId, facts: &FileFacts, range: ByteRange) -> u64 {
        if facts.is_complete() {
            return range.len();
        }
        let have = self.torrents.get(&file.torrent).and_then(|pieces| pieces.have.as_ref());
        let (Some(geometry), Some(have)) = (facts.geometry, have) else { return 0 };
        geometry.have_bytes(have, range)
    }

    /// Records that the bitfield of a torrent is needed. Returns true if it must be requested now.
    pub(crate) fn ask(&mut self, torrent: InfoHash, now: Timestamp, tuning: &Tuning) -> bool {
        let pieces = self.torrents.entry(torrent).or_default();
        pieces.used_at = now;
        if pieces.asked_at.is_some() {
            return false;
        }
        let next = pieces.answered_at.map(|at| at.saturating_add(tuning.haves_interval));
        let is_due = next.is_none_or(|next| next <= now);
        if is_due {
            pieces.asked_at = Some(now);
        }
        is_due
    }

    /// Returns the bitfield status of a torrent, once [`ask`](Self::ask) was called.
    pub(crate) fn news(&self, torrent: InfoHash) -> BitfieldStatus {
        match self.torrents.get(&torrent) {
            Some(Pieces { asked_at: None, have: Some(have), .. }) => {
                BitfieldStatus::Known(have.clone())
            }
            Some(Pieces { asked_at: None, have: None, .. }) | None => BitfieldStatus::Unknown,
            Some(Pieces { asked_at: Some(_), .. }) => BitfieldStatus::Asking,
        }
    }

    /// Returns when the status of a torrent next changes without an event.
    pub(crate) fn next_time(&self, torrent: InfoHash, tuning: &Tuning) -> Option<Timestamp> {
        let pieces = self.torrents.get(&torrent)?;
        match (pieces.asked_at, pieces.have.is_some()) {
            (Some(at), false) => Some(at.saturating_add(tuning.haves_patience)),
            (Some(_), true) => None,
            (None, _) => pieces.answered_at.map(|at| at.saturating_add(tuning.haves_interval)),
        }
    }

    /// Returns when the server last answered a bitfield request, be it without a bitfield.
    pub(crate) fn answered_at(&self, torrent: InfoHash) -> Option<Timestamp> {
        self.torrents.get(&torrent)?.answered_at
    }

    /// Records an answer; `None` if there was none. The bitfields of torrents in use are kept, and
    /// those of [`UNUSED_TORRENTS_MAX`] others.
    pub(crate) fn on_answer(
        &mut self,
        torrent: InfoHash,
        have: Option<Bitfield>,
        now: Timestamp,
        is_used: impl Fn(InfoHash) -> bool,
    ) {
        let pieces = self.torrents.entry(torrent).or_default();
        let asked_at = pieces.asked_at.take().unwrap_or(now);
        pieces.answered_at = Some(now);
        pieces.used_at = now;
        // An error is no evidence about pieces.
        if have.is_some() {
            (pieces.have, pieces.have_at) = (have, asked_at);
            pieces.received.clear();
        }
        self.drop_unused(is_used);
    }

    /// Ends all pending requests: none will be answered.
    pub(crate) fn cancel(&mut self, now: Timestamp) {
        for pieces in self.torrents.values_mut().filter(|pieces| pieces.asked_at.is_some()) {
            pieces.asked_at = None;
            pieces.answered_at = Some(now);
        }
    }

    /// Discards all bitfields: a server that failed may have lost pieces.
    pub(crate) fn forget(&mut self) {
        for pieces in self.torrents.values_mut() {
            pieces.have = None;
            pieces.received.clear();
        }
    }

    fn drop_unused(&mut self, is_used: impl Fn(InfoHash) -> bool) {
        while self.torrents.len() > UNUSED_TORRENTS_MAX {
            let idle = self
                .torrents
                .iter()
                .filter(|(hash, pieces)| pieces.asked_at.is_none() && !is_used(**hash));
            let oldest = idle.min_by_key(|(_, pieces)| pieces.used_at).map(|(hash, _)| *hash);
            let Some(oldest) = oldest else { break };
            self.torrents.remove(&oldest);
        }
    }
}

impl FileFacts {
    /// Returns whether the file was complete in the last listing.
    pub(crate) fn is_complete(&self) -> bool {
        self.state.is_some_and(|state| state.is_complete(self.len))
    }

    /// Returns whether the last listing of the server has the torrent.
    pub(crate) fn is_listed(&self) -> bool {
        self.state.is_some_and(|state| state.is_listed)
    }

    /// Returns whether missing pieces cannot arrive.
    pub(crate) fn is_stopped(&self) -> bool {
        self.state.is_some_and(|state| match state.torrent {
            TorrentState::Paused | TorrentState::Failed => true,
            TorrentState::Live | TorrentState::Initializing => false,
        })
    }

    /// Returns the assumed availability where no bitfield is known. While a torrent is checked its
    /// streams are silent; a failed torrent has none.
    fn guess(&self) -> Availability {
        match self.state.map(|state| state.torrent) {
            Some(TorrentState::Initializing | TorrentState::Failed) => Availability::Missing,
            Some(TorrentState::Live | TorrentState::Paused) | None => Availability::Unknown,
        }
    }
}
