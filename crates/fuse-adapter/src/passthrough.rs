//! Passthrough files: table of open inodes and how each is read.
//!
//! The kernel requires that all opens of an inode at a time use the same mode, and that passthrough
//! opens share one backing file; any other open fails with `EIO`. An open is counted here before
//! the kernel gets its answer, and uncounted after the kernel has closed the file. The counts are
//! thus never below those of the kernel.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fuser::BackingId;
use vfs_core::HandleId;

/// All open files of torrents.
#[derive(Debug)]
pub(crate) struct PassthroughFiles<B = BackingId> {
    is_allowed: AtomicBool,
    /// Protects the table; held for one open, including a system call that registers a file.
    inodes: Mutex<HashMap<u64, Opens<B>>>,
}

/// Opens of an inode.
#[derive(Debug)]
enum Opens<B> {
    /// Number of opens that are served by tfs and the page cache.
    Cached(usize),
    /// Passthrough opens.
    Passed { backing: Arc<B>, handles: HashSet<HandleId> },
}

impl<B> PassthroughFiles<B> {
    /// Returns an empty table. If `is_allowed` is false, it stays false.
    pub(crate) fn new(is_allowed: bool) -> Self {
        Self { is_allowed: AtomicBool::new(is_allowed), inodes: Mutex::default() }
    }

    pub(crate) fn is_allowed(&self) -> bool {
        self.is_allowed.load(Ordering::Relaxed)
    }

    /// Disables passthrough for new opens; existing passthrough opens are unaffected. Returns
    /// whether it was enabled.
    pub(crate) fn disallow(&self) -> bool {
        self.is_allowed.swap(false, Ordering::Relaxed)
    }

    /// Returns whether the inode is not open, so that either mode is possible.
    pub(crate) fn is_free(&self, ino: u64) -> bool {
        !self.inodes().contains_key(&ino)
    }

    /// Counts an open, and returns its backing file, if any. Calls `register` if the inode is not
    /// open.
    pub(crate) fn on_open(
        &self,
        ino: u64,
        handle: HandleId,
        register: impl FnOnce() -> Option<B>,
    ) -> Option<Arc<B>> {
        let mut inodes = self.inodes();
        match inodes.get_mut(&ino) {
            Some(Opens::Cached(count)) => {
                *count = count.saturating_add(1);
                return None;
            }
            Some(Opens::Passed { backing, handles }) => {
                handles.insert(handle);
                return Some(Arc::clone(backing));
            }
            None => {}
        }
        let backing = register().map(Arc::new);
        let opens = match &backing {
            Some(backing) => {
                Opens::Passed { backing: Arc::clone(backing), handles: HashSet::from([handle]) }
            }
            None => Opens::Cached(1),
        };
        inodes.insert(ino, opens);
        backing
    }

    /// Uncounts a handle that is closed. Returns whether it was a passthrough handle.
    pub(crate) fn on_release(&self, ino: u64, handle: HandleId) -> bool {
        let mut inodes = self.inodes();
        let (is_passed, is_last) = match inodes.get_mut(&ino) {
            Some(Opens::Cached(count)) => {
                *count = count.saturating_sub(1);
                (false, *count == 0)
            }
            Some(Opens::Passed { handles, .. }) => (handles.remove(&handle), handles.is_empty()),
            None => (false, false),
        };
        if is_last {
            inodes.remove(&ino);
        }
        is_passed
    }

    /// Returns the passthrough handles.
    pub(crate) fn passed(&self) -> HashSet<HandleId> {
        let inodes = self.inodes();
        let passed = inodes.values().filter_map(|opens| match opens {
            Opens::Passed { handles, .. } => Some(handles),
            Opens::Cached(_) => None,
        });
        passed.flatten().copied().collect()
    }

    fn inodes(&self) -> MutexGuard<'_, HashMap<u64, Opens<B>>> {
        // A panic under the lock is a bug that one request reports; other requests continue.
        self.inodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opens and closes an inode, and returns the backing file of each open. `o1+` opens handle 1
    /// where a file can be registered, `o1-` where none can, `c1` closes it.
    #[track_caller]
    fn check(steps: &str, want: &str) {
        let table = PassthroughFiles::new(true);
        let mut registered = 0;
        let mut got = Vec::new();
        for step in steps.split(' ') {
            let handle = HandleId(u64::from(step.as_bytes()[1] - b'0'));
            if step.starts_with('c') {
                table.on_release(7, handle);
                continue;
            }
            let backing = table.on_open(7, handle, || {
                registered += 1;
                step.ends_with('+').then_some(registered)
            });
            got.push(backing.map_or_else(|| "cached".to_owned(), |backing| backing.to_string()));
        }
        let mut passed: Vec<_> = table.passed().into_iter().map(|HandleId(it)| it).collect();
        passed.sort_unstable();
        let free = if table.is_free(7) { " free" } else { "" };
        assert_eq!(format!("{} {passed:?}{free}", got.join(" ")), want, "{steps}");
    }

    #[test]
    fn all_who_have_a_file_open_go_the_same_way() {
        check("o1+ c1", "1 [] free");
        check("o1- c1", "cached [] free");
        check("o1+ o2+ o3-", "1 1 1 [1, 2, 3]");
        check("o1- o2+ o3+", "cached cached cached []");
        check("o1- o2+ c1 o3+ c2 c3 o4+", "cached cached cached 2 [4]");
        check("o1+ o2+ c1 o3- c2", "1 1 1 [3]");
        check("o1+ c1 o2+ c2 o3- c3", "1 2 cached [] free");
    }

    #[test]
    fn what_is_not_allowed_is_news_once() {
        let table = PassthroughFiles::<()>::new(true);
        assert!(table.is_allowed() && table.disallow() && !table.disallow() && !table.is_allowed());
    }
}
