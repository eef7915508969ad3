//! Reads in flight: each is a task that owns its reply; [`Reads`] owns the tasks.

mod failed;
mod inflight;
mod interrupted;
mod invalidator;
mod tally;

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use bytes::Bytes;
use fuser::Notifier;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vfs_core::VfsError;

use self::failed::{RangeFailure, ReadRefusal};
use self::inflight::{Admission, InflightGuard, InflightReads};
use self::invalidator::Invalidator;
pub use self::tally::MountCounters;
use self::tally::ReplyCounters;
use crate::MissingErrno;
use crate::errno::{Interrupt, errno};
use crate::interrupts;
use crate::reply::{AnswerBytes, ReplyGuard};
use crate::request::{InodeRange, KernelRead};

/// What the core knows of the bytes of a request.
pub(crate) trait Extent: Send + Sync + 'static {
    /// Returns whether some bytes are missing on all servers.
    fn is_missing(&self, request: &KernelRead) -> bool;

    /// Returns whether missing bytes cannot arrive: no server runs the torrent.
    fn is_stopped(&self, request: &KernelRead) -> bool;

    /// Returns whether all bytes are present.
    fn is_here(&self, request: &KernelRead) -> bool;

    /// Records that a read ends because its thread got a signal.
    fn on_interrupted(&self, request: &KernelRead);

    /// Returns the length of the answer; `None` if the file is no longer open.
    fn len(&self, request: &KernelRead) -> Option<u64>;
}

/// Why a read has no bytes.
#[derive(Debug)]
pub(crate) enum ReadFailure {
    /// An error of the core.
    Core(VfsError),
    /// Bytes are missing, and the program of the thread must not make a server download them. Other
    /// programs may read the range.
    RefusedProgram,
}

impl From<VfsError> for ReadFailure {
    fn from(error: VfsError) -> Self {
        Self::Core(error)
    }
}

/// All in-flight reads of a mount.
///
/// Their number has no bound here. The kernel bounds it to `max_background` plus one for each
/// waiting thread, and the core limits how many of them use resources.
#[derive(Debug, Clone)]
pub(crate) struct Reads {
    runtime: Handle,
    /// The reads, and the threads that [`serve`](Self::serve) starts.
    tasks: TaskTracker,
    /// Cancels all tasks, including later ones.
    end: CancellationToken,
    waiting: Arc<InflightReads>,
    invalidator: Arc<Invalidator>,
    tally: Arc<ReplyCounters>,
    /// Errno of missing data.
    missing: MissingErrno,
}

impl Reads {
    pub(crate) fn new(runtime: Handle, missing: MissingErrno) -> Self {
        let waiting = Arc::<InflightReads>::default();
        let tally = Arc::<ReplyCounters>::default();
        let invalidator = Invalidator::new(Arc::clone(&waiting), Arc::clone(&tally));
        let invalidator = Arc::new(invalidator);
        let (tasks, end) = (TaskTracker::new(), CancellationToken::new());
        Self { runtime, tasks, end, waiting, invalidator, tally, missing }
    }

    /// Starts the threads for interrupts and for failed ranges. They run until [`end`](Self::end).
    ///
    /// # Errors
    /// If no thread can be started.
    pub(crate) fn serve(&self, notifier: Notifier) -> io::Result<()> {
        let waiting = Arc::clone(&self.waiting);
        self.start("tfs-interrupts", move || {
            interrupts::watch(
                |last, interval| waiting.next_threads(last, interval),
                |tid| waiting.interrupt(tid, Instant::now()),
            );
        })?;
        let invalidator = Arc::clone(&self.invalidator);
        self.start("tfs-invalidator", move || invalidator.run(&notifier))
    }

    /// Returns the runtime of the tasks.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Answers `guard` with the result of `read`, or with an error if the read is interrupted.
    /// Returns at once.
    pub(crate) fn spawn<R: AnswerBytes>(
        &self,
        guard: ReplyGuard<R>,
        request: KernelRead,
        extent: Arc<impl Extent>,
        read: impl Future<Output = Result<Bytes, impl Into<ReadFailure>>> + Send + 'static,
    ) {
        let refusal = self.invalidator.refusal(request.span());
        let errno = refusal.and_then(|refusal| match refusal {
            ReadRefusal::Always(errno) => Some(errno),
            ReadRefusal::UnlessHere(errno) => (!extent.is_here(&request)).then_some(errno),
            ReadRefusal::WhileStopped(errno) => {
                let is_lost = extent.is_stopped(&request) && !extent.is_here(&request);
                is_lost.then_some(errno)
            }
        });
        if let Some(errno) = errno {
            self.tally.refused.add_one();
            return guard.send(|reply| reply.refuse(errno));
        }
        let arrival = self.waiting.arrive(&request, Instant::now(), interrupts::look);
        let (place, interrupted) = match arrival {
            Admission::Waits(place, interrupted) => (place, interrupted),
            Admission::Refused(interrupt) => {
                self.tally.interrupted.add_one();
                return guard.interrupt(interrupt);
            }
        };
        let (invalidator, tally) = (Arc::clone(&self.invalidator), Arc::clone(&self.tally));
        let missing = self.missing;
        let pending = UnansweredRead { guard, request, extent, place, invalidator, tally, missing };
        let end = self.end.clone();
        let answer = async move {
            // The read is dropped, and its resources released, before the answer.
            let outcome = tokio::select! {
                biased;
                // Present bytes release the reader as well as an error does.
                bytes = end.run_until_cancelled_owned(read) => Ok(match bytes {
                    Some(result) => result.map_err(Into::into),
                    None => Err(VfsError::ShuttingDown.into()),
                }),
                Ok(interrupt) = interrupted => Err(interrupt),
            };
            match outcome {
                Ok(result) => pending.answer(result),
                Err(interrupt) => pending.interrupt(interrupt),
            }
        };
        // A panic ends the task and drops its reply, which then answers EIO.
        let _detached = self.tasks.spawn_on(answer, &self.runtime);
    }

    /// Returns whether a read may end with [`VfsError::Partial`]: the kernel then requests each
    /// wanted page again. A recently split range is not split again, in case a kernel retries with
    /// more than a page.
    pub(crate) fn may_split(&self, request: &KernelRead) -> bool {
        request.is_repeated_by_page() && !self.invalidator.is_split(request.span())
    }

    /// Runs the answer to a request other than a read. The answer must bound its own time.
    pub(crate) fn spawn_short(&self, answer: impl Future<Output = ()> + Send + 'static) {
        let end = self.end.clone();
        // Its reply is dropped, and so answered, when the mount ends at the latest.
        let answer = async move { _ = end.run_until_cancelled_owned(answer).await };
        let _detached = self.tasks.spawn_on(answer, &self.runtime);
    }

    /// Ends the read-aheads of a request's thread that are outside its current window, where
    /// `is_missing` returns true. Present data arrives soon, and may be wanted after all.
    pub(crate) fn abandon_readahead(
        &self,
        request: &KernelRead,
        is_missing: impl Fn(&KernelRead) -> bool,
    ) {
        self.waiting.abandon_readahead(request, Instant::now(), is_missing);
    }

    /// Answers `guard` with a result that is available.
    pub(crate) fn answer<R: AnswerBytes>(
        &self,
        guard: ReplyGuard<R>,
        request: &KernelRead,
        result: Result<Bytes, VfsError>,
        extent: &impl Extent,
    ) {
        answer(guard, request, result, extent, self.missing);
    }

    /// Returns the ranges with reads in flight.
    pub(crate) fn spans(&self) -> Vec<InodeRange> {
        self.waiting.spans()
    }

    /// Returns the counters of reads.
    pub(crate) fn counters(&self) -> MountCounters {
        MountCounters {
            reads_waiting: self.waiting.count(),
            reads_interrupted: self.tally.interrupted.get(),
            reads_left: self.tally.left.get(),
            reads_failed: self.tally.failed.get(),
            reads_split: self.tally.split.get(),
            reads_refused: self.tally.refused.get(),
            ranges_forgotten: self.tally.forgotten.get(),
            faults: 0,
        }
    }

    /// Ends all reads with an error, including later ones.
    pub(crate) fn end(&self) {
        self.end.cancel();
        self.waiting.end();
        self.invalidator.end();
        self.tasks.close();
    }

    /// Resolves when all reads are answered and the threads have ended, after [`end`](Self::end)
    /// was called.
    pub(crate) async fn ended(&self) {
        self.tasks.wait().await;
    }

    /// Starts a thread that [`ended`](Self::ended) waits for.
    pub(crate) fn start(&self, name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let token = self.tasks.token();
        // `end` ends it, and `ended` waits for the token.
        let _thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            body();
            drop(token);
        })?;
        Ok(())
    }
}

/// Answers `guard` with a result; `missing` is the errno of missing data.
fn answer<R: AnswerBytes>(
    guard: ReplyGuard<R>,
    request: &KernelRead,
    result: Result<Bytes, VfsError>,
    extent: &impl Extent,
    missing: MissingErrno,
) {
    let bytes = match result {
        Err(error) => return guard.refuse_read(&error, missing),
        Ok(bytes) => bytes,
    };
    // Second check of the length that the core guarantees: the kernel would take a longer answer
    // for an attack, and a shorter one for the end of the file.
    let (got, asked) = (bytes.len() as u64, u64::from(request.len));
    let want = if got == asked { asked } else { extent.len(request).unwrap_or(got.min(asked)) };
    if got != want {
        let KernelRead { ino, offset, .. } = *request;
        tracing::error!(ino, off = offset, got, want, "read returned another number of bytes");
        return drop(guard);
    }
    guard.send(|reply| reply.bytes(&bytes));
}

/// An unanswered read. The fields are dropped in order: the guard of the table entry is kept until
/// there is an answer.
#[derive(Debug)]
struct UnansweredRead<R: AnswerBytes, E> {
    guard: ReplyGuard<R>,
    request: KernelRead,
    extent: Arc<E>,
    place: InflightGuard,
    invalidator: Arc<Invalidator>,
    tally: Arc<ReplyCounters>,
    missing: MissingErrno,
}

impl<R: AnswerBytes, E: Extent> UnansweredRead<R, E> {
    fn answer(self, result: Result<Bytes, ReadFailure>) {
        let Self { guard, request, extent, place, invalidator, tally, missing } = self;
        let result = match result {
            Ok(bytes) => Ok(bytes),
            Err(ReadFailure::Core(error)) => Err(error),
            Err(ReadFailure::RefusedProgram) => {
                // Other programs may read the range.
                invalidator.add(request.span(), RangeFailure::Interrupted);
                guard.refuse_read(&VfsError::WouldBlock, missing);
                return drop(place);
            }
        };
        match &result {
            // A mount that ends has no use for it.
            Ok(_) | Err(VfsError::ShuttingDown) => {}
            Err(VfsError::Partial) => {
                tally.split.add_one();
                invalidator.add(request.span(), RangeFailure::Split);
            }
            Err(error) => {
                tally.failed.add_one();
                let errno = errno(error, missing).into();
                let failure = match extent.is_missing(&request) {
                    true if extent.is_stopped(&request) => RangeFailure::Stopped(errno),
                    true => RangeFailure::Missing(errno),
                    false => RangeFailure::Errno(errno),
                };
                invalidator.add(request.span(), failure);
            }
        }
        answer(guard, &request, result, &*extent, missing);
        drop(place);
    }

    fn interrupt(self, interrupt: Interrupt) {
        match interrupt {
            Interrupt::Abandoned => self.tally.left.add_one(),
            Interrupt::Pending | Interrupt::Retried => {
                self.tally.interrupted.add_one();
                self.extent.on_interrupted(&self.request);
            }
        }
        self.invalidator.add(self.request.span(), RangeFailure::Interrupted);
        self.guard.interrupt(interrupt);
        drop(self.place);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use vfs_core::HandleId;

    use super::*;
    use crate::reply::ReplyStats;
    use crate::reply::tests::{FakeReply, guard};
    use crate::request::Tid;

    const REQUEST: KernelRead = KernelRead {
        tid: Tid::UNKNOWN,
        ino: 1,
        handle: HandleId(1),
        offset: 0,
        len: 5,
        is_direct: false,
    };

    /// A file with this length.
    struct FileEnd(u64);

    impl Extent for FileEnd {
        fn is_missing(&self, _: &KernelRead) -> bool {
            false
        }

        fn is_stopped(&self, _: &KernelRead) -> bool {
            false
        }

        fn is_here(&self, _: &KernelRead) -> bool {
            true
        }

        fn on_interrupted(&self, _: &KernelRead) {}

        fn len(&self, request: &KernelRead) -> Option<u64> {
            Some(self.0.saturating_sub(request.offset).min(request.len.into()))
        }
    }

    fn endless() -> Arc<FileEnd> {
        Arc::new(FileEnd(u64::MAX))
    }

    #[track_caller]
    fn check(
        file_len: u64,
        read: impl Future<Output = Result<Bytes, VfsError>> + Send + 'static,
        want: &str,
        unanswered: u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let reads = Reads::new(runtime.handle().clone(), MissingErrno::default());
        let (reply, faults) = (FakeReply::default(), Arc::<ReplyStats>::default());
        reads.spawn(guard(&reply, &faults), REQUEST, Arc::new(FileEnd(file_len)), read);
        // A task that can complete does so before the others are cancelled.
        runtime.block_on(async { tokio::task::yield_now().await });
        reads.end();
        runtime.block_on(reads.ended());
        assert_eq!(reply.answers(), [want]);
        assert_eq!(faults.unanswered_count(), unanswered);
    }

    #[test]
    fn every_read_is_answered_exactly_once() {
        check(5, async { Ok(Bytes::from_static(b"bytes")) }, "bytes", 0);
        check(0, async { Ok(Bytes::new()) }, "", 0);
        check(2, async { Ok(Bytes::from_static(b"by")) }, "by", 0);
        check(5, async { Err(VfsError::TimedOut) }, "error 110", 0);
        check(9, async { Ok(Bytes::from_static(b"longer")) }, "error 5", 1);
        check(5, async { panic!("the panic of a test") }, "error 5", 1);
        check(5, pending(), "error 5", 0);
    }

    #[test]
    fn an_answer_that_is_too_short_never_reaches_the_kernel() {
        // The kernel would take it for the end of the file.
        check(5, async { Ok(Bytes::new()) }, "error 5", 1);
        check(5, async { Ok(Bytes::from_static(b"byte")) }, "error 5", 1);
        check(4, async { Ok(Bytes::from_static(b"byt")) }, "error 5", 1);
    }

    #[test]
    fn what_did_not_end_with_bytes_is_counted() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let reads = Reads::new(runtime.handle().clone(), MissingErrno::default());
        let (reply, faults) = (FakeReply::default(), Arc::<ReplyStats>::default());
        let spawn = |request, read| reads.spawn(guard(&reply, &faults), request, endless(), read);
        let turn = || runtime.block_on(async { tokio::task::yield_now().await });
        let failing = || async { Err::<Bytes, _>(VfsError::TimedOut) };
        spawn(REQUEST, failing());
        turn();
        // The kernel's retry is refused without a new attempt.
        spawn(REQUEST, failing());
        let tid = Tid(i32::MAX as u32);
        let elsewhere = KernelRead { tid, ino: 2, ..REQUEST };
        reads.spawn(guard(&reply, &faults), elsewhere, endless(), pending_read());
        assert_eq!(reads.counters().reads_waiting, 1);
        reads.waiting.interrupt(tid, Instant::now());
        turn();
        let want = MountCounters {
            reads_interrupted: 1,
            reads_failed: 1,
            reads_refused: 1,
            ..MountCounters::default()
        };
        assert_eq!(reads.counters(), want);
        reads.end();
        runtime.block_on(reads.ended());
    }

    #[test]
    fn a_refused_program_takes_nothing_from_others() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let reads = Reads::new(runtime.handle().clone(), MissingErrno::Enodata);
        let faults = Arc::<ReplyStats>::default();
        let turn = || runtime.block_on(async { tokio::task::yield_now().await });
        let refused = FakeReply::default();
        let failing = async { Err::<Bytes, _>(ReadFailure::RefusedProgram) };
        reads.spawn(guard(&refused, &faults), REQUEST, endless(), failing);
        turn();
        assert_eq!(refused.answers(), [format!("error {}", i32::from(fuser::Errno::ENODATA))]);
        // The same page, for another program.
        let reply = FakeReply::default();
        let read = async { Ok::<_, VfsError>(Bytes::from_static(b"bytes")) };
        reads.spawn(guard(&reply, &faults), REQUEST, endless(), read);
        turn();
        assert_eq!(reply.answers(), ["bytes"]);
        assert_eq!(reads.counters(), MountCounters::default());
        reads.end();
        runtime.block_on(reads.ended());
    }

    /// A read that never ends.
    fn pending_read() -> impl Future<Output = Result<Bytes, VfsError>> {
        pending()
    }

    #[test]
    fn reads_after_the_end_are_errors() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let reads = Reads::new(runtime.handle().clone(), MissingErrno::default());
        let (reply, faults) = (FakeReply::default(), Arc::<ReplyStats>::default());
        reads.end();
        reads.spawn(guard(&reply, &faults), REQUEST, endless(), pending_read());
        runtime.block_on(reads.ended());
        assert_eq!(reply.answers(), ["error 5"]);

        // Without a runtime no task can run, but the answer still arrives.
        drop(runtime);
        let reply = FakeReply::default();
        reads.spawn(guard(&reply, &faults), REQUEST, endless(), pending_read());
        assert_eq!(reply.answers(), ["error 5"]);
    }
}
