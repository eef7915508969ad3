//! A read with failover: tries servers in order of preference until one has answered.

use std::time::Duration;

use bytes::Bytes;
use tfs_types::Backoff;
use tokio::time::{Instant, sleep, timeout_at};

use super::MultiEngine;
use super::selector::Candidate;
use crate::engine::plan::{Availability, Split, WaitPolicy};
use crate::engine::{ReadLimits, ReadTarget, join};
use crate::figures::MissingMeter;
use crate::tree::FileState;
use crate::{ByteRange, ServerId, TorrentSource, TorrentState, VfsError};

/// How often a read that waits for missing bytes checks the bitfields of the other servers. Each
/// check costs a server at most one request a second and torrent.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The delays before a read that no server could answer tries them again. The longest bounds how
/// late a recovered server is detected.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));

/// A read with failover.
#[derive(Debug)]
pub(super) struct FailoverRead<'a, S> {
    servers: &'a MultiEngine<S>,
    target: ReadTarget,
    states: &'a [(ServerId, FileState)],
    /// Takes the waits for missing pieces.
    missing: &'a MissingMeter,
    /// When it ends in any case.
    deadline: Instant,
    /// When a part of it last arrived completely, or its torrent last made progress.
    progress_at: Instant,
    /// The bytes received so far, contiguous from the start of the range.
    parts: Vec<Bytes>,
    /// The end of these bytes.
    at: u64,
}

/// The outcome of an attempt at one server.
#[derive(Debug)]
enum ServerOutcome {
    /// All bytes of the part have arrived.
    Done,
    /// The server does not have them.
    Missing,
    /// The server failed.
    Failed(VfsError),
    /// The read ends with this error; no other server is tried.
    Over(VfsError),
}

/// The outcome of one attempt at every server.
#[derive(Debug)]
enum AttemptOutcome {
    Done,
    Over(VfsError),
    /// No server had the rest. Holds the last error, if a server failed that may have it.
    NoServer(Option<VfsError>),
}

impl<'a, S: TorrentSource> FailoverRead<'a, S> {
    pub(super) fn new(
        servers: &'a MultiEngine<S>,
        target: ReadTarget,
        states: &'a [(ServerId, FileState)],
        missing: &'a MissingMeter,
    ) -> Self {
        let progress_at = Instant::now();
        let deadline = progress_at + servers.timeout_max;
        let at = target.range.start();
        Self { servers, target, states, missing, deadline, progress_at, parts: Vec::new(), at }
    }

    /// Tries server by server until one has answered, or the deadline has passed.
    pub(super) async fn run(self) -> Result<Bytes, VfsError> {
        let answer = self.ask_until_over().await;
        answer.map_err(|error| if let VfsError::Source(it) = error { it.into() } else { error })
    }

    async fn ask_until_over(mut self) -> Result<Bytes, VfsError> {
        let mut pause = PAUSES.first;
        loop {
            if self.rest().is_empty() {
                return Ok(join(self.parts));
            }
            let part = self.next_part();
            let error = match self.ask_all(part).await {
                AttemptOutcome::Done => continue,
                AttemptOutcome::Over(error) => return Err(error),
                AttemptOutcome::NoServer(error) => error,
            };
            let known = self.next_part();
            if error.is_none() && known != part {
                // The answers have changed what is known of the availability.
                continue;
            }
            if error.is_none() && self.is_split() {
                return Err(VfsError::Partial);
            }
            let candidates = self.candidates(known);
            let place = self.place(&candidates, error.is_some());
            match (place, error) {
                (Some(place), error) => {
                    if let Some(error) = self.fail_fast_error(place) {
                        return Err(error);
                    }
                    // A server that failed is not tried again at once.
                    let first_look = if error.is_some() { pause } else { Duration::ZERO };
                    match self.wait_at(place, known, first_look).await {
                        ServerOutcome::Over(error) => return Err(error),
                        ServerOutcome::Done | ServerOutcome::Missing if error.is_none() => continue,
                        ServerOutcome::Done | ServerOutcome::Missing => {
                            pause = PAUSES.next(pause);
                            continue;
                        }
                        ServerOutcome::Failed(_) => {}
                    }
                }
                (None, None) => return Err(VfsError::WouldBlock),
                // The breakers of all servers that may have the bytes are open.
                (None, Some(error)) if candidates.iter().all(|it| it.availability.is_refusing) => {
                    return Err(error);
                }
                (None, Some(error)) if !may_pass(&error) => return Err(error),
                (None, Some(error)) if pause >= self.time_left() => {
                    sleep(self.time_left()).await;
                    return Err(error);
                }
                (None, Some(_)) => {}
            }
            sleep(pause.min(self.time_left())).await;
            pause = PAUSES.next(pause);
        }
    }

    /// Returns whether the read must be split into pages, when a part of it is missing at all
    /// servers.
    fn is_split(&self) -> bool {
        let has_page = |(server, state): &(ServerId, FileState)| {
            let engine = self.servers.engine(*server);
            engine.is_some_and(|it| it.has_page(self.target.file, *state, self.target.range))
        };
        match self.target.split {
            Split::Never => false,
            Split::Rest => true,
            Split::Pages => self.at > self.target.range.start() || self.states.iter().any(has_page),
        }
    }

    /// Returns the error of the last wait at a server if this read must fail fast there.
    fn fail_fast_error(&self, place: ServerId) -> Option<VfsError> {
        self.servers.engine(place)?.fail_fast_error(self.target, self.state(place)?)
    }

    /// Returns the server at which the read waits for missing data. If a server that may have the
    /// data failed, the read waits only at a server that is healthy.
    fn place(&self, candidates: &[Candidate], is_failure: bool) -> Option<ServerId> {
        if self.servers.fails_if_missing() || self.target.is_present_only {
            return None;
        }
        let (selector, now) = (self.servers.selector(), self.servers.now());
        let place = selector.waiting_place(candidates, now)?;
        let is_refusing = |it: &Candidate| it.server == place && it.availability.is_refusing;
        let is_well = !selector.is_doubted(place, now) && !candidates.iter().any(is_refusing);
        (is_well || !is_failure).then_some(place)
    }

    /// Returns the next part to request: all that one server has. If no server is known to have it,
    /// that is one piece. While a bitfield is pending, it is the whole rest.
    fn next_part(&self) -> ByteRange {
        let rest = self.rest();
        let candidates = self.candidates(rest);
        let until = candidates.iter().map(|candidate| candidate.availability.here_until).max();
        let until = until.filter(|until| *until > rest.start());
        let is_asking = |it: &Candidate| it.availability.presence == Availability::Pending;
        let end = match (until, self.target.file.geometry) {
            (Some(until), _) => until,
            (None, Some(geometry)) if !candidates.iter().any(is_asking) => {
                geometry.piece_end(rest.start())
            }
            (None, _) => rest.end(),
        };
        let len = end.min(rest.end()).saturating_sub(rest.start());
        ByteRange::clamped(rest.start(), len, rest.end())
    }

    /// Tries all servers for a part, the best first.
    async fn ask_all(&mut self, part: ByteRange) -> AttemptOutcome {
        let mut last_error = None;
        let mut candidates = self.candidates(part);
        self.servers.selector().order(&mut candidates, self.target.handle, self.servers.now());
        for Candidate { server, .. } in candidates {
            // Bytes that have arrived are not requested again.
            let part = part.from(self.at);
            match self.ask(server, part, WaitPolicy::FailFast).await {
                ServerOutcome::Done => return AttemptOutcome::Done,
                ServerOutcome::Over(error) => return AttemptOutcome::Over(error),
                ServerOutcome::Missing => {}
                // A retryable error takes precedence over "not found".
                ServerOutcome::Failed(error) => match &last_error {
                    Some(last) if may_pass(last) => {}
                    _ => last_error = Some(error),
                },
            }
        }
        AttemptOutcome::NoServer(last_error)
    }

    /// Requests a part from a server, and keeps the bytes also of an incomplete answer.
    async fn ask(
        &mut self,
        server: ServerId,
        part: ByteRange,
        wait_policy: WaitPolicy,
    ) -> ServerOutcome {
        if part.is_empty() {
            return ServerOutcome::Done;
        }
        let begun_at = self.servers.now();
        let mut target = self.target.part(part, false);
        if wait_policy == WaitPolicy::FailFast {
            // Another server may have the rest.
            target.split = Split::Never;
        }
        let Some(engine) = self.servers.engine(server) else { return ServerOutcome::Missing };
        let limits = ReadLimits {
            timeout: self.servers.timeout,
            first: self.time_left(),
            latest: self.deadline.saturating_duration_since(Instant::now()),
            wait_policy,
            missing: self.missing,
        };
        let answer = engine.read(target, self.state(server), limits).await;
        let error = match answer {
            Ok(bytes) => {
                let now = self.servers.now();
                let took = now.duration_since(begun_at);
                let handle = self.target.handle;
                self.servers.selector().on_answer(handle, server, part.len(), took, now);
                self.at = part.end();
                self.progress_at = Instant::now();
                self.parts.push(bytes);
                return ServerOutcome::Done;
            }
            Err(error) => error,
        };
        for bytes in engine.prefix(self.target.file.id, part) {
            // A few bytes before each failure are no progress.
            self.at = self.at.saturating_add(bytes.len() as u64);
            self.parts.push(bytes);
        }
        match error {
            VfsError::WouldBlock => ServerOutcome::Missing,
            // With `FailFast`, a time-out is a stall of one server.
            VfsError::TimedOut if wait_policy != WaitPolicy::FailFast => {
                ServerOutcome::Over(VfsError::TimedOut)
            }
            VfsError::TimedOut if self.time_left().is_zero() => {
                ServerOutcome::Over(VfsError::TimedOut)
            }
            error @ (VfsError::TimedOut | VfsError::Source(_) | VfsError::Stale) => {
                self.servers.selector().on_failure(server, self.servers.now());
                tracing::debug!(server = server.0, off = self.at, %error,
                    "switching to another server");
                ServerOutcome::Failed(error)
            }
            error @ (VfsError::ShuttingDown
            | VfsError::BadHandle
            | VfsError::NotFound
            | VfsError::NotDirectory
            | VfsError::IsDirectory
            | VfsError::NotSymlink
            | VfsError::NoAttribute
            | VfsError::NothingThere
            | VfsError::Partial
            | VfsError::NoTree) => ServerOutcome::Over(error),
        }
    }

    /// Waits at a server that downloads missing data, until it has arrived or another server has
    /// it: the latter is [`ServerOutcome::Missing`] here. The other servers are checked from
    /// `first_look` on.
    async fn wait_at(
        &mut self,
        place: ServerId,
        part: ByteRange,
        first_look: Duration,
    ) -> ServerOutcome {
        let (servers, states) = (self.servers, self.states);
        let target = self.target.part(part, false);
        let asked = tokio::select! {
            asked = self.ask(place, part, WaitPolicy::FailOnError) => asked,
            () = async {
                sleep(first_look).await;
                elsewhere(servers, target, states, place).await;
            } => ServerOutcome::Missing,
        };
        self.on_progress(place);
        asked
    }

    fn candidates(&self, part: ByteRange) -> Vec<Candidate> {
        let candidates = self.states.iter().filter_map(|(server, state)| {
            let file = self.target.file;
            let engine = self.servers.engine(*server)?;
            let mut availability = engine.availability(file, Some(*state), part);
            let is_running = match state.torrent {
                TorrentState::Live | TorrentState::Initializing => true,
                TorrentState::Paused | TorrentState::Failed => false,
            };
            let is_local = engine.is_local((file, *state), part);
            if is_local {
                // The plan does not know the files on the local disk.
                availability.here_until = part.end();
            }
            let have_bytes = state.have_bytes;
            Some(Candidate { server: *server, is_local, availability, have_bytes, is_running })
        });
        candidates.collect()
    }

    fn state(&self, server: ServerId) -> Option<FileState> {
        self.states.iter().find(|(id, _)| *id == server).map(|(_, state)| *state)
    }

    fn rest(&self) -> ByteRange {
        self.target.range.from(self.at)
    }

    /// Returns the remaining time if there is no more progress.
    fn time_left(&self) -> Duration {
        let idle_until = self.progress_at + self.servers.timeout;
        self.deadline.min(idle_until).saturating_duration_since(Instant::now())
    }

    /// Updates `progress_at` from the progress of the torrent at a server.
    fn on_progress(&mut self, server: ServerId) {
        let torrent = self.target.file.id.torrent;
        let age = self.servers.engine(server).and_then(|engine| engine.progress_age(torrent));
        let at = age.and_then(|age| Instant::now().checked_sub(age));
        self.progress_at = at.map_or(self.progress_at, |at| at.max(self.progress_at));
    }
}

/// Resolves when a server other than `place` has a range.
async fn elsewhere<S: TorrentSource>(
    servers: &MultiEngine<S>,
    target: ReadTarget,
    states: &[(ServerId, FileState)],
    place: ServerId,
) {
    let ReadTarget { file, range, .. } = target;
    loop {
        let next_at = Instant::now() + LOOK_INTERVAL;
        for (server, state) in states.iter().filter(|(server, _)| *server != place) {
            let Some(engine) = servers.engine(*server) else { continue };
            // Requests the bitfield, if the last answer is older than a second.
            let pieces = timeout_at(next_at, engine.pieces(file.id.torrent)).await;
            let is_known = matches!(pieces, Ok(Some(_)));
            let availability = engine.availability(file, Some(*state), range);
            if is_known
                && availability.presence == Availability::Present
                && !availability.is_refusing
            {
                return;
            }
        }
        tokio::time::sleep_until(next_at).await;
    }
}

/// Returns whether the same request may succeed a moment later.
fn may_pass(error: &VfsError) -> bool {
    match error {
        VfsError::TimedOut => true,
        VfsError::Source(error) => error.is_retryable,
        VfsError::Stale
        | VfsError::WouldBlock
        | VfsError::Partial
        | VfsError::ShuttingDown
        | VfsError::BadHandle
        | VfsError::NotFound
        | VfsError::NotDirectory
        | VfsError::IsDirectory
        | VfsError::NotSymlink
        | VfsError::NoAttribute
        | VfsError::NothingThere
        | VfsError::NoTree => false,
    }
}
