//! Several servers as one: each has its own engine, and a read goes to a server that has its bytes.
//!
//! ```text
//! MultiEngine
//!  |- FailoverRead     one read: tries servers in order, on failure, stall or missing data
//!  |- preload          selects the server that fetches missing ranges, also after a failure
//!  |- ServerSelector   pure: the order of servers
//!  `- Engine           for each server: its streams, time slices, memory and breaker
//! ```
//!
//! Servers share only the memory of the cache, which is at least half of all; a busy server may
//! fill it. Each server has a fixed share of the other half, which is for streams. So the
//! invariants of an engine apply to each server, and no server waits for the memory or the lock of
//! another. The cost: an unused server keeps its share of that half. Refused: one plan for all, in
//! which every event would affect all servers.
//!
//! A reader gets only bytes of its current server, and bytes that were verified on the local disk.
//! The bytes of a server are not verified here, so a lying server could otherwise answer for the
//! others too. The cost: after a move, a reader fetches again the data that it re-reads. The move
//! itself costs little, since each server's own memory is checked when that server is tried.

mod failover;
mod piece_map;
mod preload;
mod selector;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use self::failover::FailoverRead;
use self::selector::ServerSelector;
use super::bandwidth::BandwidthLimit;
use super::plan::{Activity, Availability, Tuning, WaitPolicy};
use super::store::BlockCache;
use super::{
    Counters, Engine, MissingPolicy, ReadLimits, ReadPolicy, ReadTarget, ReadWay, ServerCounters,
};
use crate::figures::MissingMeter;
use crate::tree::{FileRef, FileState};
use crate::{
    Bitfield, FileId, HandleId, InfoHash, LocalFile, ServerId, Timestamp, TorrentSource, VfsError,
};

/// Reads of all open files, at all servers.
#[derive(Debug)]
pub(crate) struct MultiEngine<S> {
    /// In the order of their ids; at least one.
    engines: Vec<Engine<S>>,
    streams_max: Vec<usize>,
    memory_bytes_max: u64,
    /// The memory of the block cache of all engines.
    cache: BlockCache,
    /// Protects the history of the servers. Held for one access, never across an await.
    selector: Mutex<ServerSelector>,
    timeout: Duration,
    /// At least `timeout`.
    timeout_max: Duration,
    missing: MissingPolicy,
    /// The start of the clock of `selector`.
    begun_at: std::sync::OnceLock<Instant>,
}

impl<S: TorrentSource> MultiEngine<S> {
    pub(crate) fn new(sources: &[Arc<S>], policy: ReadPolicy) -> Self {
        let streams_max: Vec<_> =
            sources.iter().map(|source| source.limits().streams_max.max(1)).collect();
        let mut tuning = Tuning::new(streams_max.iter().sum(), policy.memory_bytes_max);
        if let Some(bytes_max) = policy.cache_bytes_max {
            tuning = tuning.with_cache_bytes_max(bytes_max);
        }
        let cache = BlockCache::new(tuning.cache_bytes);
        let limit = policy.bytes_per_second_max.map(|bytes| Arc::new(BandwidthLimit::new(bytes)));
        let engines = (0..).map(ServerId).zip(sources).zip(&streams_max);
        let engines = engines.map(|((server, source), streams)| {
            let tuning = tuning.of_server(*streams);
            let shared = (cache.of_server(server), limit.clone());
            Engine::new(Arc::clone(source), tuning, policy.missing, shared)
        });
        Self {
            engines: engines.collect(),
            streams_max,
            memory_bytes_max: tuning.memory_bytes_max(),
            cache,
            selector: Mutex::new(ServerSelector::new(sources.len())),
            timeout: policy.timeout,
            timeout_max: policy.timeout_max.max(policy.timeout),
            missing: policy.missing,
            begun_at: std::sync::OnceLock::new(),
        }
    }

    /// Returns the source of a server; `None` for an unknown id.
    pub(crate) fn source(&self, server: ServerId) -> Option<&S> {
        self.engine(server).map(Engine::source)
    }

    pub(crate) fn count(&self) -> usize {
        self.engines.len()
    }

    pub(crate) fn shut_down(&self) {
        self.engines.iter().for_each(Engine::shut_down);
    }

    /// Records that a file was opened. Reads of a handle that is not open are answered, but not
    /// recorded.
    pub(crate) fn open(&self, handle: HandleId) {
        self.engines.iter().for_each(|engine| engine.open(handle));
        self.selector().on_open(handle);
    }

    pub(crate) fn release(&self, handle: HandleId) {
        self.engines.iter().for_each(|engine| engine.release(handle));
        self.selector().on_release(handle);
    }

    /// Returns whether a handle has, or may still have, downloads.
    pub(crate) fn has_downloads(&self, handle: HandleId) -> bool {
        self.engines.iter().any(|engine| engine.has_downloads(handle))
    }

    /// Returns the downloads of released handles at each server, each once.
    pub(crate) fn take_closed_downloads(&self) -> Vec<(HandleId, u64)> {
        self.engines.iter().flat_map(Engine::take_closed_downloads).collect()
    }

    /// Updates the states of the files that are being read from listings.
    pub(crate) fn update(&self, states: impl Fn(FileId) -> Vec<(ServerId, FileState)>) {
        for (server, engine) in (0..).map(ServerId).zip(&self.engines) {
            engine.update(|file| {
                let states = states(file);
                states.into_iter().find(|(id, _)| *id == server).map(|(_, state)| state)
            });
        }
    }

    /// Returns the bytes of a range if they are in the memory of the reader's current server, or
    /// verified on the local disk. Blocks only for a short lock of each server.
    pub(crate) fn try_read(&self, target: ReadTarget) -> Option<Result<Bytes, VfsError>> {
        if let [engine] = self.engines.as_slice() {
            return engine.try_read(target);
        }
        let local =
            self.engines.iter().find_map(|engine| engine.try_local(engine.shared.now(), target));
        local.map(Ok).or_else(|| {
            let home = self.selector().home(target.handle)?;
            let engine = self.engine(home)?;
            engine.try_memory(engine.shared.now(), target)
        })
    }

    /// Returns the bytes of a range, all of them, or an error by the deadline. `states` has the
    /// servers that have its torrent, each with the file's state there. `missing` takes its waits
    /// for missing pieces.
    pub(crate) async fn read(
        &self,
        target: ReadTarget,
        states: &[(ServerId, FileState)],
        missing: &MissingMeter,
    ) -> Result<Bytes, VfsError> {
        match states {
            [] => self.read_at(ServerId::FIRST, target, None, missing).await,
            [(server, state)] => {
                let answer = self.read_at(*server, target, Some(*state), missing).await;
                if answer.is_ok() && self.engines.len() > 1 {
                    self.selector().on_read_at(target.handle, *server);
                }
                answer
            }
            _ => FailoverRead::new(self, target, states, missing).run().await,
        }
    }

    /// Returns whether all servers report a part of a range as missing.
    pub(crate) fn is_missing(&self, target: ReadTarget, states: &[(ServerId, FileState)]) -> bool {
        let ReadTarget { file, range, .. } = target;
        let lacks = |(server, state): &(ServerId, FileState)| {
            self.engine(*server).is_none_or(|engine| {
                let presence = engine.availability(file, Some(*state), range).presence;
                presence == Availability::Missing && !engine.is_local((file, *state), range)
            })
        };
        !states.is_empty() && states.iter().all(lacks)
    }

    /// Records that a signal ended the wait of a read.
    pub(crate) fn on_interrupted_wait(&self, target: ReadTarget, states: &[(ServerId, FileState)]) {
        for (server, state) in states {
            if let Some(engine) = self.engine(*server) {
                engine.on_interrupted_wait(target, *state);
            }
        }
    }

    /// Returns whether one of the servers, or the local disk, is known to have all of a range.
    pub(crate) fn is_here(&self, target: ReadTarget, states: &[(ServerId, FileState)]) -> bool {
        let ReadTarget { file, range, .. } = target;
        states.iter().any(|(server, state)| {
            self.engine(*server).is_some_and(|engine| {
                let presence = engine.availability(file, Some(*state), range).presence;
                presence == Availability::Present || engine.is_local((file, *state), range)
            })
        })
    }

    /// Returns whether a read of `len` bytes is short enough for
    /// [`read_inline`](Self::read_inline) at any server.
    pub(crate) fn may_read_inline(&self, len: u64) -> bool {
        self.engines.iter().any(|engine| engine.may_read_inline(len))
    }

    /// Does what [`read`](Self::read) does on this thread, if it is a short read of data that the
    /// reader's current server has: see [`Engine::read_inline`].
    pub(crate) fn read_inline(
        &self,
        target: ReadTarget,
        states: &[(ServerId, FileState)],
    ) -> Option<Bytes> {
        let (server, state) = match states {
            [only] => *only,
            _ => {
                let home = self.selector().home(target.handle)?;
                *states.iter().find(|(server, _)| *server == home)?
            }
        };
        self.engine(server)?.read_inline(target, state)
    }

    /// Reads at the only server that has the torrent.
    async fn read_at(
        &self,
        server: ServerId,
        target: ReadTarget,
        state: Option<FileState>,
        missing: &MissingMeter,
    ) -> Result<Bytes, VfsError> {
        let (timeout, latest) = (self.timeout, self.timeout_max);
        let wait_policy = WaitPolicy::UntilDeadline;
        let limits = ReadLimits { timeout, first: timeout, latest, wait_policy, missing };
        let engine = self.engine(server).ok_or(VfsError::Stale)?;
        engine.read(target, state, limits).await
    }

    /// Returns the union of the bitfields of a torrent at several servers, at most a second old;
    /// `None` if no server reports one.
    pub(crate) async fn pieces(
        &self,
        torrent: InfoHash,
        servers: impl IntoIterator<Item = ServerId>,
    ) -> Option<Bitfield> {
        let mut pieces: Option<Bitfield> = None;
        for server in servers {
            let Some(engine) = self.engine(server) else { continue };
            let Some(more) = engine.pieces(torrent).await else { continue };
            pieces = Some(match pieces {
                Some(pieces) => pieces.with(&more),
                None => more,
            });
        }
        pieces
    }

    /// Returns a file that is complete on the local disk, from any server.
    pub(crate) fn whole_local(&self, file: FileId) -> Option<Arc<dyn LocalFile>> {
        self.engines.iter().find_map(|engine| engine.whole_local(file))
    }

    /// Starts a probe for a local file that was verified before, and waits for its end.
    pub(crate) async fn find_local(&self, server: ServerId, file: FileRef, state: FileState) {
        if let Some(engine) = self.engine(server) {
            engine.find_local(file, Some(state)).await;
        }
    }

    /// Returns the server of a handle's last read, or the only one of `states`.
    pub(crate) fn server_of(
        &self,
        handle: HandleId,
        states: &[(ServerId, FileState)],
    ) -> Option<ServerId> {
        match states {
            [(only, _)] => Some(*only),
            _ => self.selector().home(handle),
        }
    }

    /// Returns how a file is read at present.
    pub(crate) fn way(&self, file: FileId) -> ReadWay {
        let ways = self.engines.iter().map(|engine| engine.way(file));
        ways.into_iter().find(|way| *way != ReadWay::Source).unwrap_or(ReadWay::Source)
    }

    /// Returns the activity of each handle that was read from, summed over all servers.
    pub(crate) fn activities(&self) -> BTreeMap<HandleId, Activity> {
        let mut all: BTreeMap<HandleId, Activity> = BTreeMap::new();
        for (server, engine) in (0..).map(ServerId).zip(&self.engines) {
            for (handle, activity) in engine.activities() {
                let is_home = self.selector().home(handle) == Some(server);
                let known = all.entry(handle).or_default();
                if is_home || known.bytes_given == 0 {
                    known.offset = activity.offset;
                }
                known.bytes_given += activity.bytes_given;
                known.run_bytes = known.run_bytes.max(activity.run_bytes);
                known.bytes_downloaded += activity.bytes_downloaded;
                known.bytes_per_second += activity.bytes_per_second;
                known.wait = known.wait.or(activity.wait);
            }
        }
        all
    }

    /// Discards all bytes, also of open streams, and returns their number.
    pub(crate) fn clear(&self) -> u64 {
        self.engines.iter().map(Engine::clear).sum()
    }

    /// Discards all bitfields.
    pub(crate) fn clear_haves(&self) {
        self.engines.iter().for_each(Engine::clear_haves);
    }

    pub(crate) fn counters(&self) -> Counters {
        let mut all = Counters::default();
        for (engine, streams_max) in self.engines.iter().zip(&self.streams_max) {
            let one = engine.counters();
            all.servers.push(ServerCounters {
                streams_open: one.streams_open,
                streams_max: *streams_max,
                opens: one.total.opens,
                bytes_fetched: one.total.bytes_fetched,
                breaker: one.breaker,
                first_bytes: engine.first_bytes(),
                requests: engine.source().requests(),
            });
            all.add(one);
        }
        all.bytes_unused += self.cache.bytes_unused();
        all.memory_bytes_max = self.memory_bytes_max;
        all
    }

    /// Returns whether a server has this id.
    pub(crate) fn is_server(&self, server: ServerId) -> bool {
        usize::from(server.0) < self.engines.len()
    }

    /// Returns the engine of a server; `None` for an unknown id, which is logged as an error.
    fn engine(&self, server: ServerId) -> Option<&Engine<S>> {
        let engine = self.engines.get(usize::from(server.0));
        if engine.is_none() {
            tracing::error!(server = server.0, count = self.engines.len(), "no such server");
        }
        engine
    }

    fn fails_if_missing(&self) -> bool {
        self.missing == MissingPolicy::Fail
    }

    /// Returns the time of the selector's clock, which starts with the first call. It is not the
    /// clock of any engine.
    fn now(&self) -> Timestamp {
        let now = Instant::now();
        let begun_at = *self.begun_at.get_or_init(|| now);
        Timestamp::from_start(now.saturating_duration_since(begun_at))
    }

    fn selector(&self) -> MutexGuard<'_, ServerSelector> {
        // A panic under the lock is a bug of one request; other requests continue.
        self.selector.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
