//! The driver: executes the actions of the plan on a source.
//!
//! Each engine has one owner task. It sleeps until the plan's next wake-up, and starts and ends all
//! other tasks. There is one task for each stream (bounded by the budget), and one for each
//! bitfield or progress request (at most one a second and torrent). Stream tasks pass their events
//! to the core directly; the thread that passes an event also delivers the resulting answers. The
//! owner does so for tasks that were aborted. [`monitor`](super::monitor) has the lock and the
//! wake-ups.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::bandwidth::{BandwidthLimit, StreamUse};
use super::core::Core;
use super::monitor::{Machine, Monitor, Monitored};
use super::plan::{BitfieldStatus, Demand, Output, ReadId, StreamEnd, StreamId};
use crate::{
    Bitfield, BudgetListener, ByteRange, DownloadProgress, FileId, InfoHash, PeerCounts,
    SourceError, SourceErrorKind, SourceStream as _, StreamBudget, StreamDemand, Timestamp,
    TorrentSource, VfsError,
};

/// The time-out of a bitfield request: rqbit answers within milliseconds.
const HAVES_TIMEOUT: Duration = Duration::from_secs(10);

/// The time-out of a search for peers. A source may let it wait until another search is over.
const FIND_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the owner sleeps when nothing is due: practically unlimited, but in the range of any
/// clock.
const NOTHING_DUE: Duration = Duration::from_secs(3600);

/// The maximum number of permit requests for one event: more than a budget has streams.
const BUDGET_ROUNDS_MAX: usize = 256;

/// The result of a read.
pub(super) type ReadResult = Result<Vec<Bytes>, VfsError>;

/// The answer to a read that had to wait.
#[derive(Debug)]
pub(super) struct ReadAnswer {
    pub(super) result: ReadResult,
    /// How long it has waited for missing pieces.
    pub(super) missing: Duration,
}

/// The state shared by the tasks of an engine.
#[derive(Debug)]
pub(super) struct EngineDriver<S> {
    pub(super) source: Arc<S>,
    /// The budget of streams; `None` if the source's limit is not shared.
    budget: Option<Arc<dyn StreamBudget>>,
    /// The bandwidth limit of the filesystem, if there is one.
    pub(super) limit: Option<Arc<BandwidthLimit>>,
    /// Protects plan and memory. Streams without demand wait for it, and callers that need a
    /// bitfield.
    monitor: Monitor<DriverState>,
    /// The start of this engine's clock, from which each [`Timestamp`] of its plan counts.
    start: OnceLock<Instant>,
}

#[derive(Debug)]
struct DriverState {
    core: Core,
    /// The demand last reported to the budget.
    demand: Option<StreamDemand>,
    /// The channels of pending answers: one for each waiting read.
    waiting: HashMap<ReadId, oneshot::Sender<ReadAnswer>>,
    /// Orders for the owner: at most one or two for each stream and torrent.
    orders: Vec<Output>,
    is_ended: bool,
}

impl Machine for DriverState {
    type Time = Timestamp;

    fn has_orders(&self) -> bool {
        !self.orders.is_empty()
    }

    fn next_time(&self) -> Option<Timestamp> {
        self.core.plan.next_time()
    }
}

impl<S: TorrentSource> EngineDriver<S> {
    pub(super) fn new(
        source: Arc<S>,
        mut core: Core,
        limit: Option<Arc<BandwidthLimit>>,
    ) -> Arc<Self> {
        let budget = source.budget();
        if budget.is_some() {
            core.plan.share_permits();
        }
        let state = DriverState {
            core,
            demand: None,
            waiting: HashMap::new(),
            orders: Vec::new(),
            is_ended: false,
        };
        let shared = Arc::new(Self {
            source,
            budget: budget.clone(),
            limit,
            monitor: Monitor::new(state),
            start: OnceLock::new(),
        });
        if let Some(budget) = budget {
            let listener: Weak<Self> = Arc::downgrade(&shared);
            budget.set_listener(listener);
        }
        shared
    }
}

impl<S> EngineDriver<S> {
    /// Returns the time of this engine's clock, which starts with the first call.
    pub(super) fn now(&self) -> Timestamp {
        let now = Instant::now();
        let start = *self.start.get_or_init(|| now);
        Timestamp::from_start(now.saturating_duration_since(start))
    }

    /// Reads from the core. Blocks only while another thread holds the lock.
    pub(super) fn read<T>(&self, look: impl FnOnce(&Core) -> T) -> T {
        self.monitor.read(|state| look(&state.core))
    }

    /// Passes an event to the core, and delivers the resulting answers.
    pub(super) fn apply<T>(&self, tell: impl FnOnce(&mut Core, Timestamp) -> T) -> T {
        let now = self.now();
        self.monitor.change(|state| {
            let result = tell(&mut state.machine.core, now);
            self.carry_out(state, now);
            result
        })
    }

    /// Passes an event to the core that needs no action and affects no waiting read.
    pub(super) fn apply_quietly<T>(&self, note: impl FnOnce(&mut Core, Timestamp) -> T) -> T {
        let now = self.now();
        self.monitor.change_quietly(|state| note(&mut state.core, now))
    }

    /// Does what [`apply`](Self::apply) does if `tell` returns a value. A cache miss returns none,
    /// and wakes no task.
    pub(super) fn apply_if<T>(
        &self,
        tell: impl FnOnce(&mut Core, Timestamp) -> Option<T>,
    ) -> Option<T> {
        let now = self.now();
        self.monitor.change_if(|state| {
            let result = tell(&mut state.machine.core, now)?;
            self.carry_out(state, now);
            Some(result)
        })
    }

    /// Cancels a read whose caller is gone. Returns how long it has waited for missing pieces;
    /// `None` if it was answered.
    pub(super) fn cancel(&self, read: ReadId) -> Option<Duration> {
        let now = self.now();
        self.monitor.change_if(|state| {
            drop(state.machine.waiting.remove(&read)?);
            let missing = state.machine.core.plan.on_cancel(now, read);
            self.carry_out(state, now);
            Some(missing)
        })
    }

    /// Shuts down. The owner ends when all streams are closed.
    pub(super) fn end(&self) {
        self.monitor.change_quietly(|state| state.is_ended = true);
        self.apply(Core::shut_down);
        self.monitor.wake_owner();
    }

    /// Delivers the answers that follow from the last event, and queues orders for the rest.
    fn carry_out(&self, state: &mut Monitored<DriverState>, now: Timestamp) {
        state.machine.pump(now);
        if let Some(budget) = &self.budget {
            state.machine.negotiate(now, &**budget);
        }
    }
}

impl DriverState {
    /// Executes the actions that follow from the last event: answers reads, and queues orders for
    /// the owner.
    fn pump(&mut self, now: Timestamp) {
        let Self { core, waiting, orders, .. } = self;
        core.pump(now, |output| match output {
            Output::Answer { read, result, missing } => {
                if let Some(waiting) = waiting.remove(&read) {
                    // A caller that is gone needs no answer.
                    drop(waiting.send(ReadAnswer { result, missing }));
                }
            }
            order @ (Output::Open { .. }
            | Output::Close { .. }
            | Output::AskHaves { .. }
            | Output::AskProgress { .. }
            | Output::AskPeers { .. }
            | Output::AddPeers { .. }
            | Output::FindPeers { .. }) => {
                orders.push(order);
            }
        });
    }

    /// Reports the demand to the budget until no request is left unanswered.
    fn negotiate(&mut self, now: Timestamp, budget: &dyn StreamBudget) {
        for _ in 0..BUDGET_ROUNDS_MAX {
            let (demand, is_question) = self.core.stream_demand();
            if !is_question && self.demand == Some(demand) {
                return;
            }
            self.demand = Some(demand);
            self.core.plan.on_permits(now, budget.update(demand));
            self.pump(now);
        }
        tracing::error!(demand = ?self.demand, "the stream budget does not answer");
    }
}

impl<S: TorrentSource> BudgetListener for EngineDriver<S> {
    fn on_budget_changed(&self) {
        self.monitor.change_quietly(|state| state.demand = None);
        self.apply(|_, _| ());
    }
}

impl<S: TorrentSource> EngineDriver<S> {
    /// Does what [`apply`](Self::apply) does for a read that may have to wait. If it waits, returns
    /// a receiver for its answer, and starts the owner if there is none.
    pub(super) fn start_read<T>(
        self: &Arc<Self>,
        start: impl FnOnce(&mut Core, Timestamp) -> Result<T, VfsError>,
        id: impl FnOnce(&T) -> Option<ReadId>,
    ) -> Result<(T, Option<oneshot::Receiver<ReadAnswer>>), VfsError> {
        let now = self.now();
        self.monitor.change_unless_error(|state| {
            let started = start(&mut state.machine.core, now)?;
            let receiver = id(&started).map(|id| {
                let (sender, receiver) = oneshot::channel();
                state.machine.waiting.insert(id, sender);
                receiver
            });
            if receiver.is_some() {
                self.ensure_owner(state);
            }
            self.carry_out(state, now);
            Ok((started, receiver))
        })
    }

    /// Returns the bitfield of a torrent, or `None` if the source does not report it. Waits for a
    /// pending request; the engine's own requests are shared.
    pub(super) async fn pieces(self: &Arc<Self>, torrent: InfoHash) -> Option<Bitfield> {
        let query = || match self.ask(torrent) {
            BitfieldStatus::Known(have) => Some(Some(have)),
            BitfieldStatus::Unknown => Some(None),
            BitfieldStatus::Asking => None,
        };
        self.monitor.wait_for(query).await
    }

    fn ask(self: &Arc<Self>, torrent: InfoHash) -> BitfieldStatus {
        let now = self.now();
        // Do not wake waiters: the caller is one.
        self.monitor.change_for_owner(|state| {
            let status = state.machine.core.on_bitfield_query(now, torrent);
            if status == BitfieldStatus::Asking {
                self.ensure_owner(state);
                self.carry_out(state, now);
            }
            status
        })
    }

    fn ensure_owner(self: &Arc<Self>, state: &mut Monitored<DriverState>) {
        if state.appoint_owner() {
            let _detached = tokio::spawn(run_driver(OwnerGuard { shared: Arc::clone(self) }));
        }
    }
}

/// Cancels the work of the owner's tasks when the owner ends, also if tokio drops it with its
/// runtime.
#[derive(Debug)]
struct OwnerGuard<S> {
    shared: Arc<EngineDriver<S>>,
}

impl<S> Drop for OwnerGuard<S> {
    fn drop(&mut self) {
        let now = self.shared.now();
        self.shared.monitor.change(|state| {
            state.dismiss_owner();
            state.machine.orders.clear();
            state.machine.core.plan.on_owner_gone(now);
            self.shared.carry_out(state, now);
        });
    }
}

/// The purpose of a task of the owner.
#[derive(Debug, Clone, Copy)]
enum TaskKind {
    Stream(StreamId),
    Haves(InfoHash),
    Progress(InfoHash),
    Peers(InfoHash),
}

/// The result of a task of the owner.
#[derive(Debug)]
enum TaskEnd {
    /// The stream task has passed its end to the core already, so that readers need not wait for
    /// the owner.
    Stream,
    Haves(Result<Bitfield, SourceError>),
    Progress(Option<DownloadProgress>),
    Peers(Option<PeerCounts>),
}

/// The running tasks of an engine.
#[derive(Debug, Default)]
struct TaskSet {
    tasks: JoinSet<TaskEnd>,
    by_task: HashMap<Id, TaskKind>,
    streams: HashMap<StreamId, AbortHandle>,
}

async fn run_driver<S: TorrentSource>(guard: OwnerGuard<S>) {
    let shared = &guard.shared;
    let mut jobs = TaskSet::default();
    loop {
        let now = shared.now();
        let (alarm, (orders, is_ended)) = shared.monitor.owner_pass(|state| {
            state.machine.core.plan.on_time(now);
            shared.carry_out(state, now);
            (std::mem::take(&mut state.machine.orders), state.machine.is_ended)
        });
        orders.iter().for_each(|order| jobs.carry_out(shared, order));
        if is_ended && jobs.tasks.is_empty() {
            return;
        }
        let start = *shared.start.get_or_init(Instant::now);
        let alarm = alarm.unwrap_or(now.saturating_add(NOTHING_DUE));
        let due = start + alarm.since_start();
        tokio::select! {
            () = shared.monitor.owner_woken() => {}
            () = sleep_until(due) => {}
            Some(done) = jobs.tasks.join_next_with_id() => jobs.take(shared, done),
        }
    }
}

impl TaskSet {
    fn carry_out<S: TorrentSource>(&mut self, shared: &Arc<EngineDriver<S>>, order: &Output) {
        match *order {
            Output::Open { stream, file, file_len, range, asked_end, .. } => {
                let asked_len = asked_end.saturating_sub(range.start());
                let range = ByteRange::clamped(range.start(), asked_len, file_len);
                let shared = Arc::clone(shared);
                let task = self.tasks.spawn(async move {
                    // The stream is dropped by then, so its permit is free.
                    let end = run_stream(&shared, stream, file, file_len, range).await;
                    shared.apply(|core, now| core.plan.on_stream_end(now, stream, end));
                    TaskEnd::Stream
                });
                self.by_task.insert(task.id(), TaskKind::Stream(stream));
                self.streams.insert(stream, task);
            }
            Output::Close { stream } => {
                if let Some(task) = self.streams.get(&stream) {
                    task.abort();
                }
            }
            Output::AskHaves { torrent } => {
                let source = Arc::clone(&shared.source);
                let task = self.tasks.spawn(async move {
                    let answer = timeout(HAVES_TIMEOUT, source.haves(torrent)).await;
                    TaskEnd::Haves(answer.unwrap_or_else(|_elapsed| Err(silence(torrent))))
                });
                self.by_task.insert(task.id(), TaskKind::Haves(torrent));
            }
            Output::AskProgress { torrent } => {
                let source = Arc::clone(&shared.source);
                let task = self.tasks.spawn(async move {
                    let answer = timeout(HAVES_TIMEOUT, source.download_progress(torrent)).await;
                    TaskEnd::Progress(answer.ok().flatten())
                });
                self.by_task.insert(task.id(), TaskKind::Progress(torrent));
            }
            Output::AskPeers { torrent } => {
                let source = Arc::clone(&shared.source);
                let task = self.tasks.spawn(async move {
                    let answer = timeout(HAVES_TIMEOUT, source.peer_counts(torrent)).await;
                    TaskEnd::Peers(answer.ok().flatten())
                });
                self.by_task.insert(task.id(), TaskKind::Peers(torrent));
            }
            Output::AddPeers { torrent } => {
                let source = Arc::clone(&shared.source);
                // Its end is no event: the next look at the peers shows them.
                self.tasks.spawn(async move {
                    drop(timeout(HAVES_TIMEOUT, source.add_peers(torrent)).await);
                    TaskEnd::Peers(None)
                });
            }
            Output::FindPeers { torrent } => {
                let source = Arc::clone(&shared.source);
                // As above.
                self.tasks.spawn(async move {
                    drop(timeout(FIND_TIMEOUT, source.find_peers(torrent)).await);
                    TaskEnd::Peers(None)
                });
            }
            Output::Answer { .. } => {}
        }
    }

    /// Passes the end of a task to the core.
    fn take<S: TorrentSource>(
        &mut self,
        shared: &EngineDriver<S>,
        done: Result<(Id, TaskEnd), JoinError>,
    ) {
        let (task, done) = match done {
            Ok((task, done)) => (task, Ok(done)),
            Err(error) => (error.id(), Err(error)),
        };
        match (self.by_task.remove(&task), done) {
            (Some(TaskKind::Stream(stream)), done) => {
                self.streams.remove(&stream);
                let end = match done {
                    Ok(_) => return,
                    Err(error) if error.is_panic() => StreamEnd::Failed(panicked()),
                    Err(_) => StreamEnd::Closed,
                };
                shared.apply(|core, now| core.plan.on_stream_end(now, stream, end));
            }
            (Some(TaskKind::Haves(torrent)), done) => {
                let answer = match done {
                    Ok(TaskEnd::Haves(answer)) => answer,
                    Ok(TaskEnd::Stream | TaskEnd::Progress(_) | TaskEnd::Peers(_)) | Err(_) => {
                        Err(panicked())
                    }
                };
                shared.apply(|core, now| core.plan.on_haves(now, torrent, answer));
            }
            (Some(TaskKind::Progress(torrent)), done) => {
                let answer = match done {
                    Ok(TaskEnd::Progress(answer)) => answer,
                    Ok(TaskEnd::Stream | TaskEnd::Haves(_) | TaskEnd::Peers(_)) | Err(_) => None,
                };
                shared.apply(|core, now| core.plan.on_download(now, torrent, answer));
            }
            (Some(TaskKind::Peers(torrent)), done) => {
                let answer = match done {
                    Ok(TaskEnd::Peers(answer)) => answer,
                    Ok(TaskEnd::Stream | TaskEnd::Haves(_) | TaskEnd::Progress(_)) | Err(_) => None,
                };
                shared.apply(|core, now| core.plan.on_peers(now, torrent, answer));
            }
            (None, _) => {}
        }
    }
}

/// Opens a stream and receives bytes up to the plan's demand. The connection is closed when this
/// returns.
async fn run_stream<S: TorrentSource>(
    shared: &EngineDriver<S>,
    id: StreamId,
    file: FileId,
    file_len: u64,
    range: ByteRange,
) -> StreamEnd {
    tracing::debug!(stream = id.0, off = range.start(), len = range.len(), "open");
    let mut stream = match shared.source.open_at(file, file_len, range).await {
        Ok(stream) => stream,
        Err(error) => return StreamEnd::Failed(error),
    };
    shared.apply(|core, now| core.plan.on_opened(now, id, stream.position()));
    let (mut chunk, mut offset) = (Bytes::new(), range.start());
    // How many bytes of the chunk have passed the bandwidth limit.
    let mut passed = 0;
    loop {
        let look = || match shared.read(|core| core.plan.demand(id)) {
            Demand::Nothing => None,
            Demand::Closed => Some(None),
            Demand::Bytes(bytes) => Some(Some(usize::try_from(bytes).unwrap_or(usize::MAX))),
            // The plan rejects bytes beyond the end of the range.
            Demand::End => Some(Some(usize::MAX)),
        };
        let Some(wanted) = shared.monitor.wait_for(look).await else { return StreamEnd::Closed };
        if chunk.is_empty() {
            offset = stream.position();
            chunk = match stream.next_chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return StreamEnd::Over,
                Err(error) => return StreamEnd::Failed(error),
            };
            if !chunk.is_empty() {
                // The demand may have changed in the meantime.
                continue;
            }
        }
        let mut part_len = wanted.min(chunk.len());
        if let Some(limit) = &shared.limit {
            if passed == 0 {
                let is_preload = shared.read(|core| core.plan.is_preload(id));
                let of = if is_preload { StreamUse::Preload } else { StreamUse::Reader };
                let len = limit.pass(of, part_len as u64).await;
                passed = usize::try_from(len).unwrap_or(usize::MAX);
                // The demand may have changed in the meantime.
                continue;
            }
            part_len = part_len.min(passed);
            passed -= part_len;
        }
        let part = chunk.split_to(part_len);
        shared.apply(|core, now| core.on_chunk(now, id, offset, &part));
        offset = offset.saturating_add(part.len() as u64);
    }
}

fn silence(torrent: InfoHash) -> SourceError {
    SourceError::new(SourceErrorKind::TimedOut, format!("read the pieces of {torrent}"))
}

/// Treated as a protocol violation: a bug is not transient.
fn panicked() -> SourceError {
    tracing::error!("a source panicked");
    SourceError::new(SourceErrorKind::Protocol, "read from a source that panicked")
}
