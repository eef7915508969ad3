//! Which server a read asks first: a pure function of what is known of them, and of the time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::Timestamp;
use crate::engine::plan::{Availability, ServerAvailability};
use crate::{HandleId, ServerId};

/// For how long a server is asked last that failed or was silent; it doubles with each time in a
/// row. Whoever asks it in vain waits for a second, so that should be rare, and a server that
/// restarts is back within seconds.
const DOUBT_TIME_MIN: Duration = Duration::from_secs(2);

/// The longest such time: how late a server is used again that nobody else asked.
const DOUBT_TIME_MAX: Duration = Duration::from_secs(30);

/// What a read costs beside its bytes, as so many of them: the time of a request.
const REQUEST_BYTES: u64 = 64 << 10;

/// How many times as slow as the fastest a server may be that a reader stays with: each move costs
/// what was read ahead.
const STAY_COST_MAX: u64 = 2;

/// Which part of what is known of the speed a new measurement replaces: one in so many.
const MEASURED_SHARE: u64 = 4;

/// In what time a server is taken for twice as fast as it was measured. Whoever was slow once is
/// slow no more when its disk has woken up or its line is free, and only asking it tells: so one
/// that took ten times as long is tried again after three to four minutes. The cost: one read in
/// so long is slow where the server still is.
const COST_HALF_LIFE: Duration = Duration::from_secs(60);

/// What is known of the servers from their answers to reads. Its [`Timestamp`]s are of a clock of
/// its own, not of that of any engine.
#[derive(Debug)]
pub(super) struct ServerSelector {
    servers: Vec<ServerHistory>,
    /// The server that answered a reader last. One for each open file; `None` before its first
    /// answer.
    homes: BTreeMap<HandleId, Option<ServerId>>,
}

/// What is known of one server.
#[derive(Debug, Default, Clone, Copy)]
struct ServerHistory {
    /// How often in a row it failed or was silent.
    failure_count: u32,
    doubted_until: Timestamp,
    /// How long a KiB took in nanoseconds, waiting for a stream included; 0 if nobody knows.
    cost: u64,
    measured_at: Timestamp,
}

impl ServerHistory {
    /// Returns how long a KiB may take now: the longer ago that was measured, the less.
    fn cost_at(&self, now: Timestamp) -> u64 {
        let age = now.duration_since(self.measured_at).as_millis();
        let half_life = COST_HALF_LIFE.as_millis();
        let halvings = u32::try_from(age / half_life).unwrap_or(u32::MAX);
        let cost = u128::from(self.cost).checked_shr(halvings).unwrap_or(0);
        // Between two halvings it goes down evenly, so that the order does not jump.
        let faded = cost - cost * (age % half_life) / half_life / 2;
        u64::try_from(faded).unwrap_or(u64::MAX).max(self.cost.min(1))
    }
}

/// A server that may answer a read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) server: ServerId,
    /// Whether this machine has the bytes on its own disk, and the server is not asked.
    pub(super) is_local: bool,
    pub(super) outlook: ServerAvailability,
    /// What the last listing had of the file, in bytes.
    pub(super) have_bytes: u64,
    /// Whether what is missing there can come.
    pub(super) is_running: bool,
}

impl ServerSelector {
    pub(super) fn new(server_count: usize) -> Self {
        Self { servers: vec![ServerHistory::default(); server_count], homes: BTreeMap::new() }
    }

    /// Takes note that a server answered a read of so many bytes that began then.
    pub(super) fn on_answer(
        &mut self,
        (handle, server): (HandleId, ServerId),
        bytes: u64,
        (begun_at, now): (Timestamp, Timestamp),
    ) {
        self.on_read_at(handle, server);
        let Some(record) = self.servers.get_mut(usize::from(server.0)) else { return };
        let kibibytes = (bytes.saturating_add(REQUEST_BYTES) >> 10).max(1);
        let took = now.duration_since(begun_at);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let measured = (nanos / kibibytes).max(1);
        // What is that old says nothing beside what was measured now.
        let is_old = now.duration_since(record.measured_at) >= COST_HALF_LIFE;
        let known = if record.cost == 0 || is_old { measured } else { record.cost };
        let cost = known - known / MEASURED_SHARE + measured / MEASURED_SHARE;
        *record = ServerHistory { cost: cost.max(1), measured_at: now, ..ServerHistory::default() };
    }

    /// Takes note that a server failed, or was silent although it has the bytes.
    pub(super) fn on_failure(&mut self, server: ServerId, now: Timestamp) {
        let Some(record) = self.servers.get_mut(usize::from(server.0)) else { return };
        let doubling = 1_u32.wrapping_shl(record.failure_count.min(8));
        let time = DOUBT_TIME_MIN.saturating_mul(doubling).min(DOUBT_TIME_MAX);
        record.failure_count = record.failure_count.saturating_add(1);
        record.doubted_until = now.saturating_add(time);
    }

    /// Takes note of a new reader.
    pub(super) fn on_open(&mut self, handle: HandleId) {
        self.homes.insert(handle, None);
    }

    /// Takes note that a server answered a reader. Not if that was released meanwhile: nothing
    /// would end it a second time.
    pub(super) fn on_read_at(&mut self, handle: HandleId, server: ServerId) {
        if let Some(home) = self.homes.get_mut(&handle) {
            *home = Some(server);
        }
    }

    /// Forgets a reader.
    pub(super) fn on_release(&mut self, handle: HandleId) {
        self.homes.remove(&handle);
    }

    pub(super) fn home(&self, handle: HandleId) -> Option<ServerId> {
        self.homes.get(&handle).copied().flatten()
    }

    /// Orders servers for a read: those first whose files are on this machine, then those that have
    /// the bytes and are not in doubt, of these
    /// the one that the reader is at, unless another is much faster, then the fastest. One whose
    /// speed nobody knows is taken for fast, so that it is tried, and what is known fades.
    pub(super) fn order(&self, candidates: &mut [Candidate], handle: HandleId, now: Timestamp) {
        let home = self.home(handle);
        let cost = |server: ServerId| self.record(server).cost_at(now);
        let costs = candidates.iter().filter(|it| it.outlook.presence == Availability::Present);
        let least = costs.map(|it| cost(it.server)).min().unwrap_or(0);
        candidates.sort_by_key(|candidate| {
            let Candidate { server, is_local, outlook, .. } = candidate;
            let is_doubted = self.is_doubted(*server, now);
            let stays =
                home == Some(*server) && cost(*server) <= least.saturating_mul(STAY_COST_MAX);
            (
                !is_local,
                outlook.is_refusing,
                is_doubted,
                rank(outlook.presence),
                !stays,
                cost(*server),
                *server,
            )
        });
    }

    /// Returns the server at which a read waits for what is missing everywhere: one that downloads
    /// it, and of several the one that has most.
    pub(super) fn waiting_place(
        &self,
        candidates: &[Candidate],
        now: Timestamp,
    ) -> Option<ServerId> {
        let running = candidates.iter().filter(|candidate| candidate.is_running);
        let best = running.min_by_key(|candidate| {
            let Candidate { server, outlook, have_bytes, .. } = candidate;
            let most = std::cmp::Reverse(*have_bytes);
            (outlook.is_refusing, self.is_doubted(*server, now), most, *server)
        });
        best.map(|candidate| candidate.server)
    }

    /// Returns whether a server failed or was silent a moment ago.
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
        // Pending takes milliseconds.
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
            outlook: ServerAvailability { presence, here_until: 0, is_refusing: false },
            have_bytes: u64::from(server),
            is_running: true,
        }
    }

    /// Returns what is known of servers before anything happened, with two open handles.
    fn choice(server_count: usize) -> ServerSelector {
        let mut choice = ServerSelector::new(server_count);
        [READER, OTHER].into_iter().for_each(|handle| choice.on_open(handle));
        choice
    }

    #[track_caller]
    fn check(choice: &ServerSelector, now: u64, presences: &[Availability], want: &[u16]) {
        let mut candidates: Vec<_> =
            (0..).zip(presences).map(|(server, presence)| candidate(server, *presence)).collect();
        choice.order(&mut candidates, READER, second(now));
        let order: Vec<_> = candidates.iter().map(|candidate| candidate.server.0).collect();
        assert_eq!(order, want);
    }

    #[test]
    fn who_has_the_bytes_is_asked_first() {
        use Availability::{Missing, Pending, Present, Unknown};
        let choice = choice(4);
        check(&choice, 0, &[Missing, Unknown, Pending, Present], &[3, 2, 1, 0]);
        check(&choice, 0, &[Present, Present], &[0, 1]);
    }

    #[test]
    fn what_is_on_this_machine_is_read_there_whatever_its_server_does() {
        let mut choice = choice(2);
        let when = (second(0), second(0) + Duration::from_millis(1));
        choice.on_answer((READER, ServerId(0)), 1 << 20, when);
        choice.on_failure(ServerId(1), second(0));
        let mut candidates = [0, 1].map(|server| candidate(server, Availability::Present));
        candidates[1].is_local = true;
        candidates[1].outlook.is_refusing = true;
        choice.order(&mut candidates, READER, second(0));
        assert_eq!(candidates[0].server, ServerId(1));
    }

    #[test]
    fn who_failed_is_asked_last_for_a_while() {
        use Availability::{Missing, Present};
        let mut choice = choice(2);
        choice.on_failure(ServerId(0), second(10));
        check(&choice, 11, &[Present, Missing], &[1, 0]);
        check(&choice, 12, &[Present, Missing], &[0, 1]);
        choice.on_failure(ServerId(0), second(12));
        check(&choice, 15, &[Present, Present], &[1, 0]);
        check(&choice, 16, &[Present, Present], &[0, 1]);
        (0..100).for_each(|_| choice.on_failure(ServerId(0), second(20)));
        check(&choice, 49, &[Present, Present], &[1, 0]);
        check(&choice, 50, &[Present, Present], &[0, 1]);
        choice.on_failure(ServerId(0), second(50));
        choice.on_answer((OTHER, ServerId(0)), 1, (second(50), second(51)));
        choice.on_failure(ServerId(0), second(60));
        check(&choice, 62, &[Present, Present], &[1, 0]);
    }

    #[test]
    fn a_reader_stays_unless_another_server_is_much_faster() {
        use Availability::Present;
        let mut choice = choice(2);
        let millis = |n| (second(0), second(0) + Duration::from_millis(n));
        choice.on_answer((OTHER, ServerId(0)), 1 << 20, millis(10));
        // Who is not known yet is tried.
        check(&choice, 0, &[Present, Present], &[1, 0]);
        choice.on_answer((READER, ServerId(1)), 1 << 20, millis(19));
        check(&choice, 0, &[Present, Present], &[1, 0]);
        (0..20).for_each(|_| choice.on_answer((READER, ServerId(1)), 1 << 20, millis(21)));
        check(&choice, 0, &[Present, Present], &[0, 1]);
    }

    /// Handles are never reused: what is noted of one that was released would stay.
    #[test]
    fn an_answer_after_the_release_of_its_handle_leaves_nothing_behind() {
        let mut choice = choice(2);
        let answer = (READER, ServerId(1));
        choice.on_answer(answer, 1, (second(0), second(1)));
        assert_eq!(choice.home(READER), Some(ServerId(1)));
        choice.on_release(READER);
        choice.on_answer(answer, 1, (second(1), second(2)));
        assert_eq!(choice.homes.keys().collect::<Vec<_>>(), [&OTHER]);
        assert!(choice.record(ServerId(1)).cost > 0);
    }

    #[test]
    fn who_was_slow_is_tried_again_in_time_and_measured_anew() {
        use Availability::Present;
        let mut choice = choice(2);
        let answer = |choice: &mut ServerSelector, server: u16, at: u64, millis: u64| {
            let now = second(at) + Duration::from_millis(millis);
            choice.on_answer((READER, ServerId(server)), 1 << 20, (second(at), now));
        };
        answer(&mut choice, 1, 0, 100);
        answer(&mut choice, 0, 0, 10);
        let turn = (0..600).find(|now| {
            answer(&mut choice, 0, *now, 10);
            let mut candidates = [0, 1].map(|server| candidate(server, Present));
            choice.order(&mut candidates, READER, second(*now));
            candidates[0].server == ServerId(1)
        });
        // Twice as fast as who is asked all the time: after more than four half-lives.
        assert_eq!(turn, Some(265));
        // It is as slow as it was: the next read is the other's again, and for as long.
        answer(&mut choice, 1, 265, 100);
        check(&choice, 266, &[Present, Present], &[0, 1]);
        // It is faster now, and keeps the reader.
        answer(&mut choice, 0, 600, 10);
        answer(&mut choice, 1, 600, 5);
        check(&choice, 601, &[Present, Present], &[1, 0]);
        assert!(choice.record(ServerId(1)).cost_at(Timestamp::MAX) > 0);
    }

    #[test]
    fn what_is_missing_everywhere_is_waited_for_where_it_downloads() {
        let choice = choice(3);
        let mut candidates = [0, 1, 2].map(|server| candidate(server, Availability::Missing));
        let place = |candidates: &[Candidate]| choice.waiting_place(candidates, second(0));
        assert_eq!(place(&candidates), Some(ServerId(2)));
        candidates[2].is_running = false;
        assert_eq!(place(&candidates), Some(ServerId(1)));
        candidates[1].outlook.is_refusing = true;
        assert_eq!(place(&candidates), Some(ServerId(0)));
        candidates.iter_mut().for_each(|candidate| candidate.is_running = false);
        assert_eq!(place(&candidates), None);
    }
}
