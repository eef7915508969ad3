//! Table of in-flight reads, by thread.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::interrupted::Interrupted;
use crate::errno::Interrupt;
use crate::interrupts::PendingSignal;
use crate::request::{InodeRange, KernelRead, Tid};

/// Age at which the signal state of a read's thread is first polled. Most reads are answered sooner
/// and cost no poll.
const AGE_MIN: Duration = Duration::from_millis(50);

/// Maximum number of threads in one poll; the next poll continues after them. Polling one thread
/// costs 20 µs, so that polls take at most a tenth of a CPU.
const LOOKS_MAX: usize = 512;

/// All in-flight reads.
#[derive(Debug, Default)]
pub(super) struct InflightReads {
    /// Protects the table; held for one access. No other lock is taken under it.
    state: Mutex<InflightTable>,
    /// Wakes the polling thread when a read arrives or the mount ends.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct InflightTable {
    /// By thread, then in order of arrival.
    reads: BTreeMap<(Tid, u64), InflightRead>,
    arrived_count: u64,
    interrupted: Interrupted,
    /// Whether the polling thread has to be woken when a read arrives.
    is_parked: bool,
    is_ended: bool,
}

#[derive(Debug)]
struct InflightRead {
    request: KernelRead,
    since: Instant,
    /// `None` once used.
    interrupt: Option<oneshot::Sender<Interrupt>>,
}

impl InflightRead {
    fn is_old(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= AGE_MIN
    }
}

/// Outcome of registering a read.
#[derive(Debug)]
pub(super) enum Admission {
    /// The read is in flight and may be interrupted.
    Waits(InflightGuard, oneshot::Receiver<Interrupt>),
    /// Its thread was interrupted less than a second ago.
    Refused(Interrupt),
}

/// Entry of a read in the table. Must not be dropped before the read is answered.
#[derive(Debug)]
pub(super) struct InflightGuard {
    key: (Tid, u64),
    waiting: Arc<InflightReads>,
}

impl InflightReads {
    /// Registers a read. `look` returns the pending signal of a thread.
    pub(super) fn arrive(
        self: &Arc<Self>,
        request: &KernelRead,
        now: Instant,
        look: impl FnOnce(Tid) -> Option<PendingSignal>,
    ) -> Admission {
        let tid = request.tid;
        let mut state = self.state();
        if state.interrupted.contains(tid, now) {
            drop(state);
            let urge = look(tid);
            state = self.state();
            if let Some(interrupt) = state.interrupted.judge(tid, request.span(), urge) {
                return Admission::Refused(interrupt);
            }
        }
        state.arrived_count += 1;
        let key = (tid, state.arrived_count);
        let (sender, interrupted) = oneshot::channel();
        let read = InflightRead { request: *request, since: now, interrupt: Some(sender) };
        state.reads.insert(key, read);
        if state.is_parked {
            state.is_parked = false;
            self.changed.notify_all();
        }
        Admission::Waits(InflightGuard { key, waiting: Arc::clone(self) }, interrupted)
    }

    /// Ends the read-aheads of a thread that now requests another range: the thread does not wait
    /// for them. Only those for which `is_missing` returns true, which is called without a lock.
    ///
    /// If another thread waits for one of their pages, the kernel asks again. So no program sees
    /// the error.
    pub(super) fn abandon_readahead(
        &self,
        request: &KernelRead,
        now: Instant,
        is_missing: impl Fn(&KernelRead) -> bool,
    ) {
        let mut left = self.state().left_behind(request, now);
        left.retain(|(_, read)| is_missing(read));
        if left.is_empty() {
            return;
        }
        let mut state = self.state();
        let reads = left.iter().filter_map(|(key, _)| state.reads.get_mut(key)?.interrupt.take());
        let interrupts: Vec<_> = reads.collect();
        drop(state);
        for interrupt in interrupts {
            // A read that is just being answered no longer receives it.
            _ = interrupt.send(Interrupt::Abandoned);
        }
    }

    /// Interrupts all reads of a thread.
    pub(super) fn interrupt(&self, tid: Tid, now: Instant) {
        let mut state = self.state();
        let mut spans = Vec::new();
        let mut interrupts = Vec::new();
        for (_, read) in state.reads.range_mut((tid, 0)..=(tid, u64::MAX)) {
            if let Some(interrupt) = read.interrupt.take() {
                spans.push(read.request.span());
                interrupts.push(interrupt);
            }
        }
        if spans.is_empty() {
            return;
        }
        // Before the first answer: the kernel may retry immediately after it.
        state.interrupted.add(tid, spans, now);
        drop(state);
        for interrupt in interrupts {
            // A read that is just being answered no longer receives it.
            _ = interrupt.send(Interrupt::Pending);
        }
    }

    /// Waits for `interval`, and longer while there are no reads. Returns the threads to poll, in
    /// order and starting after `last`; `None` when the mount ends.
    pub(super) fn next_threads(&self, last: Tid, interval: Duration) -> Option<Vec<Tid>> {
        let mut state = self.state();
        while state.reads.is_empty() && !state.is_ended {
            state.is_parked = true;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let wait = self.changed.wait_timeout_while(state, interval, |state| !state.is_ended);
        let (state, _) = wait.unwrap_or_else(PoisonError::into_inner);
        (!state.is_ended).then(|| state.threads(last, Instant::now()))
    }

    /// Returns the ranges with reads in flight.
    pub(super) fn spans(&self) -> Vec<InodeRange> {
        self.state().reads.values().map(|read| read.request.span()).collect()
    }

    /// Returns the number of reads.
    pub(super) fn count(&self) -> usize {
        self.state().reads.len()
    }

    /// Ends the polling thread.
    pub(super) fn end(&self) {
        self.state().is_ended = true;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, InflightTable> {
        // Nothing panics under the lock, and the table is consistent after each step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InflightTable {
    /// Returns the reads of a thread outside the read-ahead window that `request` continues. Only
    /// reads that have waited for a while: requests that the kernel sends in quick succession may
    /// arrive in any order.
    fn left_behind(&self, request: &KernelRead, now: Instant) -> Vec<((Tid, u64), KernelRead)> {
        let tid = request.tid;
        if tid == Tid::UNKNOWN {
            return Vec::new();
        }
        let reads = self.reads.range((tid, 0)..=(tid, u64::MAX));
        let left = reads.filter(|(_, read)| {
            // The kernel requests several parts of a window before the thread waits for the first.
            let is_elsewhere = !read.request.span().is_near(request.span());
            is_elsewhere && read.request.is_repeated_by_page() && read.is_old(now)
        });
        left.map(|(key, read)| (*key, read.request)).collect()
    }

    fn threads(&self, last: Tid, now: Instant) -> Vec<Tid> {
        let after = (Bound::Excluded((last, u64::MAX)), Bound::Unbounded);
        let before = (Bound::Unbounded, Bound::Included((last, u64::MAX)));
        let mut threads = Vec::new();
        for (&(tid, _), read) in self.reads.range(after).chain(self.reads.range(before)) {
            if threads.len() >= LOOKS_MAX {
                break;
            }
            let can_be = tid != Tid::UNKNOWN && read.interrupt.is_some();
            if read.is_old(now) && can_be && threads.last() != Some(&tid) {
                threads.push(tid);
            }
        }
        threads
    }
}

impl Drop for InflightGuard {
    fn drop(&mut self) {
        self.waiting.state().reads.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use vfs_core::HandleId;

    use super::*;

    fn request(tid: u32, offset: u64) -> KernelRead {
        let handle = HandleId(1);
        KernelRead { tid: Tid(tid), ino: 1, handle, offset, len: 8192, is_direct: false }
    }

    #[track_caller]
    fn wait(
        waiting: &Arc<InflightReads>,
        request: KernelRead,
        now: Instant,
    ) -> (InflightGuard, oneshot::Receiver<Interrupt>) {
        match waiting.arrive(&request, now, |tid| panic!("{tid:?} was looked at")) {
            Admission::Waits(place, interrupted) => (place, interrupted),
            Admission::Refused(interrupt) => panic!("{interrupt:?}"),
        }
    }

    #[test]
    fn threads_come_in_turns_and_only_those_that_wait_for_long() {
        let (waiting, now) = (Arc::<InflightReads>::default(), Instant::now());
        let reads: Vec<_> = [5, 3, 3, 9, 0]
            .into_iter()
            .zip(0..)
            .map(|(tid, offset)| wait(&waiting, request(tid, offset), now))
            .collect();
        let _new = wait(&waiting, request(4, 0), now + AGE_MIN);
        let threads = |last: u32, now| waiting.state().threads(Tid(last), now);
        assert_eq!(threads(0, now), []);
        assert_eq!(threads(0, now + AGE_MIN), [Tid(3), Tid(5), Tid(9)]);
        assert_eq!(threads(3, now + AGE_MIN), [Tid(5), Tid(9), Tid(3)]);
        assert_eq!(threads(9, now + 2 * AGE_MIN), [Tid(3), Tid(4), Tid(5), Tid(9)]);
        drop(reads);
        assert_eq!(threads(9, now + 2 * AGE_MIN), [Tid(4)]);
    }

    #[test]
    fn one_go_is_bounded_and_the_next_goes_on() {
        let (waiting, now) = (Arc::<InflightReads>::default(), Instant::now());
        let reads: Vec<_> = (1..=600).map(|tid| wait(&waiting, request(tid, 0), now)).collect();
        let threads = waiting.state().threads(Tid(0), now + AGE_MIN);
        assert_eq!((threads.len(), threads.last()), (512, Some(&Tid(512))));
        let threads = waiting.state().threads(Tid(512), now + AGE_MIN);
        assert_eq!((threads[0], threads[88]), (Tid(513), Tid(1)));
        drop(reads);
    }

    #[test]
    fn an_interrupt_ends_the_reads_of_a_thread_and_its_next_try() {
        let (waiting, now) = (Arc::<InflightReads>::default(), Instant::now());
        let (_a, mut first) = wait(&waiting, request(5, 0), now);
        let (_b, mut second) = wait(&waiting, request(5, 100), now);
        let (_c, mut other) = wait(&waiting, request(6, 0), now);
        waiting.interrupt(Tid(5), now);
        assert_eq!(first.try_recv(), Ok(Interrupt::Pending));
        assert_eq!(second.try_recv(), Ok(Interrupt::Pending));
        assert!(other.try_recv().is_err());
        assert_eq!(waiting.spans().len(), 3);

        let again = |urge| waiting.arrive(&request(5, 50), now, |_| urge);
        let Admission::Refused(Interrupt::Pending) = again(Some(PendingSignal::Handled)) else {
            panic!()
        };
        let Admission::Refused(Interrupt::Retried) = again(None) else { panic!() };
        let elsewhere = waiting.arrive(&request(5, 1 << 20), now, |_| None);
        assert!(matches!(elsewhere, Admission::Waits(..)));
    }

    #[test]
    fn a_thread_that_goes_elsewhere_leaves_its_read_aheads() {
        const FAR: u64 = 1 << 30;
        let (waiting, now) = (Arc::<InflightReads>::default(), Instant::now());
        let later = now + AGE_MIN;
        let direct = KernelRead { is_direct: true, ..request(5, FAR) };
        let (_a, mut direct) = wait(&waiting, direct, now);
        let (_b, mut ahead) = wait(&waiting, request(5, FAR), now);
        let (_c, mut unknown) = wait(&waiting, request(0, FAR), now);
        let (_d, mut other) = wait(&waiting, request(6, FAR), now);
        let page = KernelRead { len: 4096, ..request(5, FAR) };
        let (_e, mut page) = wait(&waiting, page, now);
        let (_f, mut young) = wait(&waiting, request(5, FAR), later);
        // Requests of the same window, and of other threads.
        for offset in [FAR - 100_000, FAR, FAR + 8192, FAR + 200_000] {
            waiting.abandon_readahead(&request(5, offset), later, |_| true);
        }
        for tid in [0, 7] {
            waiting.abandon_readahead(&request(tid, 0), later, |_| true);
        }
        // Present data arrives anyway.
        waiting.abandon_readahead(&request(5, 0), later, |_| false);
        assert!(ahead.try_recv().is_err());

        waiting.abandon_readahead(&request(5, 0), later, |_| true);
        assert_eq!(ahead.try_recv(), Ok(Interrupt::Abandoned));
        for stays in [&mut direct, &mut page, &mut unknown, &mut other, &mut young] {
            assert!(stays.try_recv().is_err());
        }
        let in_another_file = KernelRead { ino: 2, ..request(5, FAR) };
        waiting.abandon_readahead(&in_another_file, later + AGE_MIN, |read| read.offset == FAR);
        assert_eq!(young.try_recv(), Ok(Interrupt::Abandoned));
        waiting.abandon_readahead(&request(6, 2 * FAR), later, |_| true);
        assert_eq!(other.try_recv(), Ok(Interrupt::Abandoned));
    }

    #[test]
    fn who_looks_is_woken_and_ends() {
        let waiting = Arc::<InflightReads>::default();
        let looks = std::thread::spawn({
            let waiting = Arc::clone(&waiting);
            move || {
                let first = waiting.next_threads(Tid::UNKNOWN, AGE_MIN * 2);
                (first, waiting.next_threads(Tid::UNKNOWN, Duration::MAX))
            }
        });
        let _read = wait(&waiting, request(5, 0), Instant::now());
        // `end` must end both kinds of wait.
        let mut is_seen = false;
        while !is_seen {
            is_seen = !waiting.state().is_parked;
            std::thread::yield_now();
        }
        waiting.end();
        let (_, last) = looks.join().unwrap();
        assert_eq!(last, None);
    }
}
