//! Table of the processes that use open files.
//!
//! Each request carries the id of its thread. An open file may be read by another process than the
//! opener, so the last reader counts.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tfs_sys::process::{ProcessStatus, command};
use vfs_core::HandleId;

use crate::request::Tid;
use crate::scans::{ClosedFile, ProgramScan, RecentScans};

/// How long the program of a closed file is kept: what its last reads downloaded is known some
/// seconds later.
const CLOSED_TIME: Duration = Duration::from_secs(30);

/// Maximum number of closed files that are kept. The oldest are dropped first.
const CLOSED_MAX: usize = 1024;

/// A process that reads a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Process id.
    pub pid: u32,
    /// Process name, truncated to 15 bytes.
    pub command: String,
}

/// Threads that use the open files.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    /// Protects the table; held for one access. Recording a read takes only the read lock.
    open: RwLock<HashMap<HandleId, Threads>>,
    /// Files that were closed recently, oldest first; only those of which missing data was read.
    /// Protected for one access; no other lock is taken under it.
    closed: Mutex<VecDeque<ReleasedReader>>,
    scans: RecentScans,
}

#[derive(Debug)]
struct ReleasedReader {
    handle: HandleId,
    closed_at: Instant,
    program: Caller,
}

#[derive(Debug)]
struct Threads {
    opener: Tid,
    /// Id of the thread that read last; the opener before the first read.
    last: AtomicU32,
    opened_at: Instant,
    /// Bytes that were requested.
    bytes: AtomicU64,
    /// The process of the opener: it may have exited when the file is released.
    identified: OnceLock<Caller>,
    /// The process that read missing data last. Protected for one access.
    downloader: Mutex<Option<Caller>>,
}

impl Callers {
    pub(crate) fn on_open(&self, handle: HandleId, opener: Tid) {
        let last = AtomicU32::new(opener.0);
        let (opened_at, bytes) = (Instant::now(), AtomicU64::new(0));
        let (identified, downloader) = (OnceLock::new(), Mutex::default());
        let threads = Threads { opener, last, opened_at, bytes, identified, downloader };
        self.open.write().unwrap_or_else(PoisonError::into_inner).insert(handle, threads);
    }

    /// Records a read of `len` bytes.
    pub(crate) fn on_read(&self, handle: HandleId, tid: Tid, len: u32) {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(threads) = open.get(&handle) {
            threads.last.store(tid.0, Ordering::Relaxed);
            threads.bytes.fetch_add(len.into(), Ordering::Relaxed);
        }
    }

    /// Finds the process that opened a handle, for [`scans`](Self::scans). Reads `/proc`, which
    /// takes some tens of microseconds: the open should be answered before.
    pub(crate) fn identify(&self, handle: HandleId, opener: Tid) {
        let Some(caller) = caller(opener) else { return };
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(threads) = open.get(&handle) {
            threads.identified.get_or_init(|| caller);
        }
    }

    /// Finds the process of a read of missing data: that of its thread, or if that has exited, the
    /// one that opened the file. `None` for a process of a PID namespace that cannot be seen from
    /// here. Reads `/proc`, which takes some tens of microseconds.
    pub(crate) fn identify_reader(&self, handle: HandleId, tid: Tid) -> Option<Caller> {
        if tid == Tid::UNKNOWN {
            return None;
        }
        let found = caller(tid);
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let Some(threads) = open.get(&handle) else { return found };
        let program = found.or_else(|| threads.identified.get().cloned())?;
        let mut downloader = threads.downloader.lock().unwrap_or_else(PoisonError::into_inner);
        if downloader.as_ref() != Some(&program) {
            *downloader = Some(program.clone());
        }
        Some(program)
    }

    /// Returns the process that read missing data last through a handle, or else the one that
    /// opened it. The handle may have been released a short time ago.
    pub(crate) fn program_of(&self, handle: HandleId) -> Option<Caller> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let Some(threads) = open.get(&handle) else {
            drop(open);
            let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
            let reader = closed.iter().rev().find(|reader| reader.handle == handle)?;
            return Some(reader.program.clone());
        };
        let downloader = threads.downloader.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let known = downloader.or_else(|| threads.identified.get().cloned());
        let last = Tid(threads.last.load(Ordering::Relaxed));
        drop(open);
        known.or_else(|| caller(last))
    }

    /// Keeps the program of a handle that was released.
    fn keep_closed(&self, handle: HandleId, program: Caller, now: Instant) {
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = |reader: &ReleasedReader| {
            now.saturating_duration_since(reader.closed_at) >= CLOSED_TIME
        };
        while closed.len() >= CLOSED_MAX || closed.front().is_some_and(is_old) {
            closed.pop_front();
        }
        closed.push_back(ReleasedReader { handle, closed_at: now, program });
    }

    /// Removes a handle of an inode. Without an inode, the file is not one of a scan.
    pub(crate) fn on_release(&self, handle: HandleId, ino: Option<u64>) {
        let threads = self.open.write().unwrap_or_else(PoisonError::into_inner).remove(&handle);
        let (Some(mut threads), Some(ino)) = (threads, ino) else { return };
        let now = Instant::now();
        let downloader = threads.downloader.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = downloader.take() {
            self.keep_closed(handle, program, now);
        }
        let last = Tid(threads.last.into_inner());
        let known = threads.identified.into_inner();
        let Some(Caller { pid, command }) = known.or_else(|| caller(last)) else { return };
        let open_time = now.saturating_duration_since(threads.opened_at);
        let bytes = threads.bytes.into_inner();
        self.scans.on_closed(now, ClosedFile { ino, pid, command, bytes, open_time });
    }

    /// Returns the programs that opened several files for a moment in the last minute.
    pub(crate) fn scans(&self) -> Vec<ProgramScan> {
        self.scans.list(Instant::now())
    }

    /// Returns the processes that still exist. Reads `/proc` for each.
    pub(crate) fn all(&self) -> HashMap<HandleId, Caller> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let threads = open.iter().map(|(handle, threads)| {
            (*handle, Tid(threads.last.load(Ordering::Relaxed)), threads.opener)
        });
        let threads: Vec<_> = threads.collect();
        drop(open);
        let callers = threads.into_iter().filter_map(|(handle, last, opener)| {
            Some((handle, caller(last).or_else(|| caller(opener))?))
        });
        callers.collect()
    }
}

/// Returns the process of a thread, or `None` if it has exited or has no id in this namespace.
fn caller(tid: Tid) -> Option<Caller> {
    if tid == Tid::UNKNOWN {
        return None;
    }
    let pid = ProcessStatus::of(tid.0).ok()?.field("Tgid")?.parse().ok()?;
    Some(Caller { pid, command: command(pid)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_of_the_last_thread_that_read_is_named() {
        let callers = Callers::default();
        let (handle, other) = (HandleId(1), HandleId(2));
        // Process 1 always exists; this thread belongs to another process.
        callers.on_open(handle, Tid(1));
        assert_eq!(callers.all()[&handle].pid, 1);
        let us = Tid(rustix::thread::gettid().as_raw_nonzero().get().try_into().unwrap());
        callers.on_read(handle, us, 1);
        callers.on_read(other, us, 1);
        let all = callers.all();
        assert_eq!((all.len(), all[&handle].pid), (1, std::process::id()));
        assert!(!all[&handle].command.is_empty());
        // A thread that has exited, and one of another container.
        callers.on_read(handle, Tid(u32::MAX), 1);
        assert_eq!(callers.all()[&handle].pid, 1);
        callers.on_open(other, Tid::UNKNOWN);
        assert!(!callers.all().contains_key(&other));
        callers.on_release(handle, None);
        assert!(callers.all().is_empty());
    }

    #[test]
    fn the_reader_of_missing_data_is_kept_for_a_while() {
        let callers = Callers::default();
        let us = Tid(rustix::thread::gettid().as_raw_nonzero().get().try_into().unwrap());
        let handle = HandleId(1);
        callers.on_open(handle, Tid(1));
        callers.identify(handle, Tid(1));
        assert_eq!(callers.program_of(handle).unwrap().pid, 1);
        assert_eq!(callers.identify_reader(handle, Tid::UNKNOWN), None);
        assert_eq!(callers.identify_reader(handle, us).unwrap().pid, std::process::id());
        assert_eq!(callers.program_of(handle).unwrap().pid, std::process::id());
        // A thread that has exited counts for the process that opened the file.
        assert_eq!(callers.identify_reader(handle, Tid(u32::MAX)).unwrap().pid, 1);
        callers.on_release(handle, Some(1));
        assert_eq!(callers.program_of(handle).unwrap().pid, 1);
        // Without missing data nothing is kept.
        callers.on_open(HandleId(2), us);
        callers.on_release(HandleId(2), Some(2));
        assert_eq!(callers.program_of(HandleId(2)), None);
        for handle in 3..2 * CLOSED_MAX as u64 {
            callers.on_open(HandleId(handle), us);
            callers.identify_reader(HandleId(handle), us);
            callers.on_release(HandleId(handle), Some(handle));
        }
        assert_eq!(callers.closed.lock().unwrap().len(), CLOSED_MAX);
        assert_eq!(callers.program_of(handle), None);
    }

    #[test]
    fn files_count_for_the_process_that_opened_them() {
        let callers = Callers::default();
        let us = Tid(rustix::thread::gettid().as_raw_nonzero().get().try_into().unwrap());
        for file in 1..=4 {
            let handle = HandleId(file);
            callers.on_open(handle, us);
            callers.identify(handle, us);
            // The thread exits before the file is released, as far as anybody can tell.
            callers.on_read(handle, Tid(u32::MAX), 4096);
            // The last one is no file of a torrent.
            callers.on_release(handle, (file < 4).then_some(file));
        }
        let scans = callers.scans();
        assert_eq!((scans.len(), scans[0].pid, scans[0].files), (1, std::process::id(), 3));
        // Without a process there is no program to count for.
        callers.on_open(HandleId(5), Tid::UNKNOWN);
        callers.on_release(HandleId(5), Some(5));
        assert_eq!(callers.scans(), scans);
    }
}
