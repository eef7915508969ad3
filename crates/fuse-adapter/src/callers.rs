//! Table of the processes that use open files.
//!
//! Each request carries the id of its thread. An open file may be read by another process than the
//! opener, so the last reader counts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};

use tfs_sys::process::{ProcessStatus, command};
use vfs_core::HandleId;

use crate::request::Tid;

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
}

#[derive(Debug)]
struct Threads {
    opener: Tid,
    /// Id of the thread that read last; the opener before the first read.
    last: AtomicU32,
}

impl Callers {
    pub(crate) fn on_open(&self, handle: HandleId, opener: Tid) {
        let threads = Threads { opener, last: AtomicU32::new(opener.0) };
        self.open.write().unwrap_or_else(PoisonError::into_inner).insert(handle, threads);
    }

    pub(crate) fn on_read(&self, handle: HandleId, tid: Tid) {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(threads) = open.get(&handle) {
            threads.last.store(tid.0, Ordering::Relaxed);
        }
    }

    pub(crate) fn on_release(&self, handle: HandleId) {
        self.open.write().unwrap_or_else(PoisonError::into_inner).remove(&handle);
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
        callers.on_read(handle, us);
        callers.on_read(other, us);
        let all = callers.all();
        assert_eq!((all.len(), all[&handle].pid), (1, std::process::id()));
        assert!(!all[&handle].command.is_empty());
        // A thread that has exited, and one of another container.
        callers.on_read(handle, Tid(u32::MAX));
        assert_eq!(callers.all()[&handle].pid, 1);
        callers.on_open(other, Tid::UNKNOWN);
        assert!(!callers.all().contains_key(&other));
        callers.on_release(handle);
        assert!(callers.all().is_empty());
    }
}
