//! Server selection: a pure function of the servers' history and the time.

use std::collections::BTreeMap;
use std::time::Duration;

use tfs_types::Backoff;

use crate::engine::plan::{Availability, ServerAvailability};
use crate::{HandleId, ServerId, Timestamp};

/// How long a server is tried last after consecutive failures and stalls. A failed attempt costs a
/// second, so it should be rare, and a server that restarts is back within seconds. The longest
/// time bounds how late a recovered server is used again.
const DOUBT_TIMES: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(30));

/// The cost of a request beside its bytes, expressed in bytes.
const REQUEST_BYTES: u64 = 64 << 10;

/// A reader stays at its server while that is at most this many times slower than the fastest. Each
/// move loses the read-ahead.
const STAY_COST_MAX: u64 = 2;

/// A new measurement has a weight of one in this number.
const MEASURED_SHARE: u64 = 4;

/// The half-life of a measured cost. A slow server may be fast again, once its disk has spun up or
/// its line is free, and only a read shows it. A server that was ten times slower is tried again
/// after three to four minutes. The cost: one slow read in that time if the server is still slow.
const COST_HALF_LIFE: Duration = Duration::from_secs(60);

/// The history of the servers, from their answers to reads. Its [`Timestamp`]s use a clock of its
/// own, not that of any engine.
#[derive(Debug)]
pub(super) struct ServerSelector {
    servers: Vec<ServerHistory>,
    /// The server that last answered each open handle; `None` before the first answer.
    homes: BTreeMap<HandleId, Option<ServerId>>,
}

/// The history of one server.
#[derive(Debug, Default, Clone, Copy)]
struct ServerHistory {
    /// The number of consecutive failures and stalls.
    failure_count: u32,
    doubted_until: Timestamp,
    /// Nanoseconds for a KiB, including the wait for a stream; 0 if unknown.
    cost: u64,
    measured_at: Timestamp,
}

impl ServerHistory {
    /// Returns the estimated cost of a KiB: a measurement decays with its age.
    fn cost_at(&self, now: Timestamp) -> u64 {
        let age = now.duration_since(self.measured_at).as_millis();
        let half_life = COST_HALF_LIFE.as_millis();
        let halvings = u32::try_from(age / half_life).unwrap_or(u32::MAX);
        let cost = u128::from(self.cost).checked_shr(halvings).unwrap_or(0);
        // Linear between two half-lives, so that the order does not jump.
        let faded = cost - cost * (age % half_life) / half_life / 2;
        u64::try_from(faded).unwrap_or(u64::MAX).max(self.cost.min(1))
    }
}

/// A server that may answer a read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) server: ServerId,
    /// Whether the local disk has the bytes, so that the server is not needed.
    pub(super) is_local: bool,
    pub(super) availability: ServerAvailability,
    /// The bytes of the file that the server had in the last listing.
    pub(super) have_bytes: u64,
    /// Whether missing data can arrive there.
    pub(super) is_running: bool,
}

impl ServerSelector {
    pub(super) fn new(server_count: usize) -> Self {
        Self { servers: vec![ServerHistory::default(); server_count], homes: BTreeMap::new() }
    }

    /// Records that a server answered a read of `bytes` bytes, `took` after its start.
    pub(super) fn on_answer(
        &mut self,
        handle: HandleId,
        server: ServerId,
        bytes: u64,
        took: Duration,
        now: Timestamp,
    ) {
        self.on_read_at(handle, server);
        let Some(record) = self.servers.get_mut(usize::from(server.0)) else { return };
        let kibibytes = (bytes.saturating_add(REQUEST_BYTES) >> 10).max(1);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let measured = (nanos / kibibytes).max(1);
        // An old measurement is ignored.
        let is_old = now.duration_since(record.measured_at) >= COST_HALF_LIFE;
        let known = if record.cost == 0 || is_old { measured } else { record.cost };
        let cost = known - known / MEASURED_SHARE + measured / MEASURED_SHARE;
        *record = ServerHistory { cost: cost.max(1), measured_at: now, ..ServerHistory::default() };
    }

    /// Records that a server failed, or stalled although it has the bytes.
    pub(super) fn on_failure(&mut self, server: ServerId, now: Timestamp) {
        let Some(record) = self.servers.get_mut(usize::from(server.0)) else { return };
        record.failure_count = record.failure_count.saturating_add(1);
        record.doubted_until = now.saturating_add(DOUBT_TIMES.delay(record.failure_count));
    }

    /// Records a new handle.
    pub(super) fn on_open(&mut self, handle: HandleId) {
        self.homes.insert(handle, None);
    }

    /// Records that a server answered a handle. Ignored if the handle was released: no event would
    /// remove the entry.
    pub(super) fn on_read_at(&mut self, handle: HandleId, server: ServerId) {
        if let Some(home) = self.homes.get_mut(&handle) {
            *home = Some(server);
        }
    }

    /// Removes a handle.
    pub(super) fn on_release(&mut self, handle: HandleId) {
        self.homes.remove(&handle);
    }

    pub(super) fn home(&self, handle: HandleId) -> Option<ServerId> {
        self.homes.get(&handle).copied().flatten()
    }

    /// Sorts servers for a read. First those whose files are on the local disk, then those that
    /// have the bytes and have not failed recently. Among these, the reader's current server is
    /// first unless another is much faster; then the fastest. A server of unknown speed counts as
    /// fast, so that it is tried. Measurements decay.
    pub(super) fn order(&self, candidates: &mut [Candidate], handle: HandleId, now: Timestamp) {
        let home = self.home(handle);
        let cost = |server: ServerId| self.record(server).cost_at(now);
        let costs =
            candidates.iter().filter(|it| it.availability.presence == Availability::Present);
        let least = costs.map(|it| cost(it.server)).min().unwrap_or(0);
        candidates.sort_by_key(|candidate| {
            let Candidate { server, is_local, availability, .. } = candidate;
            let is_doubted = self.is_doubted(*server, now);
            let stays =
                home == Some(*server) && cost(*server) <= least.saturating_mul(STAY_COST_MAX);
            (
                !is_local,
                availability.is_refusing,
                is_doubted,
                rank(availability.presence),
                !stays,
                cost(*server),
                *server,
            )
        });
    }

    /// Returns the server at which a read waits for data that is missing everywhere: one that
    /// downloads it, and of several the one that has the most bytes.
    pub(super) fn waiting_place(
        &self,
        candidates: &[Candidate],
        now: Timestamp,
    ) -> Option<ServerId> {
        let running = candidates.iter().filter(|candidate| candidate.is_running);
        let best = running.min_by_key(|candidate| {
            let Candidate { server, availability, have_bytes, .. } = candidate;
            let most = std::cmp::Reverse(*have_bytes);
            (availability.is_refusing, self.is_doubted(*server, now), most, *server)
        });
        best.map(|candidate| candidate.server)
    }

    /// Returns whether a server failed or stalled recently.
    pub(super) fn is_doubted(&self, server: ServerId, now: Timestamp) -> bool {
        now < self.record(server).doubted_until
    }

    fn record(&self, server: ServerId) -> ServerHistory {
        self.servers.get(usize::from(server.0)).copied().unwrap_or_default()
    }
}

fn rank(presence: Availability) -> u8 {
    match presence {
        Availability::Present => 0,
        // The answer takes milliseconds.
        Availability::Pending => 1,
        Availability::Unknown => 2,
        Availability::Missing => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READER: HandleId = HandleId(1);
    const OTHER: HandleId = HandleId(9);

    fn second(n: u64) -> Timestamp {
        Timestamp::from_start(Duration::from_secs(n))
    }

    fn candidate(server: u16, presence: Availability) -> Candidate {
        Candidate {
            server: ServerId(server),
            is_local: false,
            availability: ServerAvailability { presence, here_until: 0, is_refusing: false },
            have_bytes: u64::from(server),
            is_running: true,
        }
    }

    /// Returns a selector without history, with two open handles.
    fn selector(server_count: usize) -> ServerSelector {
        let mut selector = ServerSelector::new(server_count);
        [READER, OTHER].into_iter().for_each(|handle| selector.on_open(handle));
        selector
    }

    #[track_caller]
    fn check(selector: &ServerSelector, now: u64, presences: &[Availability], want: &[u16]) {
        let mut candidates: Vec<_> =
            (0..).zip(presences).map(|(server, presence)| candidate(server, *presence)).collect();
        selector.order(&mut candidates, READER, second(now));
        let order: Vec<_> = candidates.iter().map(|candidate| candidate.server.0).collect();
        assert_eq!(order, want);
    }

    #[test]
    fn who_has_the_bytes_is_asked_first() {
        use Availability::{Missing, Pending, Present, Unknown};
        let selector = selector(4);
        check(&selector, 0, &[Missing, Unknown, Pending, Present], &[3, 2, 1, 0]);
        check(&selector, 0, &[Present, Present], &[0, 1]);
    }

    #[test]
    fn what_is_on_this_machine_is_read_there_whatever_its_server_does() {
        let mut selector = selector(2);
        let took = Duration::from_millis(1);
        selector.on_answer(READER, ServerId(0), 1 << 20, took, second(0) + took);
        selector.on_failure(ServerId(1), second(0));
        let mut candidates = [0, 1].map(|server| candidate(server, Availability::Present));
        candidates[1].is_local = true;
        candidates[1].availability.is_refusing = true;
        selector.order(&mut candidates, READER, second(0));
        assert_eq!(candidates[0].server, ServerId(1));
    }

    #[test]
    fn who_failed_is_asked_last_for_a_while() {
        use Availability::{Missing, Present};
        let mut selector = selector(2);
        selector.on_failure(ServerId(0), second(10));
        check(&selector, 11, &[Present, Missing], &[1, 0]);
        check(&selector, 12, &[Present, Missing], &[0, 1]);
        selector.on_failure(ServerId(0), second(12));
        check(&selector, 15, &[Present, Present], &[1, 0]);
        check(&selector, 16, &[Present, Present], &[0, 1]);
        (0..100).for_each(|_| selector.on_failure(ServerId(0), second(20)));
        check(&selector, 49, &[Present, Present], &[1, 0]);
        check(&selector, 50, &[Present, Present], &[0, 1]);
        selector.on_failure(ServerId(0), second(50));
        selector.on_answer(OTHER, ServerId(0), 1, Duration::from_secs(1), second(51));
        selector.on_failure(ServerId(0), second(60));
        check(&selector, 62, &[Present, Present], &[1, 0]);
    }

    #[test]
    fn a_reader_stays_unless_another_server_is_much_faster() {
        use Availability::Present;
        let mut selector = selector(2);
        let answer = |selector: &mut ServerSelector, handle, server, millis| {
            let took = Duration::from_millis(millis);
            selector.on_answer(handle, ServerId(server), 1 << 20, took, second(0) + took);
        };
        answer(&mut selector, OTHER, 0, 10);
        // A server of unknown speed is tried.
        check(&selector, 0, &[Present, Present], &[1, 0]);
        answer(&mut selector, READER, 1, 19);
        check(&selector, 0, &[Present, Present], &[1, 0]);
        (0..20).for_each(|_| answer(&mut selector, READER, 1, 21));
        check(&selector, 0, &[Present, Present], &[0, 1]);
    }

    /// Handles are never reused: an entry for a released one would never be removed.
    #[test]
    fn an_answer_after_the_release_of_its_handle_leaves_nothing_behind() {
        let mut selector = selector(2);
        let took = Duration::from_secs(1);
        selector.on_answer(READER, ServerId(1), 1, took, second(1));
        assert_eq!(selector.home(READER), Some(ServerId(1)));
        selector.on_release(READER);
        selector.on_answer(READER, ServerId(1), 1, took, second(2));
        assert_eq!(selector.homes.keys().collect::<Vec<_>>(), [&OTHER]);
        assert!(selector.record(ServerId(1)).cost > 0);
    }

    #[test]
    fn who_was_slow_is_tried_again_in_time_and_measured_anew() {
        use Availability::Present;
        let mut selector = selector(2);
        let answer = |selector: &mut ServerSelector, server: u16, at: u64, millis: u64| {
            let took = Duration::from_millis(millis);
            selector.on_answer(READER, ServerId(server), 1 << 20, took, second(at) + took);
        };
        answer(&mut selector, 1, 0, 100);
        answer(&mut selector, 0, 0, 10);
        let turn = (0..600).find(|now| {
            answer(&mut selector, 0, *now, 10);
            let mut candidates = [0, 1].map(|server| candidate(server, Present));
            selector.order(&mut candidates, READER, second(*now));
            candidates[0].server == ServerId(1)
        });
        // Twice as fast as the current server by estimate: after more than four half-lives.
        assert_eq!(turn, Some(265));
        // It is still slow: the next read goes to the other server again.
        answer(&mut selector, 1, 265, 100);
        check(&selector, 266, &[Present, Present], &[0, 1]);
        // It is faster now, and keeps the reader.
        answer(&mut selector, 0, 600, 10);
        answer(&mut selector, 1, 600, 5);
        check(&selector, 601, &[Present, Present], &[1, 0]);
        assert!(selector.record(ServerId(1)).cost_at(Timestamp::MAX) > 0);
    }

    #[test]
    fn what_is_missing_everywhere_is_waited_for_where_it_downloads() {
        let selector = selector(3);
        let mut candidates = [0, 1, 2].map(|server| candidate(server, Availability::Missing));
        let place = |candidates: &[Candidate]| selector.waiting_place(candidates, second(0));
        assert_eq!(place(&candidates), Some(ServerId(2)));
        candidates[2].is_running = false;
        assert_eq!(place(&candidates), Some(ServerId(1)));
        candidates[1].availability.is_refusing = true;
        assert_eq!(place(&candidates), Some(ServerId(0)));
        candidates.iter_mut().for_each(|candidate| candidate.is_running = false);
        assert_eq!(place(&candidates), None);
    }
}
