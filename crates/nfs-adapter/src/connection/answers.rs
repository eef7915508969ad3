//! Answers to the calls of a connection.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::{Instant, sleep};
use vfs_core::{ReaderOrigin, TorrentSource};

use super::NfsClosed;
use super::origins::Origins;
use super::queue::{QueuedRead, ReadQueue};
use super::writer::OutgoingReply;
use crate::memory::DataClass;
use crate::places::NfsPlace;
use crate::reads::{FileReads, ReadEnd, TriedRead};
use crate::service::NfsService;
use crate::tree::{AnswerQuality, NfsAnswer, NfsAsked, NfsReadArgs};
use crate::wire::{NfsCallError, NfsRefusal, RpcCall, RpcReply};

/// Maximum number of calls of a connection that wait. Metadata never does, except at the start, so
/// a client can list while this many reads wait; more stop its input.
const WAITING_MAX: usize = 1024;

/// Maximum number of running calls beside which one can wait for the list of torrents: each of
/// those can have 64 KiB.
const EARLY_MAX: usize = 64;

/// How long a call waits for the list of torrents. Handles outlive a restart, and then the client
/// asks before the list is there. Finder blocks as long.
const LIST_TIME_MAX: Duration = Duration::from_secs(3);

/// How often such a call is tried again.
const LIST_INTERVAL: Duration = Duration::from_millis(100);

/// Answers the calls of a connection. Dropping it ends those that wait.
#[derive(Debug)]
pub(super) struct CallAnswers<'a, S: TorrentSource> {
    place: &'a NfsPlace<'a>,
    /// Whether a call had a valid file handle.
    has_handle: bool,
    shared: Arc<AnswerContext<S>>,
    origins: Origins,
    queue: ReadQueue,
    /// Calls that run, and what they are.
    running: JoinSet<()>,
    calls: HashMap<task::Id, RunningCall>,
}

/// A call that runs in a task.
#[derive(Debug)]
struct RunningCall {
    xid: u32,
    /// Of a READ.
    class: Option<DataClass>,
}

/// What the calls of a connection share.
#[derive(Debug)]
struct AnswerContext<S: TorrentSource> {
    service: Arc<NfsService<S>>,
    reads: FileReads<S>,
    replies: mpsc::Sender<OutgoingReply>,
}

/// A decoded call.
enum DecodedCall {
    Reply(RpcReply),
    /// The list of torrents is not known yet: the reply can be another one soon.
    Early(RpcReply),
    Read(u32, NfsReadArgs),
}

impl<'a, S: TorrentSource> CallAnswers<'a, S> {
    pub(super) fn new(
        service: Arc<NfsService<S>>,
        peer: &str,
        place: &'a NfsPlace<'a>,
        replies: mpsc::Sender<OutgoingReply>,
    ) -> Self {
        let reads = FileReads::new(Arc::clone(&service));
        let shared = Arc::new(AnswerContext { service, reads, replies });
        Self {
            place,
            has_handle: false,
            shared,
            origins: Origins::new(peer),
            queue: ReadQueue::default(),
            running: JoinSet::new(),
            calls: HashMap::new(),
        }
    }

    /// Returns whether another call can be taken.
    pub(super) fn has_room(&self) -> bool {
        self.running.len() + self.queue.len() < WAITING_MAX
    }

    /// Returns whether calls wait.
    pub(super) fn is_busy(&self) -> bool {
        !self.running.is_empty()
    }

    /// Waits until a call that waits has ended. Returns the number of one that failed by a bug.
    ///
    /// # Cancel safety
    /// No end is lost.
    pub(super) async fn one_ended(&mut self) -> Option<u32> {
        let ended = self.running.join_next_with_id().await?;
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        let call = self.calls.remove(&id)?;
        if let Some(class) = call.class {
            self.queue.on_end(class);
        }
        self.run_queued();
        let error = ended.err()?;
        tracing::error!(%error, "a call failed by a bug");
        Some(call.xid)
    }

    /// Answers a call that failed by a bug.
    pub(super) async fn on_bug(&self, xid: u32) {
        self.shared.refused(xid, NfsRefusal::Internal).await;
    }

    pub(super) fn end_abandoned(&self) {
        self.shared.reads.end_abandoned();
    }

    /// Answers a call, or lets it wait. Waits until there is room for the reply.
    pub(super) async fn answer(&mut self, record: Vec<u8>) -> Result<(), NfsClosed> {
        let call = match RpcCall::decode(&record) {
            Ok(call) => call,
            Err(NfsCallError::NoCall) => return Err(NfsClosed::NoCall),
            Err(NfsCallError::Refused(xid, refusal)) => {
                self.shared.refused(xid, refusal).await;
                return Ok(());
            }
        };
        if !self.has_handle && self.shared.service.tree.has_handle(&call) {
            self.has_handle = true;
            self.place.set_has_handle();
        }
        let decoded = match self.shared.decoded(&call) {
            Ok(decoded) => decoded,
            Err(refusal) => {
                self.shared.refused(call.xid, refusal).await;
                return Ok(());
            }
        };
        match decoded {
            DecodedCall::Reply(reply) => self.shared.send(reply).await,
            DecodedCall::Early(reply) if self.running.len() >= EARLY_MAX => {
                self.shared.send(reply).await;
            }
            DecodedCall::Early(reply) => {
                let origin = self.origins.get(call.machine);
                let shared = Arc::clone(&self.shared);
                let running = RunningCall { xid: call.xid, class: None };
                self.run(running, async move { shared.answer_late(record, reply, origin).await });
            }
            DecodedCall::Read(xid, args) => {
                let origin = self.origins.get(call.machine);
                match self.shared.reads.try_read(args, &origin) {
                    TriedRead::Ended(end) => self.shared.send_read(xid, args, end).await,
                    TriedRead::Waits(class) => {
                        self.queue.push(QueuedRead { xid, args, origin, class });
                        self.run_queued();
                    }
                }
            }
        }
        Ok(())
    }

    fn run_queued(&mut self) {
        while let Some(QueuedRead { xid, args, origin, class }) = self.queue.next() {
            let shared = Arc::clone(&self.shared);
            let running = RunningCall { xid, class: Some(class) };
            self.run(running, async move { shared.read(xid, args, class, origin).await });
        }
    }

    fn run(&mut self, call: RunningCall, task: impl Future<Output = ()> + Send + 'static) {
        let id = self.running.spawn(task).id();
        self.calls.insert(id, call);
    }
}

impl<S: TorrentSource> Drop for CallAnswers<'_, S> {
    fn drop(&mut self) {
        // The streams of a client that is gone are for others. It can have several connections.
        if self.place.is_last_of_client() {
            let pool = &self.shared.service.pool;
            self.origins.all().for_each(|origin| pool.close_reader(origin));
        }
    }
}

impl<S: TorrentSource> AnswerContext<S> {
    fn decoded(&self, call: &RpcCall<'_>) -> Result<DecodedCall, NfsRefusal> {
        Ok(match self.service.tree.ask(call)? {
            NfsAsked::Read(args) => DecodedCall::Read(call.xid, args),
            NfsAsked::Answer(NfsAnswer { results, quality }) => {
                let reply = RpcReply::of_results(call.xid, &results);
                match quality {
                    AnswerQuality::Early => DecodedCall::Early(reply),
                    AnswerQuality::Final => DecodedCall::Reply(reply),
                    AnswerQuality::Foreign => {
                        self.service.counters.on_refused();
                        DecodedCall::Reply(reply)
                    }
                }
            }
        })
    }

    /// Answers a call again until torrents are listed, or for [`LIST_TIME_MAX`].
    async fn answer_late(&self, record: Vec<u8>, mut reply: RpcReply, origin: Arc<ReaderOrigin>) {
        let begun_at = Instant::now();
        while begun_at.elapsed() < LIST_TIME_MAX {
            sleep(LIST_INTERVAL).await;
            let Ok(call) = RpcCall::decode(&record) else { break };
            match self.decoded(&call) {
                Ok(DecodedCall::Early(early)) => reply = early,
                Ok(DecodedCall::Reply(late)) => return self.send(late).await,
                Ok(DecodedCall::Read(xid, args)) => {
                    return self.read(xid, args, DataClass::Present, origin).await;
                }
                Err(_refusal) => break,
            }
        }
        self.send(reply).await;
    }

    async fn read(&self, xid: u32, args: NfsReadArgs, class: DataClass, origin: Arc<ReaderOrigin>) {
        let end = self.reads.read(args, class, origin).await;
        self.send_read(xid, args, end).await;
    }

    async fn send_read(&self, xid: u32, args: NfsReadArgs, end: ReadEnd) {
        let ReadEnd { outcome, memory } = end;
        let (results, data) = self.service.tree.read_results(args, outcome);
        let reply = RpcReply::with_data(xid, &results, data);
        self.queue(OutgoingReply { reply, memory }).await;
    }

    async fn refused(&self, xid: u32, refusal: NfsRefusal) {
        tracing::debug!(?refusal, "refused a call");
        self.service.counters.on_refused();
        self.send(RpcReply::refused(xid, refusal)).await;
    }

    async fn send(&self, reply: RpcReply) {
        self.queue(OutgoingReply { reply, memory: None }).await;
    }

    async fn queue(&self, reply: OutgoingReply) {
        if self.replies.send(reply).await.is_err() {
            tracing::trace!("a reply after the end of its connection");
        }
    }
}
