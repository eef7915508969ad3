//! Files that the kernel reads itself: which inodes are, and who has them open in which way.
//!
//! The kernel wants all who have an inode open at a time to read it the same way, and those whom it
//! reads for to share one registered file; anything else is `EIO` for the one who opens. What is
//! counted here is told before the kernel hears of an open, and forgotten after it has closed: it
//! is never less than what the kernel counts.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fuser::BackingId;
use vfs_core::HandleId;

/// All files of torrents that are open.
#[derive(Debug)]
pub(crate) struct PassthroughFiles<B = BackingId> {
    is_allowed: AtomicBool,
    /// Protects the table; held for one open, a system call included that registers a file.
    inodes: Mutex<HashMap<u64, Opens<B>>>,
}

/// Who has an inode open.
#[derive(Debug)]
enum Opens<B> {
    /// So many, who get their bytes from us and from the page cache.
    Cached(usize),
    /// These, who get them from the kernel.
    Passed { backing: Arc<B>, handles: HashSet<HandleId> },
}

impl<B> PassthroughFiles<B> {
    /// Returns a table without files. What is not `is_allowed` never is.
    pub(crate) fn new(is_allowed: bool) -> Self {
        Self { is_allowed: AtomicBool::new(is_allowed), inodes: Mutex::default() }
    }

    pub(crate) fn is_allowed(&self) -> bool {
        self.is_allowed.load(Ordering::Relaxed)
    }

    /// Takes note that the kernel does not do this, or not for us. Files that it reads already are
    /// read on. Returns whether that is news.
    pub(crate) fn disallow(&self) -> bool {
        self.is_allowed.swap(false, Ordering::Relaxed)
    }

    /// Returns whether nobody has an inode open, so that it may be opened either way.
    pub(crate) fn is_free(&self, ino: u64) -> bool {
        !self.inodes().contains_key(&ino)
    }

    /// Takes note of an open, and returns the registered file that it is to go by, if any.
    /// `register` is called if nobody has the inode open.
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

    /// Takes note that a handle is closed.
    pub(crate) fn on_release(&self, ino: u64, handle: HandleId) {
        let mut inodes = self.inodes();
        let is_last = match inodes.get_mut(&ino) {
            Some(Opens::Cached(count)) => {
                *count = count.saturating_sub(1);
                *count == 0
            }
            Some(Opens::Passed { handles, .. }) => {
                handles.remove(&handle);
                handles.is_empty()
            }
            None => false,
        };
        if is_last {
            inodes.remove(&ino);
        }
    }

    /// Returns the handles that the kernel reads for.
    pub(crate) fn passed(&self) -> HashSet<HandleId> {
        let inodes = self.inodes();
        let passed = inodes.values().filter_map(|opens| match opens {
            Opens::Passed { handles, .. } => Some(handles),
            Opens::Cached(_) => None,
        });
        passed.flatten().copied().collect()
    }

    fn inodes(&self) -> MutexGuard<'_, HashMap<u64, Opens<B>>> {
        // A panic under the lock is a bug that one request reports; the others go on.
        self.inodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opens and closes an inode, and says for each open which file it goes by. `o1+` opens handle
    /// 1 where a file can be registered, `o1-` where none can, `c1` closes it.
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
