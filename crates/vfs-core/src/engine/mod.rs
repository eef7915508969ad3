//! The engine: serves reads of open files from streams of their sources.
//!
//! ```text
//! Vfs::read --> MultiEngine   selects the server of a read, and fails over to another
//!                 |
//!               Engine (each) --> Core = Plan  (pure: which streams are open, which reads wait)
//!                 |                    + Store (bytes of streams, cache)
//!                 `--> driver: one owner task, one task for each open stream
//! ```
//!
//! # Invariants
//! 1. Every read is answered exactly once, by its deadline. Progress of its torrent extends the
//!    deadline up to a fixed limit. A dropped read is never answered.
//! 2. Bytes have a confirmed offset, which is checked again for each chunk. The bytes of a stream
//!    that violated the protocol are discarded.
//! 3. Streams that are open, opening or closing never exceed
//!    [`SourceLimits::streams_max`](crate::SourceLimits), or the permits that the
//!    [`StreamBudget`](crate::StreamBudget) gives. All but one of them (of one: that one) may wait
//!    for missing pieces; of a budget, all but one of all filesystems together.
//! 4. The buffers of all streams and the cache together never exceed the memory limit, however many
//!    reads wait: only open streams hold bytes, waiting reads hold none. Memory for the longest
//!    read is reserved for each stream, so each open stream makes progress.
//! 5. A released handle owns no stream after its reads have ended.
//! 6. No lock is held across an await; the core runs under one lock, for one event at a time.
//! 7. While a reader's stream waits for missing data, no preload has a stream. While any reader
//!    waits, no preload receives bytes. A preload never keeps bytes.
//!
//! The memory of a delivered answer belongs to the reader and is not counted.

mod bandwidth;
mod core;
mod counters;
mod direct;
mod driver;
mod local;
#[cfg(test)]
mod model;
mod monitor;
mod plan;
mod preload;
mod servers;
#[cfg(test)]
mod sim;
mod store;
mod sync;

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use self::bandwidth::BandwidthLimit;
use self::core::{Core, Started};
pub use self::counters::{BreakerState, Counters, FileCounters, ReadCounters, ServerCounters};
use self::driver::{EngineDriver, ReadAnswer};
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
use crate::figures::MissingMeter;
use crate::tree::{FileRef, FileState};
use crate::{
    Bitfield, ByteRange, DurationCounts, FileId, HandleId, InfoHash, Timestamp, TorrentSource,
    VfsError,
};

/// How long a bitfield query that no read needs may take. rqbit answers within milliseconds, and
/// the kernel does not let the wait be interrupted.
const PIECES_TIME_MAX: Duration = Duration::from_secs(2);

/// How long a server that has the bytes of a read may be silent before the read asks another server
/// that has them. rqbit answers within milliseconds. A disk that spins up or a slow line take
/// longer; then asking the other server is wasted.
const STALL_TIME_MAX: Duration = Duration::from_secs(1);

/// How a read handles bytes that are not downloaded yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingPolicy {
    /// It waits until they arrive or its deadline has passed, unless they cannot arrive.
    #[default]
    Wait,
    /// It fails at once with [`VfsError::WouldBlock`].
    Fail,
}

/// How reads behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadPolicy {
    /// How long a read waits without progress: no byte of it arrived, and its torrent fetched
    /// nothing. Includes the wait for a stream.
    pub timeout: Duration,
    /// The maximum duration of a read; a value below `timeout` counts as `timeout`.
    pub timeout_max: Duration,
    /// How a read handles bytes that are not downloaded yet.
    pub missing: MissingPolicy,
    /// The maximum memory of all buffers and the cache together, in bytes. Less than 1 MiB for each
    /// stream of the source counts as that.
    pub memory_bytes_max: usize,
    /// The maximum of the cache in bytes; `None` for all memory that the buffers do not need. A
    /// larger value counts as that.
    pub cache_bytes_max: Option<usize>,
    /// The maximum of bytes that all servers together send in a second; `None` for no limit. Bytes
    /// from the local disk do not count. Readers come before preloads.
    pub bytes_per_second_max: Option<NonZeroU64>,
}

impl Default for ReadPolicy {
    /// One minute: peers that are silent for longer seldom return. Ten minutes: a piece of 16 MiB
    /// at 30 kB/s. 128 MiB: four windows of 8 MiB, room for bytes in flight, and twice that for the
    /// cache.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(60),
            timeout_max: Duration::from_secs(600),
            missing: MissingPolicy::Wait,
            memory_bytes_max: 128 << 20,
            cache_bytes_max: None,
            bytes_per_second_max: None,
        }
    }
}

/// The time limits of a read, relative to its start, and its wait policy. The engine converts them
/// to a [`ReadDeadline`] on its own clock.
#[derive(Debug, Clone, Copy)]
struct ReadLimits<'a> {
    /// How long the read waits without progress.
    timeout: Duration,
    /// The same for the time until the first progress.
    first: Duration,
    /// The maximum duration of the read.
    latest: Duration,
    wait_policy: WaitPolicy,
    /// Takes the waits for missing pieces.
    missing: &'a MissingMeter,
}

/// The deadline of a read on the clock of the engine, and its wait policy.
#[derive(Debug, Clone, Copy)]
struct WaitUntil<'a> {
    deadline: ReadDeadline,
    wait_policy: WaitPolicy,
    missing: &'a MissingMeter,
}

/// Reads of all open files at one server.
#[derive(Debug)]
struct Engine<S> {
    shared: Arc<EngineDriver<S>>,
    /// Files on the local disk, which take precedence over the server.
    locals: Arc<LocalFileCache>,
    read_bytes_max: u64,
    /// The longest direct read, in bytes.
    direct_bytes_max: u64,
}

/// The target of a read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadTarget {
    pub(crate) handle: HandleId,
    pub(crate) file: FileRef,
    pub(crate) range: ByteRange,
    /// Whether the read may end with [`VfsError::Partial`].
    split: Split,
    /// Whether the read fails rather than cause a download.
    is_present_only: bool,
}

impl ReadTarget {
    /// Returns a read that is answered as a whole.
    pub(crate) fn new(handle: HandleId, file: FileRef, range: ByteRange) -> Self {
        Self { handle, file, range, split: Split::Never, is_present_only: false }
    }

    /// Allows the read to end with [`VfsError::Partial`].
    pub(crate) fn in_pages(self) -> Self {
        Self { split: Split::Pages, ..self }
    }

    /// Makes the read fail with [`VfsError::WouldBlock`] on bytes that are not known to be present.
    pub(crate) fn if_present(self) -> Self {
        Self { is_present_only: true, ..self }
    }

    /// Returns a part of the read. `is_beside` means that other pages of it are present.
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
    fn new(
        source: Arc<S>,
        tuning: Tuning,
        missing: MissingPolicy,
        (cache, limit): (BlockCache, Option<Arc<BandwidthLimit>>),
    ) -> Self {
        let core = Core::new(tuning, missing, cache);
        Self {
            shared: EngineDriver::new(source, core, limit),
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
        self.shared.apply_quietly(|core, _| core.plan.on_open(handle));
    }

    fn release(&self, handle: HandleId) {
        self.shared.apply(|core, _| core.plan.on_release(handle));
    }

    /// Returns whether a handle has, or may still have, downloads.
    fn has_downloads(&self, handle: HandleId) -> bool {
        self.shared.read(|core| core.plan.has_downloads(handle))
    }

    /// Returns the downloads of released handles, each once.
    fn take_closed_downloads(&self) -> Vec<(HandleId, u64)> {
        self.shared.apply_quietly(|core, _| core.plan.take_closed_downloads())
    }

    /// Updates the states of the files that are being read from a listing.
    fn update(&self, state: impl Fn(FileId) -> Option<FileState>) {
        for file in self.shared.read(|core| core.plan.files()) {
            let state = state(file);
            self.shared.apply(|core, _| core.plan.on_facts(file, state));
        }
        if self.locals.update(self.shared.now(), state) {
            self.shared.apply(|core, _| core.plan.on_clear_haves());
        }
    }

    /// Returns the activity of each handle that was read from.
    fn activities(&self) -> BTreeMap<HandleId, Activity> {
        let now = self.shared.now();
        self.shared.read(|core| core.plan.activities(now))
    }

    /// Discards all bytes, also of open streams, and returns their number.
    fn clear(&self) -> u64 {
        self.shared.apply(Core::clear)
    }

    /// Discards all bitfields.
    fn clear_haves(&self) {
        self.locals.clear();
        self.shared.apply(|core, _| core.plan.on_clear_haves());
    }

    fn counters(&self) -> Counters {
        let now = self.shared.now();
        self.shared.read(|core| core.counters(now))
    }

    /// Returns the times to the first byte of streams.
    fn first_bytes(&self) -> DurationCounts {
        self.shared.read(|core| core.plan.first_bytes.clone())
    }

    /// Returns the bytes of a range if they are in the engine's memory or in the system's page
    /// cache. Blocks only for a short lock.
    fn try_read(&self, target: ReadTarget) -> Option<Result<Bytes, VfsError>> {
        // One look at the clock for all: it is a tenth of the cost of a read from memory.
        let now = self.shared.now();
        self.try_local(now, target).map(Ok).or_else(|| self.try_memory(now, target))
    }

    /// Returns the bytes of a range if the server has delivered all of them before and they are in
    /// memory. Blocks only for a short lock.
    fn try_memory(&self, now: Timestamp, target: ReadTarget) -> Option<Result<Bytes, VfsError>> {
        let ReadTarget { handle, file, range, .. } = target;
        let parts = self.shared.apply_if(|core, now| core.try_read(now, handle, file.id, range))?;
        self.locals.on_source(now, file.id, range.len());
        Some(parts.map(join))
    }

    /// Returns the bytes of a range, all of them, or an error within its limits.
    async fn read(
        &self,
        target: ReadTarget,
        state: Option<FileState>,
        limits: ReadLimits<'_>,
    ) -> Result<Bytes, VfsError> {
        let now = self.shared.now();
        let latest = now.saturating_add(limits.latest);
        let first = now.saturating_add(limits.first);
        let deadline = ReadDeadline { timeout: limits.timeout, first, latest };
        let ReadLimits { wait_policy, missing, .. } = limits;
        let until = WaitUntil { deadline, wait_policy, missing };
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
        until: WaitUntil<'_>,
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

    /// Returns the bitfield of a torrent, at most a second old, or `None` if the source does not
    /// report it within [`PIECES_TIME_MAX`].
    async fn pieces(&self, torrent: InfoHash) -> Option<Bitfield> {
        timeout(PIECES_TIME_MAX, self.shared.pieces(torrent)).await.ok().flatten()
    }

    async fn read_part(
        &self,
        ReadTarget { handle, file, range, split, is_present_only }: ReadTarget,
        state: Option<FileState>,
        WaitUntil { deadline, wait_policy, missing }: WaitUntil<'_>,
    ) -> Result<Vec<Bytes>, VfsError> {
        let facts = FileFacts { len: file.len, geometry: file.geometry, state };
        let torrent = file.id.torrent;
        let has_selected = !facts.is_complete() && self.source().has_selected(torrent);
        let start = |core: &mut Core, now| {
            core.plan.on_selection(torrent, has_selected);
            let who = (handle, file.id, Priority::Foreground);
            let started = core.read(now, deadline, who, facts, range)?;
            if let Started::Waits(read) = started {
                core.plan.set_wait_policy(read, wait_policy);
                core.plan.set_split(read, split);
                if is_present_only {
                    core.plan.set_present_only(read);
                }
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
                let _guard = CancelGuard { shared: &*self.shared, read, missing };
                let answer = match wait_policy {
                    WaitPolicy::FailFast => self.answer_until_stalled(read, answer).await?,
                    WaitPolicy::UntilDeadline | WaitPolicy::FailOnError => answered(answer.await)?,
                };
                missing.add(answer.missing);
                answer.result
            }
        }
    }

    /// Waits for an answer until the read has stalled for [`STALL_TIME_MAX`].
    async fn answer_until_stalled(
        &self,
        read: ReadId,
        mut answer: oneshot::Receiver<ReadAnswer>,
    ) -> Result<ReadAnswer, VfsError> {
        loop {
            let progress_at = self.shared.read(|core| core.plan.progress_at(read));
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

    /// Returns the time since the last progress of a torrent.
    fn progress_age(&self, torrent: InfoHash) -> Option<Duration> {
        let now = self.shared.now();
        let at = self.shared.read(|core| core.plan.torrent_progress_at(torrent))?;
        Some(now.duration_since(at))
    }

    /// Returns the availability of a range on the server.
    fn availability(
        &self,
        file: FileRef,
        state: Option<FileState>,
        range: ByteRange,
    ) -> ServerAvailability {
        let facts = FileFacts { len: file.len, geometry: file.geometry, state };
        let now = self.shared.now();
        self.shared.read(|core| core.plan.availability(file.id, &facts, range, now))
    }

    /// Returns whether a whole page of a range is on the server.
    fn has_page(&self, file: FileRef, state: FileState, range: ByteRange) -> bool {
        let facts = FileFacts { len: file.len, geometry: file.geometry, state: Some(state) };
        self.shared.read(|core| core.plan.has_page(file.id, &facts, range))
    }

    /// Records that a signal ended the wait of a read.
    fn on_interrupted_wait(&self, target: ReadTarget, state: FileState) {
        let ReadTarget { handle, file, range, .. } = target;
        let facts = FileFacts { len: file.len, geometry: file.geometry, state: Some(state) };
        let who = (handle, file.id);
        self.shared
            .apply_quietly(|core, now| core.plan.on_interrupted_wait(now, who, &facts, range));
    }

    /// Returns the error of a read that would have to wait for missing data now, if a recent wait
    /// of its handle failed.
    fn fail_fast_error(&self, target: ReadTarget, state: FileState) -> Option<VfsError> {
        let ReadTarget { handle, file, .. } = target;
        let facts = FileFacts { len: file.len, geometry: file.geometry, state: Some(state) };
        let who = (handle, file.id);
        self.shared.apply_quietly(|core, now| core.plan.fail_fast_error(now, who, &facts))
    }

    /// Returns whether the breaker is open and no probe is due.
    fn is_refusing(&self) -> bool {
        let now = self.shared.now();
        self.shared.read(|core| core.plan.is_refusing(now))
    }

    /// Returns whether a range can be read from the local disk without the server: the file is
    /// open, or was verified before and is opened by the first read.
    fn is_local(&self, (file, state): (FileRef, FileState), range: ByteRange) -> bool {
        let here = self.locals.here(self.shared.now(), file.id);
        let is_here = here.is_some_and(|here| here.covers(file.geometry, range));
        is_here || self.is_reopenable(file, state)
    }

    /// Returns the bytes at the start of a range that are in memory.
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

/// Cancels a read in the plan when its caller drops it.
struct CancelGuard<'a, S> {
    shared: &'a EngineDriver<S>,
    read: ReadId,
    /// Takes its wait for missing pieces.
    missing: &'a MissingMeter,
}

impl<S> Drop for CancelGuard<'_, S> {
    fn drop(&mut self) {
        if let Some(missing) = self.shared.cancel(self.read) {
            self.missing.add(missing);
        }
    }
}

/// The sender is dropped without an answer only if the engine itself is gone.
fn answered(answer: Result<ReadAnswer, oneshot::error::RecvError>) -> Result<ReadAnswer, VfsError> {
    answer.map_err(|_gone| VfsError::ShuttingDown)
}

/// Joins the parts of an answer. A single part is returned without a copy.
fn join(mut parts: Vec<Bytes>) -> Bytes {
    if parts.len() <= 1 {
        return parts.pop().unwrap_or_default();
    }
    let mut joined = BytesMut::with_capacity(parts.iter().map(Bytes::len).sum());
    parts.iter().for_each(|part| joined.extend_from_slice(part));
    joined.freeze()
}
