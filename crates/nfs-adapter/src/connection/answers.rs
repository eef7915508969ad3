//! Answers to the calls of a connection.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::{Instant, sleep};
use vfs_core::{ReaderOrigin, TorrentSource};

use super::Closed;
use super::origins::Origins;
use super::writer::Outgoing;
use crate::reads::{FileReads, ReadEnd};
use crate::service::NfsService;
use crate::tree::{Answer, Asked, Quality, ReadArgs};
use crate::wire::{CallError, Refusal, RpcCall, RpcReply};

/// Maximum number of calls of a connection that wait. Metadata never does, except at the start, so
/// a client can list while this many reads wait; more stop its input.
const WAITING_MAX: usize = 1024;

/// How long a call waits for the list of torrents. Handles outlive a restart, and then the client
/// asks before the list is there. Finder blocks as long.
const LIST_TIME_MAX: Duration = Duration::from_secs(3);

/// How often such a call is tried again.
const LIST_INTERVAL: Duration = Duration::from_millis(100);

/// Answers the calls of a connection. Dropping it ends those that wait.
#[derive(Debug)]
pub(super) struct Answers<S: TorrentSource> {
    shared: Arc<AnswerContext<S>>,
    origins: Origins,
    /// Calls that wait, and the number of each.
    waiting: JoinSet<()>,
    xids: HashMap<task::Id, u32>,
}

/// What the calls of a connection share.
#[derive(Debug)]
struct AnswerContext<S: TorrentSource> {
    service: Arc<NfsService<S>>,
    reads: FileReads<S>,
    replies: mpsc::Sender<Outgoing>,
}

/// A decoded call.
enum Decoded {
    Reply(RpcReply),
    /// The list of torrents is not known yet: the reply can be another one soon.
    Early(RpcReply),
    Read(u32, ReadArgs),
}

impl<S: TorrentSource> Answers<S> {
    pub(super) fn new(
        service: Arc<NfsService<S>>,
        peer: &str,
        replies: mpsc::Sender<Outgoing>,
    ) -> Self {
        let reads = FileReads::new(Arc::clone(&service));
        let shared = Arc::new(AnswerContext { service, reads, replies });
        Self { shared, origins: Origins::new(peer), waiting: JoinSet::new(), xids: HashMap::new() }
    }

    /// Returns whether another call can be taken.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING_MAX
    }

    /// Returns whether calls wait.
    pub(super) fn is_busy(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Waits until a call that waits has ended. Returns the number of one that failed by a bug.
    ///
    /// # Cancel safety
    /// No end is lost.
    pub(super) async fn one_ended(&mut self) -> Option<u32> {
        let ended = self.waiting.join_next_with_id().await?;
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        let xid = self.xids.remove(&id);
        let error = ended.err()?;
        tracing::error!(%error, "a call failed by a bug");
        xid
    }

    /// Answers a call that failed by a bug.
    pub(super) async fn on_bug(&self, xid: u32) {
        self.shared.refused(xid, Refusal::Internal).await;
    }

    pub(super) fn end_abandoned(&self) {
        self.shared.reads.end_abandoned();
    }

    /// Answers a call, or lets it wait. Waits until there is room for the reply.
    pub(super) async fn answer(&mut self, record: Vec<u8>) -> Result<(), Closed> {
        let call = match RpcCall::decode(&record) {
            Ok(call) => call,
            Err(CallError::NoCall) => return Err(Closed::NoCall),
            Err(CallError::Refused(xid, refusal)) => {
                self.shared.refused(xid, refusal).await;
                return Ok(());
            }
        };
        let decoded = match self.shared.decoded(&call) {
            Ok(decoded) => decoded,
            Err(refusal) => {
                self.shared.refused(call.xid, refusal).await;
                return Ok(());
            }
        };
        match decoded {
            Decoded::Reply(reply) => self.shared.send(reply).await,
            Decoded::Early(reply) => {
                let origin = self.origins.get(call.machine);
                let shared = Arc::clone(&self.shared);
                let xid = call.xid;
                self.spawn(xid, async move { shared.answer_late(record, reply, origin).await });
            }
            Decoded::Read(xid, args) => {
                let origin = self.origins.get(call.machine);
                if let Some(end) = self.shared.reads.try_read(args, &origin) {
                    self.shared.send_read(xid, args, end).await;
                } else {
                    let shared = Arc::clone(&self.shared);
                    self.spawn(xid, async move { shared.read(xid, args, origin).await });
                }
            }
        }
        Ok(())
    }

    fn spawn(&mut self, xid: u32, call: impl Future<Output = ()> + Send + 'static) {
        let id = self.waiting.spawn(call).id();
        self.xids.insert(id, xid);
    }
}

impl<S: TorrentSource> AnswerContext<S> {
    fn decoded(&self, call: &RpcCall<'_>) -> Result<Decoded, Refusal> {
        Ok(match self.service.tree.ask(call)? {
            Asked::Read(args) => Decoded::Read(call.xid, args),
            Asked::Answer(Answer { results, quality }) => {
                let reply = RpcReply::of_results(call.xid, &results);
                match quality {
                    Quality::Early => Decoded::Early(reply),
                    Quality::Final => Decoded::Reply(reply),
                    Quality::Foreign => {
                        self.service.counters.on_refused();
                        Decoded::Reply(reply)
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
                Ok(Decoded::Early(early)) => reply = early,
                Ok(Decoded::Reply(late)) => return self.send(late).await,
                Ok(Decoded::Read(xid, args)) => return self.read(xid, args, origin).await,
                Err(_refusal) => break,
            }
        }
        self.send(reply).await;
    }

    async fn read(&self, xid: u32, args: ReadArgs, origin: Arc<ReaderOrigin>) {
        let end = self.reads.read(args, origin).await;
        self.send_read(xid, args, end).await;
    }

    async fn send_read(&self, xid: u32, args: ReadArgs, end: ReadEnd) {
        let ReadEnd { outcome, memory } = end;
        let (results, data) = self.service.tree.read_results(args, outcome);
        let reply = RpcReply::with_data(xid, &results, data);
        self.queue(Outgoing { reply, memory }).await;
    }

    async fn refused(&self, xid: u32, refusal: Refusal) {
        tracing::debug!(?refusal, "refused a call");
        self.service.counters.on_refused();
        self.send(RpcReply::refused(xid, refusal)).await;
    }

    async fn send(&self, reply: RpcReply) {
        self.queue(Outgoing { reply, memory: None }).await;
    }

    async fn queue(&self, reply: Outgoing) {
        if self.replies.send(reply).await.is_err() {
            tracing::trace!("a reply after the end of its connection");
        }
    }
}
