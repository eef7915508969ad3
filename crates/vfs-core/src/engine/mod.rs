//! The engine: how a read of an open file becomes a stream of its source.
//!
//! ```text
//! Vfs::read --> Servers   which server a read asks, and when it moves to another
//!                 |
//!               Engine (each) --> Core = Plan  (pure: which stream when, who waits, who fails)
//!                 |                    + Store (bytes of streams, cache)
//!                 `--> driver: one owner task, one task for each open stream
//! ```
//!
//! # Invariants
//! 1. Every read is answered exactly once, and by its deadline, which progress of its torrent moves
//!    up to a fixed limit; a read that was dropped, never.
//! 2. Bytes come from a confirmed offset: each chunk's is checked again, and what a stream brought
//!    that broke the rules is forgotten.
//! 3. Streams that are open, opening or closing never exceed
//!    [`SourceLimits::streams_max`](crate::SourceLimits), or the permits that the
//!    [`StreamBudget`](crate::StreamBudget) gives. All but one of them (of one: that one) may wait
//!    for missing pieces; of a budget, all but one of all filesystems together.
//! 4. The buffers of all streams and the cache together never exceed the memory limit, however
//!    many reads wait: a read that waits holds no bytes, only open streams do. What every stream
//!    needs for the longest read is set aside for it, so each that is open makes progress.
//! 5. A released handle owns no stream once its reads are over.
//! 6. No lock is held across an await; the core runs under one lock, for one event at a time.
//! 7. While the stream of a reader waits for what is missing, no preload has a stream; while a
//!    reader waits at all, none gets bytes. A preload holds none either way.
//!
//! An answer that was given belongs to the reader, and so does its memory.

mod core;
mod counters;
mod direct;
mod driver;
mod local;
#[cfg(test)]
mod model;
mod plan;
mod preload;
mod servers;
#[cfg(test)]
mod sim;
mod store;
mod timestamp;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use self::core::{Core, Started};
pub use self::counters::{BreakerState, Counters, FileCounters, ReadCounters, ServerCounters};
use self::driver::EngineDriver;
use self::local::LocalFileCache;
pub use self::local::ReadWay;
pub(crate) use self::plan::Activity;
pub(crate) use self::plan::FileFacts;
pub use self::plan::{PreloadWait, ReaderWait};
use self::plan::{Priority, ReadDeadline, ReadId, ServerAvailability, Split, Tuning, WaitPolicy};
pub(crate) use self::preload::PreloadStep;
pub use self::preload::{FileParts, PreloadError, PreloadProgress};
pub(crate) use self::servers::MultiEngine;
use self::store::BlockCache;
use self::timestamp::Timestamp;
use crate::tree::{FileRef, FileState};
use crate::{Bitfield, ByteRange, FileId, HandleId, InfoHash, TorrentSource, VfsError};

/// How long somebody who does not read waits for an answer about pieces. rqbit answers within
/// milliseconds, and the kernel lets nobody interrupt the wait.
const PIECES_TIME_MAX: Duration = Duration::from_secs(2);

/// How long a server that has the bytes of a read may be silent before the read asks another one
/// that has them too. rqbit answers within milliseconds; a disk that wakes up or a far line take
/// longer, and then the other server is only asked in vain.
const STALL_TIME_MAX: Duration = Duration::from_secs(1);

/// What a read does whose bytes are not downloaded yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingPolicy {
    /// It waits until they come or its deadline has passed, unless they cannot come.
    #[default]
    Wait,
    /// It fails at once with [`VfsError::WouldBlock`].
    Fail,
}

/// How reads behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadPolicy {
    /// How long a read waits without progress: no byte for it came, and its torrent fetched
    /// nothing. Waiting for its turn is included.
    pub timeout: Duration,
    /// How long a read may take at the most; less than `timeout` counts as that.
    pub timeout_max: Duration,
    /// What a read does whose bytes are not downloaded yet.
    pub missing: MissingPolicy,
    /// How many bytes all buffers and the cache may hold together. Less than 1 MiB for each
    /// stream of the source counts as that.
    pub memory_bytes_max: usize,
    /// How many of these the cache of what readers have passed may hold; `None` for all that the
    /// buffers do not need. More than that counts as that.
    pub cache_bytes_max: Option<usize>,
}

impl Default for ReadPolicy {
    /// One minute: peers that are silent for longer seldom come back.
    /// Ten minutes: a piece of 16 MiB at 30 kB/s.
    /// 128 MiB: four windows of 8 MiB with room for what comes, and twice that for the cache.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            timeout_max: Duration::from_secs(600),
            missing: MissingPolicy::Wait,
            memory_bytes_max: 128 << 20,
            cache_bytes_max: None,
        }
    }
}

/// How long a read may take from now on, and what it puts up with until then. The engine makes a
/// [`ReadDeadline`] of it, on its own clock.
#[derive(Debug, Clone, Copy)]
struct ReadLimits {
    /// How long it waits without progress.
    timeout: Duration,
    /// The same from now on until the first progress.
    first: Duration,
    /// How long it takes at the most.
    latest: Duration,
    patience: WaitPolicy,
}

/// When a read ends, and what it puts up with until then.
type Until = (ReadDeadline, WaitPolicy);

/// Reads of all open files at one server.
#[derive(Debug)]
struct Engine<S> {
    shared: Arc<EngineDriver<S>>,
    /// Files on this machine's disk, which are read before the server is.
    locals: Arc<LocalFileCache>,
    read_bytes_max: u64,
    /// The longest read that the thread which asks may do itself.
    direct_bytes_max: u64,
}

/// What is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadTarget {
    pub(crate) handle: HandleId,
    pub(crate) file: FileRef,
    pub(crate) range: ByteRange,
    /// Whether the read may end with [`VfsError::Partial`].
    split: Split,
}

impl ReadTarget {
    /// Returns a read that is answered as a whole.
    pub(crate) fn new(handle: HandleId, file: FileRef, range: ByteRange) -> Self {
        Self { handle, file, range, split: Split::Never }
    }

    /// Lets the read end with [`VfsError::Partial`].
    pub(crate) fn in_pages(self) -> Self {
        Self { split: Split::Pages, ..self }
    }

    /// Returns a part of the read. `is_beside` says that other pages of it are there.
    fn part(self, range: ByteRange, is_beside: bool) -> Self {
        let split = match self.split {
            Split::Never => Split::Never,
            Split::Pages if !is_beside => Split::Pages,
            Split::Pages | Split::Rest => Split::Rest,
        };
        Self { range, split, ..self }
    }
}

impl<S: TorrentSource> Engine<S> {
    fn new(source: Arc<S>, tuning: Tuning, missing: MissingPolicy, cache: BlockCache) -> Self {
        let core = Core::new(tuning, missing, cache);
        Self {
            shared: EngineDriver::new(source, core),
            locals: Arc::default(),
            read_bytes_max: tuning.read_bytes_max,
            direct_bytes_max: tuning.direct_bytes_max,
        }
    }

    fn source(&self) -> &S {
        &self.shared.source
    }

    fn shut_down(&self) {
        self.locals.shut_down();
        self.shared.apply(Core::shut_down);
    }

    fn open(&self, handle: HandleId) {
        self.shared.apply_quietly(|core, _| core.on_open(handle));
    }

    fn release(&self, handle: HandleId) {
        self.shared.apply(|core, _| core.on_release(handle));
    }

    /// Takes over what a listing says of the files that are being read.
    fn update(&self, state: impl Fn(FileId) -> Option<FileState>) {
        for file in self.shared.read(Core::files) {
            let state = state(file);
            self.shared.apply(|core, _| core.on_facts(file, state));
        }
        if self.locals.update(self.shared.now(), state) {
            self.shared.apply(|core, _| core.clear_haves());
        }
    }

    /// Returns what each handle does that was read from.
    fn activities(&self) -> BTreeMap<HandleId, Activity> {
        let now = self.shared.now();
        self.shared.read(|core| core.activities(now))
    }

    /// Forgets all bytes, those of open streams too, and returns how many there were.
    fn clear(&self) -> u64 {
        self.shared.apply(Core::clear)
    }

    /// Forgets which pieces are there.
    fn clear_haves(&self) {
        self.locals.clear();
        self.shared.apply(|core, _| core.clear_haves());
    }

    fn counters(&self) -> Counters {
        let now = self.shared.now();
        self.shared.read(|core| core.counters(now))
    }

    /// Returns the bytes of a range if they are in memory, ours or the system's. Never waits for
    /// more than a short lock.
    fn try_read(&self, target: ReadTarget) -> Option<Result<Bytes, VfsError>> {
        self.try_local(target).map(Ok).or_else(|| self.try_memory(target))
    }

    /// Returns the bytes of a range that the server gave before, if all of them are in memory.
    /// Never waits for more than a short lock.
    fn try_memory(&self, target: ReadTarget) -> Option<Result<Bytes, VfsError>> {
        let ReadTarget { handle, file, range, .. } = target;
        let parts = self.shared.apply_if(|core, now| core.try_read(now, handle, file.id, range))?;
        self.locals.on_source(self.shared.now(), file.id, range.len());
        Some(parts.map(join))
    }

    /// Returns the bytes of a range, all of them, or an error within its limits.
    async fn read(
        &self,
        target: ReadTarget,
        state: Option<FileState>,
        limits: ReadLimits,
    ) -> Result<Bytes, VfsError> {
        let now = self.shared.now();
        let latest = now.saturating_add(limits.latest);
        let first = now.saturating_add(limits.first);
        let until = (ReadDeadline { timeout: limits.timeout, first, latest }, limits.patience);
        let mut here = self.locals.here(now, target.file.id);
        if !here.as_ref().is_some_and(|here| here.covers(target.file.geometry, target.range)) {
            self.look_for_local(target.file, state, target.range.len());
        }
        if here.is_none() {
            here = self.reopened(target.file, state, first).await;
        }
        match here {
            Some(here) => self.read_local(target, state, here, until).await,
            None => self.read_source(target, state, until).await,
        }
    }

    async fn read_source(
        &self,
        target: ReadTarget,
        state: Option<FileState>,
        until: Until,
    ) -> Result<Bytes, VfsError> {
        let (mut at, end) = (target.range.start(), target.range.end());
        let mut parts = Vec::new();
        loop {
            let len = end.saturating_sub(at).min(self.read_bytes_max);
            let range = ByteRange::clamped(at, len, end);
            let part = target.part(range, at > target.range.start());
            parts.extend(self.read_part(part, state, until).await?);
            at = range.end();
            if at == end {
                return Ok(join(parts));
            }
        }
    }

    /// Returns which pieces of a torrent are there, as of a second ago at most, or `None` if the
    /// source cannot say within [`PIECES_TIME_MAX`].
    async fn pieces(&self, torrent: InfoHash) -> Option<Bitfield> {
        timeout(PIECES_TIME_MAX, self.shared.pieces(torrent)).await.ok().flatten()
    }

    async fn read_part(
        &self,
        ReadTarget { handle, file, range, split }: ReadTarget,
        state: Option<FileState>,
        (deadline, patience): Until,
    ) -> Result<Vec<Bytes>, VfsError> {
        let facts = FileFacts { len: file.len, geometry: file.geometry, state };
        let start = |core: &mut Core, now| {
            let who = (handle, file.id, Priority::Foreground);
            let started = core.read(now, deadline, who, facts, range)?;
            if let Started::Waits(read) = started {
                core.set_patience(read, patience);
                core.set_split(read, split);
            }
            Ok(started)
        };
        let waits = |started: &Started| match started {
            Started::Done(_) => None,
            Started::Waits(read) => Some(*read),
        };
        match self.shared.start_read(start, waits)? {
            (Started::Done(parts), _) => Ok(parts),
            (Started::Waits(_), None) => Err(VfsError::ShuttingDown),
            (Started::Waits(read), Some(answer)) => {
                let _guard = CancelGuard { shared: &*self.shared, read };
                match patience {
                    WaitPolicy::FailFast => self.answer_until_stalled(read, answer).await,
                    WaitPolicy::UntilDeadline | WaitPolicy::FailOnError => answered(answer.await),
                }
            }
        }
    }

    /// Waits for an answer until nothing has come nearer for too long.
    async fn answer_until_stalled(
        &self,
        read: ReadId,
        mut answer: oneshot::Receiver<driver::ReadResult>,
    ) -> driver::ReadResult {
        loop {
            let progress_at = self.shared.read(|core| core.progress_at(read));
            let Some(progress_at) = progress_at else { return answered(answer.await) };
            let stalls_at = progress_at.saturating_add(STALL_TIME_MAX);
            let rest = stalls_at.duration_since(self.shared.now());
            if rest.is_zero() {
                return Err(VfsError::TimedOut);
            }
            tokio::select! {
                biased;
                answer = &mut answer => return answered(answer),
                () = sleep(rest) => {}
            }
        }
    }

    /// Returns how long ago a torrent was last seen to make progress.
    fn progress_age(&self, torrent: InfoHash) -> Option<Duration> {
        let now = self.shared.now();
        let at = self.shared.read(|core| core.torrent_progress_at(torrent))?;
        Some(now.duration_since(at))
    }

    /// Returns what the server promises to a read of a range.
    fn outlook(
        &self,
        file: FileRef,
        state: Option<FileState>,
        range: ByteRange,
    ) -> ServerAvailability {
        let facts = FileFacts { len: file.len, geometry: file.geometry, state };
        let now = self.shared.now();
        self.shared.read(|core| core.outlook(now, (file.id, &facts), range))
    }

    /// Returns whether a whole page of a range is on the server.
    fn has_page(&self, file: FileRef, state: FileState, range: ByteRange) -> bool {
        let facts = FileFacts { len: file.len, geometry: file.geometry, state: Some(state) };
        self.shared.read(|core| core.has_page(file.id, &facts, range))
    }

    /// Takes note that the wait of a read has ended since its thread got a signal.
    fn on_interrupted_wait(&self, target: ReadTarget, state: FileState) {
        let ReadTarget { handle, file, range, .. } = target;
        let facts = FileFacts { len: file.len, geometry: file.geometry, state: Some(state) };
        let who = (handle, file.id);
        self.shared.apply_quietly(|core, now| core.on_interrupted_wait(now, who, &facts, range));
    }

    /// Returns the error of a read that would have to wait for missing data now, if a wait of its
    /// handle failed a moment ago.
    fn fail_fast_error(&self, target: ReadTarget, state: FileState) -> Option<VfsError> {
        let ReadTarget { handle, file, .. } = target;
        let facts = FileFacts { len: file.len, geometry: file.geometry, state: Some(state) };
        let who = (handle, file.id);
        self.shared.apply_quietly(|core, now| core.fail_fast_error(now, who, &facts))
    }

    /// Returns whether the server is down and nobody asks it at the moment.
    fn is_refusing(&self) -> bool {
        let now = self.shared.now();
        self.shared.read(|core| core.is_refusing(now))
    }

    /// Returns whether a range is on this machine's disk, where it takes no server: the file is
    /// open, or was verified before and is opened by the first read.
    fn is_local(&self, (file, state): (FileRef, FileState), range: ByteRange) -> bool {
        let here = self.locals.here(self.shared.now(), file.id);
        let is_here = here.is_some_and(|here| here.covers(file.geometry, range));
        is_here || self.is_reopenable(file, state)
    }

    /// Returns the bytes at the beginning of a range that are in memory.
    fn prefix(&self, file: FileId, range: ByteRange) -> Vec<Bytes> {
        self.shared.apply_if(|core, _| Some(core.prefix(file, range))).unwrap_or_default()
    }
}

impl<S> Drop for Engine<S> {
    fn drop(&mut self) {
        self.locals.shut_down();
        self.shared.end();
    }
}

/// Tells the plan when a reader goes away before its answer comes.
struct CancelGuard<'a, S> {
    shared: &'a EngineDriver<S>,
    read: ReadId,
}

impl<S> Drop for CancelGuard<'_, S> {
    fn drop(&mut self) {
        self.shared.cancel(self.read);
    }
}

/// The sender goes without an answer only if the engine itself is gone.
fn answered(answer: Result<driver::ReadResult, oneshot::error::RecvError>) -> driver::ReadResult {
    answer.unwrap_or(Err(VfsError::ShuttingDown))
}

/// Joins the parts of an answer. One part is handed on without a copy.
fn join(mut parts: Vec<Bytes>) -> Bytes {
    if parts.len() <= 1 {
        return parts.pop().unwrap_or_default();
    }
    let mut joined = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
    parts.iter().for_each(|part| joined.extend_from_slice(part));
    joined.freeze()
}
