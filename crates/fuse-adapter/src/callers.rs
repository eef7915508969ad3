//! Table of the processes that use open files.
//!
//! Each request carries the id of its thread. An open file may be read by another process than the
//! opener, so the last reader counts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::Instant;

use tfs_sys::process::{ProcessStatus, command};
use vfs_core::HandleId;

use crate::request::Tid;
use crate::scans::{ClosedFile, ProgramScan, RecentScans};

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
    scans: RecentScans,
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
}

impl Callers {
    pub(crate) fn on_open(&self, handle: HandleId, opener: Tid) {
        let last = AtomicU32::new(opener.0);
        let (opened_at, bytes) = (Instant::now(), AtomicU64::new(0));
        let identified = OnceLock::new();
        let threads = Threads { opener, last, opened_at, bytes, identified };
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

    /// Removes a handle of an inode. Without an inode, the file is not one of a scan.
    pub(crate) fn on_release(&self, handle: HandleId, ino: Option<u64>) {
        let threads = self.open.write().unwrap_or_else(PoisonError::into_inner).remove(&handle);
        let (Some(threads), Some(ino)) = (threads, ino) else { return };
        let now = Instant::now();
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
