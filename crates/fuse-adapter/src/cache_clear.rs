//! Drops the kernel's caches of a mount on request.
//!
//! The kernel locks the pages that it drops, and so blocks on every unanswered read of them.
//! Clearing therefore runs on a thread of its own and skips ranges with reads in flight. A read
//! that arrives in between blocks the thread until that read's deadline at most; the caller does
//! not wait that long.
//!
//! Names of files and links are dropped, names of directories are not: the working directory of a
//! shell would become invalid.

use std::ffi::OsStr;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use fuser::{INodeNo, Notifier};
use vfs_core::{Ino, KnownNode};

use crate::request::InodeRange;

/// Length that stands for all pages, in an invalidation.
const TO_THE_END: i64 = 0;

/// Offset that stands for attributes only, in an invalidation.
const ATTR_ONLY: i64 = -1;

/// Which kernel caches to drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelCaches {
    /// Pages of files.
    pub has_data: bool,
    /// Names of files, and attributes and listings of directories.
    pub has_metadata: bool,
}

/// Counts of dropped cache entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KernelCleared {
    /// Files whose pages were dropped.
    pub files: u64,
    /// Names that were dropped.
    pub names: u64,
    /// Files of which the kernel keeps some or all pages, because reads of them are in flight.
    pub files_in_use: u64,
}

/// Progress of the clearing thread, for a caller that may stop waiting.
#[derive(Debug, Default)]
pub(crate) struct ClearProgress {
    files: AtomicU64,
    names: AtomicU64,
    files_in_use: AtomicU64,
    is_given_up: AtomicBool,
}

impl ClearProgress {
    /// Returns the progress so far. Files that were not reached count as in use.
    pub(crate) fn so_far(&self, files_wanted: u64) -> KernelCleared {
        let files = self.files.load(Ordering::Relaxed);
        KernelCleared {
            files,
            names: self.names.load(Ordering::Relaxed),
            files_in_use: files_wanted
                .saturating_sub(files)
                .max(self.files_in_use.load(Ordering::Relaxed)),
        }
    }

    /// Ends the thread after the current invalidation.
    pub(crate) fn give_up(&self) {
        self.is_given_up.store(true, Ordering::Relaxed);
    }

    /// Drops the requested caches. `reads` returns the ranges with reads in flight.
    pub(crate) fn clear(
        &self,
        kernel: &impl CacheInvalidation,
        nodes: &[KnownNode],
        caches: KernelCaches,
        reads: impl Fn() -> Vec<InodeRange>,
    ) {
        for node in nodes {
            if self.is_given_up.load(Ordering::Relaxed) {
                return;
            }
            if caches.has_data && !node.is_directory && node.size > 0 {
                self.drop_pages(kernel, node, &reads());
            }
            if caches.has_metadata {
                self.drop_names(kernel, node);
            }
        }
        if caches.has_metadata {
            note(kernel.drop_pages(Ino::ROOT, 0, TO_THE_END));
        }
    }

    fn drop_pages(&self, kernel: &impl CacheInvalidation, node: &KnownNode, reads: &[InodeRange]) {
        let whole = InodeRange { ino: node.ino.0, start: 0, end: node.size };
        let (free, held) = whole.split(reads);
        for span in free {
            // The kernel has no larger offsets.
            let (Ok(start), Ok(len)) = (i64::try_from(span.start), i64::try_from(span.len()))
            else {
                continue;
            };
            // To the end of the last page, which the file only partly fills.
            let len = if span.end == node.size { TO_THE_END } else { len };
            note(kernel.drop_pages(node.ino, start, len));
        }
        let count = if held.is_empty() { &self.files } else { &self.files_in_use };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn drop_names(&self, kernel: &impl CacheInvalidation, node: &KnownNode) {
        if node.is_directory {
            // The pages of a directory are its listing.
            note(kernel.drop_pages(node.ino, 0, TO_THE_END));
        } else {
            note(kernel.drop_pages(node.ino, ATTR_ONLY, TO_THE_END));
            note(kernel.drop_name(node.parent, &node.name));
            self.names.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Invalidates kernel caches. A trait, so that tests can replace the kernel.
pub(crate) trait CacheInvalidation {
    /// Drops pages and attributes of an inode.
    fn drop_pages(&self, ino: Ino, offset: i64, len: i64) -> io::Result<()>;

    /// Drops a name.
    fn drop_name(&self, parent: Ino, name: &str) -> io::Result<()>;
}

impl CacheInvalidation for Notifier {
    fn drop_pages(&self, ino: Ino, offset: i64, len: i64) -> io::Result<()> {
        self.inval_inode(INodeNo(ino.0), offset, len)
    }

    fn drop_name(&self, parent: Ino, name: &str) -> io::Result<()> {
        self.inval_entry(INodeNo(parent.0), OsStr::new(name))
    }
}

/// Logs a failed invalidation. It means that the kernel has already dropped the entry, or that the
/// mount is ending.
fn note(result: io::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "the kernel has nothing to drop");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use expect_test::{Expect, expect};

    use super::*;

    #[derive(Default)]
    struct FakeKernel(Mutex<Vec<String>>);

    impl CacheInvalidation for FakeKernel {
        fn drop_pages(&self, ino: Ino, offset: i64, len: i64) -> io::Result<()> {
            self.0.lock().unwrap().push(format!("pages {} {offset} {len}\n", ino.0));
            Ok(())
        }

        fn drop_name(&self, parent: Ino, name: &str) -> io::Result<()> {
            self.0.lock().unwrap().push(format!("name {} {name}\n", parent.0));
            Ok(())
        }
    }

    #[track_caller]
    fn check(caches: KernelCaches, reads: &[InodeRange], want: &Expect) {
        let node = |ino, parent, name: &str, size| KnownNode {
            ino: Ino(ino),
            parent: Ino(parent),
            name: name.to_owned(),
            is_directory: size == 0,
            size,
        };
        let nodes = [node(70, 1, "t", 0), node(71, 70, "a", 100), node(72, 70, "b", 50)];
        let (kernel, progress) = (FakeKernel::default(), ClearProgress::default());
        progress.clear(&kernel, &nodes, caches, || reads.to_vec());
        let text = kernel.0.lock().unwrap().concat();
        let files_wanted = if caches.has_data { 2 } else { 0 };
        want.assert_eq(&format!("{text}{:?}", progress.so_far(files_wanted)));
    }

    #[test]
    fn pages_are_dropped_but_not_where_reads_are_under_way() {
        let data = KernelCaches { has_data: true, has_metadata: false };
        check(
            data,
            &[],
            &expect![[r#"
            pages 71 0 0
            pages 72 0 0
            KernelCleared { files: 2, names: 0, files_in_use: 0 }"#]],
        );
        let read = InodeRange { ino: 71, start: 20, end: 30 };
        check(
            data,
            &[read],
            &expect![[r#"
            pages 71 0 20
            pages 71 30 0
            pages 72 0 0
            KernelCleared { files: 1, names: 0, files_in_use: 1 }"#]],
        );
        let whole = InodeRange { ino: 71, start: 0, end: 100 };
        check(
            data,
            &[whole],
            &expect![[r#"
            pages 72 0 0
            KernelCleared { files: 1, names: 0, files_in_use: 1 }"#]],
        );
    }

    #[test]
    fn names_of_directories_stay() {
        let metadata = KernelCaches { has_data: false, has_metadata: true };
        check(
            metadata,
            &[],
            &expect![[r#"
            pages 70 0 0
            pages 71 -1 0
            name 70 a
            pages 72 -1 0
            name 70 b
            pages 1 0 0
            KernelCleared { files: 0, names: 2, files_in_use: 0 }"#]],
        );
    }
}
