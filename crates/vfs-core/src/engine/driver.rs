//! The driver: carries out on a source what the plan decides.
//!
//! One owner task for each engine waits for the plan's next point in time and starts and ends all
//! other tasks: one for each stream (there are as many as the budget allows) and for each question
//! about pieces or progress (one a second and torrent). Streams tell the core directly what
//! happened; whoever does hands out the answers that follow. The owner does for those that were
//! ended.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::Timestamp;
use super::core::{Core, Output};
use super::plan::{BitfieldStatus, Demand, ReadId, StreamEnd, StreamId};
use crate::{
    Bitfield, BudgetListener, ByteRange, DownloadProgress, FileId, InfoHash, SourceError,
    SourceErrorKind, SourceStream as _, StreamBudget, StreamDemand, TorrentSource, VfsError,
};

/// How long an answer about pieces may take: rqbit answers within milliseconds.
const HAVES_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the owner sleeps when nothing is due: as good as for ever, but in range of any clock.
const NOTHING_DUE: Duration = Duration::from_secs(3600);

/// How often permits are asked for because of one event: more than a budget has streams.
const BUDGET_ROUNDS_MAX: usize = 256;

/// An answer on its way to its reader.
pub(super) type ReadResult = Result<Vec<Bytes>, VfsError>;

/// What the tasks of an engine share.
#[derive(Debug)]
pub(super) struct EngineDriver<S> {
    pub(super) source: Arc<S>,
    /// What the streams are taken from; `None` if all of the source's limit are its own.
    budget: Option<Arc<dyn StreamBudget>>,
    /// Protects plan and memory; held for one event, never across an await.
    state: Mutex<DriverState>,
    /// Wakes the owner: there are orders, or the next point in time is nearer.
    owner_wake: Notify,
    /// Wakes streams for which there was no demand, and those who wait for news of pieces.
    stream_wake: Notify,
    /// When the clock of this engine started: each [`Timestamp`] of its plan counts from there.
    start: OnceLock<Instant>,
}

#[derive(Debug)]
struct DriverState {
    core: Core,
    /// What the budget was last told.
    demand: Option<StreamDemand>,
    /// Where the answers go that are still to come: one for each read that waits.
    waiting: HashMap<ReadId, oneshot::Sender<ReadResult>>,
    /// What the owner has to do: at most an order or two for each stream and torrent.
    orders: Vec<Output>,
    /// When the owner wakes up by itself; `None` while it does not sleep.
    alarm: Option<Timestamp>,
    has_owner: bool,
    is_ended: bool,
}

impl<S: TorrentSource> EngineDriver<S> {
    pub(super) fn new(source: Arc<S>, mut core: Core) -> Arc<Self> {
        let budget = source.budget();
        if budget.is_some() {
            core.share_permits();
        }
        let state = DriverState {
            core,
            demand: None,
            waiting: HashMap::new(),
            orders: Vec::new(),
            alarm: None,
            has_owner: false,
            is_ended: false,
        };
        let shared = Arc::new(Self {
            source,
            budget: budget.clone(),
            state: Mutex::new(state),
            owner_wake: Notify::new(),
            stream_wake: Notify::new(),
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
    /// Returns the present time of the clock of this engine, which starts with the first call.
    pub(super) fn now(&self) -> Timestamp {
        let now = Instant::now();
        let start = *self.start.get_or_init(|| now);
        Timestamp::from_start(now.saturating_duration_since(start))
    }

    /// Lets the core look at something. Never waits for more than the memory accesses of others.
    pub(super) fn read<T>(&self, look: impl FnOnce(&Core) -> T) -> T {
        look(&self.lock().core)
    }

    /// Tells the core what happened, and hands out the answers that follow.
    pub(super) fn apply<T>(&self, tell: impl FnOnce(&mut Core, Timestamp) -> T) -> T {
        let now = self.now();
        let mut state = self.lock();
        let result = tell(&mut state.core, now);
        self.carry_out(state, now);
        result
    }

    /// Tells the core what asks for nothing and changes nothing for anybody who waits.
    pub(super) fn apply_quietly<T>(&self, note: impl FnOnce(&mut Core, Timestamp) -> T) -> T {
        let now = self.now();
        note(&mut self.lock().core, now)
    }

    /// Does what [`apply`](Self::apply) does if anything changed. A miss of the cache is
    /// nothing: it wakes nobody.
    pub(super) fn apply_if<T>(
        &self,
        tell: impl FnOnce(&mut Core, Timestamp) -> Option<T>,
    ) -> Option<T> {
        let now = self.now();
        let mut state = self.lock();
        let result = tell(&mut state.core, now)?;
        self.carry_out(state, now);
        Some(result)
    }

    /// Forgets a read whose reader is gone.
    pub(super) fn cancel(&self, read: ReadId) {
        let now = self.now();
        let mut state = self.lock();
        if state.waiting.remove(&read).is_some() {
            state.core.on_cancel(now, read);
            self.carry_out(state, now);
        }
    }

    /// Lets the owner end when all streams are closed.
    pub(super) fn end(&self) {
        self.lock().is_ended = true;
        self.apply(Core::shut_down);
        self.owner_wake.notify_one();
    }

    /// Does what [`give_orders`](Self::give_orders) does and lets streams look whether there is
    /// demand.
    fn carry_out(&self, state: MutexGuard<'_, DriverState>, now: Timestamp) {
        self.give_orders(state, now);
        self.stream_wake.notify_waiters();
    }

    /// Hands out the answers that follow from the last event, and wakes the owner for the rest.
    fn give_orders(&self, mut state: MutexGuard<'_, DriverState>, now: Timestamp) {
        state.pump(now);
        if let Some(budget) = &self.budget {
            state.negotiate(now, &**budget);
        }
        let is_sooner = match (state.core.next_time(), state.alarm) {
            (Some(next), Some(alarm)) => next < alarm,
            (_, None) | (None, _) => false,
        };
        if is_sooner || !state.orders.is_empty() {
            self.owner_wake.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, DriverState> {
        // A panic under the lock is a bug that one request reports; the others go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DriverState {
    /// Does what follows from the last event: answers reads, and leaves orders for the owner.
    fn pump(&mut self, now: Timestamp) {
        let Self { core, waiting, orders, .. } = self;
        core.pump(now, |output| match output {
            Output::Answer { read, result } => {
                if let Some(waiting) = waiting.remove(&read) {
                    // A reader that is gone needs no answer.
                    drop(waiting.send(result));
                }
            }
            order @ (Output::Open { .. }
            | Output::Close { .. }
            | Output::AskHaves { .. }
            | Output::AskProgress { .. }) => {
                orders.push(order);
            }
        });
    }

    /// Tells the budget what is needed, until it has answered all that is asked of it.
    fn negotiate(&mut self, now: Timestamp, budget: &dyn StreamBudget) {
        for _ in 0..BUDGET_ROUNDS_MAX {
            let (demand, is_question) = self.core.stream_demand();
            if !is_question && self.demand == Some(demand) {
                return;
            }
            self.demand = Some(demand);
            self.core.on_permits(now, budget.update(demand));
            self.pump(now);
        }
        tracing::error!(demand = ?self.demand, "the stream budget gives no answer");
    }
}

impl<S: TorrentSource> BudgetListener for EngineDriver<S> {
    fn on_budget_changed(&self) {
        self.lock().demand = None;
        self.apply(|_, _| ());
    }
}

impl<S: TorrentSource> EngineDriver<S> {
    /// Does what [`apply`](Self::apply) does for a read that may have to wait; then there is a
    /// receiver for its answer, and a task that will see to it.
    pub(super) fn start_read<T>(
        self: &Arc<Self>,
        start: impl FnOnce(&mut Core, Timestamp) -> Result<T, VfsError>,
        id: impl FnOnce(&T) -> Option<ReadId>,
    ) -> Result<(T, Option<oneshot::Receiver<ReadResult>>), VfsError> {
        let now = self.now();
        let mut state = self.lock();
        let started = start(&mut state.core, now)?;
        let receiver = id(&started).map(|id| {
            let (sender, receiver) = oneshot::channel();
            state.waiting.insert(id, sender);
            receiver
        });
        if receiver.is_some() {
            self.ensure_owner(&mut state);
        }
        self.carry_out(state, now);
        Ok((started, receiver))
    }

    /// Returns which pieces of a torrent are there, or `None` if the source cannot say. Waits for
    /// an answer that is on its way; the engine's own questions and these are the same.
    pub(super) async fn pieces(self: &Arc<Self>, torrent: InfoHash) -> Option<Bitfield> {
        loop {
            // Before the look, so that no news gets lost in between.
            let mut woken = pin!(self.stream_wake.notified());
            woken.as_mut().enable();
            match self.ask(torrent) {
                BitfieldStatus::Known(have) => return Some(have),
                BitfieldStatus::Unknown => return None,
                BitfieldStatus::Asking => woken.await,
            }
        }
    }

    fn ask(self: &Arc<Self>, torrent: InfoHash) -> BitfieldStatus {
        let now = self.now();
        let mut state = self.lock();
        let news = state.core.on_bitfield_query(now, torrent);
        if news == BitfieldStatus::Asking {
            self.ensure_owner(&mut state);
            // Whoever waits for news must not wake itself.
            self.give_orders(state, now);
        }
        news
    }

    fn ensure_owner(self: &Arc<Self>, state: &mut DriverState) {
        if !state.has_owner {
            state.has_owner = true;
            drop(tokio::spawn(run_driver(OwnerGuard { shared: Arc::clone(self) })));
        }
    }
}

/// Ends what the owner's tasks were doing, however the owner ends: tokio drops it with its runtime.
#[derive(Debug)]
struct OwnerGuard<S> {
    shared: Arc<EngineDriver<S>>,
}

impl<S> Drop for OwnerGuard<S> {
    fn drop(&mut self) {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        state.has_owner = false;
        state.alarm = None;
        state.orders.clear();
        state.core.on_owner_gone(now);
        self.shared.carry_out(state, now);
    }
}

/// What a task of the owner is for.
#[derive(Debug, Clone, Copy)]
enum TaskKind {
    Stream(StreamId),
    Haves(InfoHash),
    Progress(InfoHash),
}

/// How a task of the owner ends.
#[derive(Debug)]
enum TaskEnd {
    /// The core knows already: its readers are not to wait for the owner.
    Stream,
    Haves(Result<Bitfield, SourceError>),
    Progress(Option<DownloadProgress>),
}

/// The tasks that an engine has running.
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
        let (orders, alarm, is_ended) = {
            let now = shared.now();
            let mut state = shared.lock();
            state.core.on_time(now);
            shared.carry_out(state, now);
            state = shared.lock();
            state.alarm = Some(state.core.next_time().unwrap_or(now.saturating_add(NOTHING_DUE)));
            (std::mem::take(&mut state.orders), state.alarm, state.is_ended)
        };
        orders.iter().for_each(|order| jobs.carry_out(shared, order));
        if is_ended && jobs.tasks.is_empty() {
            return;
        }
        let start = *shared.start.get_or_init(Instant::now);
        let due = start + alarm.map_or(NOTHING_DUE, Timestamp::since_start);
        tokio::select! {
            () = shared.owner_wake.notified() => {}
            () = sleep_until(due) => {}
            Some(done) = jobs.tasks.join_next_with_id() => jobs.take(shared, done),
        }
    }
}

impl TaskSet {
    fn carry_out<S: TorrentSource>(&mut self, shared: &Arc<EngineDriver<S>>, order: &Output) {
        match *order {
            Output::Open { stream, file, file_len, range } => {
                let shared = Arc::clone(shared);
                let task = self.tasks.spawn(async move {
                    // The stream itself is dropped by then, so its permit is free.
                    let end = run_stream(&shared, stream, (file, file_len, range)).await;
                    shared.apply(|core, now| core.on_stream_end(now, stream, end));
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
            Output::Answer { .. } => {}
        }
    }

    /// Tells the core how a task ended.
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
                shared.apply(|core, now| core.on_stream_end(now, stream, end));
            }
            (Some(TaskKind::Haves(torrent)), done) => {
                let answer = match done {
                    Ok(TaskEnd::Haves(answer)) => answer,
                    Ok(TaskEnd::Stream | TaskEnd::Progress(_)) | Err(_) => Err(panicked()),
                };
                shared.apply(|core, now| core.on_haves(now, torrent, answer));
            }
            (Some(TaskKind::Progress(torrent)), done) => {
                let answer = match done {
                    Ok(TaskEnd::Progress(answer)) => answer,
                    Ok(TaskEnd::Stream | TaskEnd::Haves(_)) | Err(_) => None,
                };
                shared.apply(|core, now| core.on_download(now, torrent, answer));
            }
            (None, _) => {}
        }
    }
}

/// Opens a stream and takes its bytes as far as the plan wants them. It is closed on the other side
/// when this returns.
async fn run_stream<S: TorrentSource>(
    shared: &EngineDriver<S>,
    id: StreamId,
    (file, file_len, range): (FileId, u64, ByteRange),
) -> StreamEnd {
    tracing::debug!(stream = id.0, off = range.start(), len = range.len(), "open");
    let mut stream = match shared.source.open_at(file, file_len, range).await {
        Ok(stream) => stream,
        Err(error) => return StreamEnd::Failed(error),
    };
    shared.apply(|core, now| core.on_opened(now, id, stream.position()));
    let (mut chunk, mut offset) = (Bytes::new(), range.start());
    loop {
        let woken = shared.stream_wake.notified();
        let demand = shared.read(|core| core.demand(id));
        let wanted = match demand {
            Demand::Closed => return StreamEnd::Closed,
            Demand::Nothing => {
                woken.await;
                continue;
            }
            Demand::Bytes(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX),
            // Whatever comes after the end of the range is the plan's to refuse.
            Demand::End => usize::MAX,
        };
        if chunk.is_empty() {
            offset = stream.position();
            chunk = match stream.next_chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return StreamEnd::Over,
                Err(error) => return StreamEnd::Failed(error),
            };
            if !chunk.is_empty() {
                // The demand may have changed meanwhile.
                continue;
            }
        }
        let part = chunk.split_to(wanted.min(chunk.len()));
        shared.apply(|core, now| core.on_chunk(now, id, offset, &part));
        offset = offset.saturating_add(part.len() as u64);
    }
}

fn silence(torrent: InfoHash) -> SourceError {
    SourceError::new(SourceErrorKind::TimedOut, format!("read the pieces of {torrent}"))
}

/// Like an answer that cannot be right: a bug does not pass by itself.
fn panicked() -> SourceError {
    tracing::error!("a source panicked");
    SourceError::new(SourceErrorKind::Protocol, "read from a source that panicked")
}
