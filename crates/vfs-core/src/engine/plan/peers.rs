//! Looks at the peers of torrents, and cures of rqbit's faults with them.
//!
//! A torrent whose selected files are complete may be left without connected peers by faults of
//! rqbit (`docs/dev/upstream.md`). The peers show which one makes a stream wait:
//!
//! | peers | fault | cure |
//! |---|---|---|
//! | none connected, some not needed | a peer met again was marked as not needed | another stream |
//! | some connected | a requester sleeps, for 5 s at most | time: another stream does not wake it |
//! | some forgotten | rqbit removed a peer from its table | adding it again |
//! | none connected in several looks | all are gone, and rqbit tries again late | a search |
//!
//! The peers are requested when a stream has waited for a while, at growing intervals. The source
//! learns their addresses at the first bytes of a torrent, and then once a minute. After the last
//! stream, one more look finds what was lost in the meantime.
#![warn(clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;
use std::time::Duration;

use tfs_types::Backoff;

use super::{Output, Phase, Plan, PlannedStream, StreamId};
use crate::{InfoHash, PeerCounts, Timestamp};

/// The intervals of looks while a stream waits. The first is shorter than the time after which a
/// silent stream is reopened, and a sleeping requester wakes up within the first three.
const LOOK_INTERVALS: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));

/// How long connected peers count as connected after a look: until the next of the first three.
const TRUST_TIME: Duration = Duration::from_secs(3);

/// The maximum age of a number of connected peers that is shown: two of the longest intervals.
const COUNT_AGE_MAX: Duration = Duration::from_secs(60);

/// The interval of looks while reads go on without a wait. A peer that appeared and was forgotten
/// in between stays forgotten.
const LEARN_INTERVAL: Duration = Duration::from_secs(60);

/// How long after the last stream of a torrent the last look follows: by then rqbit has ended its
/// connections.
const LAST_LOOK_DELAY: Duration = Duration::from_secs(1);

/// After how many looks in a row without a connected peer the source searches for peers: rqbit
/// has then had time to meet all that are not needed.
const LONELY_LOOKS_MAX: u32 = 3;

/// The same if no peer is about to be connected.
const HOPELESS_LOOKS_MAX: u32 = 2;

/// After how many looks without bytes the source searches for peers although some are connected:
/// they may have nothing. That is 16 seconds.
const FRUITLESS_LOOKS_MAX: u32 = 5;

/// The intervals of searches for peers of a torrent that brings no bytes. Each asks the trackers,
/// which expect half an hour between two requests.
const SEARCH_INTERVALS: Backoff = Backoff::new(Duration::from_secs(120), Duration::from_secs(1800));

/// The number of torrents without a stream that are kept. Each keeps the time of its last search.
const UNUSED_MAX: usize = 512;

/// The looks at the peers of one torrent.
#[derive(Debug, Default)]
struct WatchedPeers {
    asked_at: Option<Timestamp>,
    is_pending: bool,
    /// The number of looks since the last bytes.
    look_count: u32,
    /// When peers were last seen to be connected.
    live_at: Option<Timestamp>,
    /// The number of connected peers at the last answer, and its time.
    live_count: Option<(Timestamp, usize)>,
    /// The number of looks since the last bytes, while a stream waited: those without a connected
    /// peer in a row, and all.
    lonely_looks: u32,
    fruitless_looks: u32,
    /// The last search for peers, and the number of searches since the last bytes.
    searched_at: Option<Timestamp>,
    search_count: u32,
    /// Whether a stream keeps the peers, and when the last one was closed.
    has_stream: bool,
    streamed_at: Timestamp,
}

/// The looks at the peers of the torrents that are read.
#[derive(Debug, Default)]
pub(super) struct PeerWatch {
    torrents: BTreeMap<InfoHash, WatchedPeers>,
}

impl PeerWatch {
    /// Ends all requests: none will be answered.
    pub(super) fn cancel(&mut self) {
        self.torrents.values_mut().for_each(|watched| watched.is_pending = false);
    }

    /// Records that a stream of a torrent received bytes of a piece that was missing or unknown.
    pub(super) fn on_bytes(&mut self, torrent: InfoHash) {
        if let Some(watched) = self.torrents.get_mut(&torrent) {
            watched.look_count = 0;
            (watched.lonely_looks, watched.fruitless_looks, watched.search_count) = (0, 0, 0);
        }
    }

    /// Returns until when the peers of a stream count as connected.
    pub(super) fn trusted_until(&self, stream: &PlannedStream) -> Option<Timestamp> {
        let watched = self.torrents.get(&stream.file.torrent).filter(|_| stream.keeps_peers)?;
        Some(watched.live_at?.saturating_add(TRUST_TIME))
    }

    /// Returns the number of connected peers of a torrent, if a look has told it recently.
    pub(super) fn live_count(&self, torrent: InfoHash, now: Timestamp) -> Option<usize> {
        let (at, count) = self.torrents.get(&torrent)?.live_count?;
        (now.duration_since(at) <= COUNT_AGE_MAX).then_some(count)
    }

    /// Returns the number of connected peers of a torrent at the last look, of any age; zero
    /// before.
    pub(super) fn recent_count(&self, torrent: InfoHash) -> usize {
        let known = self.torrents.get(&torrent).and_then(|watched| watched.live_count);
        known.map_or(0, |(_, count)| count)
    }

    fn drop_unused(&mut self) {
        let is_unused =
            |it: &WatchedPeers| !it.has_stream && !it.is_pending && it.last_look_at().is_none();
        while self.torrents.values().filter(|it| is_unused(it)).count() > UNUSED_MAX {
            let unused = self.torrents.iter().filter(|(_, it)| is_unused(it));
            let oldest = unused.min_by_key(|(_, it)| it.asked_at).map(|(torrent, _)| *torrent);
            let Some(oldest) = oldest else { return };
            self.torrents.remove(&oldest);
        }
    }
}

impl WatchedPeers {
    /// Takes in a look while a stream waits. Returns whether the source must search for peers.
    fn needs_search(&mut self, now: Timestamp, peers: PeerCounts) -> bool {
        self.fruitless_looks = self.fruitless_looks.saturating_add(1);
        self.lonely_looks = if peers.live > 0 { 0 } else { self.lonely_looks.saturating_add(1) };
        let lonely_max = if peers.coming > 0 { LONELY_LOOKS_MAX } else { HOPELESS_LOOKS_MAX };
        let is_alone = self.lonely_looks >= lonely_max;
        let is_due = self
            .searched_at
            .is_none_or(|at| at.saturating_add(SEARCH_INTERVALS.delay(self.search_count)) <= now);
        let must_search = is_due && (is_alone || self.fruitless_looks >= FRUITLESS_LOOKS_MAX);
        if must_search {
            self.searched_at = Some(now);
            self.search_count = self.search_count.saturating_add(1);
        }
        must_search
    }

    /// Returns when the look after the last stream is due.
    fn last_look_at(&self) -> Option<Timestamp> {
        let is_due = !self.has_stream && self.asked_at.is_none_or(|at| at <= self.streamed_at);
        is_due.then(|| self.streamed_at.saturating_add(LAST_LOOK_DELAY))
    }
}

impl Plan {
    /// Handles the answer to [`Output::AskPeers`]; `None` if the source cannot tell.
    pub(in crate::engine) fn on_peers(
        &mut self,
        now: Timestamp,
        torrent: InfoHash,
        answer: Option<PeerCounts>,
    ) {
        let is_waiting = self.streams.values().any(|stream| {
            stream.file.torrent == torrent && self.patience_end(stream).is_some_and(|at| at <= now)
        });
        let Some(watched) = self.peers.torrents.get_mut(&torrent) else { return };
        watched.is_pending = false;
        self.is_dirty = true;
        let Some(peers) = answer else { return };
        let must_search = is_waiting && watched.needs_search(now, peers);
        if !watched.has_stream {
            // The look after the last stream. A stream that is reopened is missing for less.
            (watched.lonely_looks, watched.fruitless_looks) = (0, 0);
        }
        watched.live_count = Some((now, peers.live));
        if peers.live > 0 {
            watched.live_at = Some(now);
        }
        if peers.forgotten > 0 {
            self.output(Output::AddPeers { torrent });
        }
        if must_search {
            self.output(Output::FindPeers { torrent });
        }
        let has_peers = peers.live > 0 || peers.coming > 0;
        if !has_peers && peers.not_needed > 0 {
            self.reopen_waiting(torrent, now);
        }
    }

    /// Reopens the streams of a torrent that wait.
    fn reopen_waiting(&mut self, torrent: InfoHash, now: Timestamp) {
        let waiting = self.streams.iter().filter(|(_, stream)| stream.file.torrent == torrent);
        let waiting = waiting.filter(|(_, it)| self.patience_end(it).is_some_and(|at| at <= now));
        let waiting: Vec<(StreamId, _)> = waiting.map(|(id, it)| (*id, it.file)).collect();
        for (id, file) in waiting {
            self.tally
                .count(file, |count| count.stall_reopens = count.stall_reopens.saturating_add(1));
            self.close(id, now);
        }
    }

    /// Requests the peers of all torrents whose look is due.
    pub(super) fn ask_peers(&mut self, now: Timestamp) {
        for stream in self.streams.values().filter(|it| it.keeps_peers && it.is_live()) {
            self.peers.torrents.entry(stream.file.torrent).or_default();
        }
        for (torrent, watched) in &mut self.peers.torrents {
            let mut streams = self.streams.values().filter(|it| it.file.torrent == *torrent);
            let has_stream = streams.any(|it| it.keeps_peers && it.is_live());
            if std::mem::replace(&mut watched.has_stream, has_stream) && !has_stream {
                watched.streamed_at = now;
            }
        }
        if self.breaker.open_until().is_some_and(|until| now < until) {
            return;
        }
        let due = self.peers.torrents.iter().filter(|(torrent, watched)| {
            self.next_look_at(**torrent, watched, now).is_some_and(|at| at <= now)
        });
        let due: Vec<_> = due.map(|(torrent, _)| *torrent).collect();
        for torrent in due {
            let Some(watched) = self.peers.torrents.get_mut(&torrent) else { continue };
            (watched.asked_at, watched.is_pending) = (Some(now), true);
            watched.look_count = watched.look_count.saturating_add(1);
            self.output(Output::AskPeers { torrent });
        }
        self.peers.drop_unused();
    }

    /// Returns when the next look is due.
    pub(super) fn next_peers_at(&self, now: Timestamp) -> Option<Timestamp> {
        let torrents = self.peers.torrents.iter();
        let next =
            torrents.filter_map(|(torrent, it)| self.next_look_at(*torrent, it, now)).min()?;
        Some(self.breaker.open_until().map_or(next, |until| next.max(until)))
    }

    /// Returns when the peers of a torrent are next requested.
    fn next_look_at(
        &self,
        torrent: InfoHash,
        watched: &WatchedPeers,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if watched.is_pending {
            return None;
        }
        if !watched.has_stream {
            return watched.last_look_at();
        }
        let streams = || self.streams.values().filter(|it| it.file.torrent == torrent);
        let has_bytes = streams().any(|it| it.keeps_peers && it.pos > it.range.start());
        let learn_at = watched.asked_at.map_or(now, |at| at.saturating_add(LEARN_INTERVAL));
        let soonest = watched.asked_at.map_or(Timestamp::ZERO, |at| {
            at.saturating_add(LOOK_INTERVALS.delay(watched.look_count))
        });
        let impatient_at = streams().filter_map(|it| self.patience_end(it)).min();
        let impatient_at = impatient_at.map(|at| at.max(soonest));
        let times = [impatient_at, has_bytes.then_some(learn_at)];
        times.into_iter().flatten().min()
    }

    /// Returns when a stream has waited for its peers for long enough.
    fn patience_end(&self, stream: &PlannedStream) -> Option<Timestamp> {
        let is_waiting = stream.keeps_peers && stream.phase == Phase::Open;
        let reads = stream.reads.iter().filter_map(|id| self.reads.get(id)?.stream);
        let since = reads.map(|(_, since)| since).min().filter(|_| is_waiting)?;
        Some(since.max(stream.moved_at).saturating_add(self.tuning.peer_patience))
    }
}
