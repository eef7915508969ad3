//! Invalidations that the kernel accepts.

use std::ffi::OsStr;
use std::io;

use fuser::{INodeNo, Notifier};
use vfs_core::Ino;

/// Length that stands for "to the end", in an invalidation (`FUSE_NOTIFY_INVAL_INODE`).
const TO_THE_END: i64 = 0;

/// Offset that stands for attributes only, in an invalidation.
const ATTR_ONLY: i64 = -1;

/// The kernel's caches. Invalidating an unknown entry is not an error.
pub(crate) trait Kernel {
    /// Drops a name or negative entry of a directory, and all names below. Waits for the lookups
    /// and listings in flight in the directory.
    fn forget_name(&self, parent: Ino, name: &str) -> io::Result<()>;

    /// Like [`forget_name`](Self::forget_name). Also notifies watchers of directory `child` of its
    /// deletion, unless something in it is in use.
    fn delete(&self, parent: Ino, name: &str, child: Ino) -> io::Result<()>;

    /// Drops the listing and the attributes of a directory.
    fn forget_listing(&self, dir: Ino) -> io::Result<()>;

    /// Drops attributes.
    fn forget_attr(&self, ino: Ino) -> io::Result<()>;
}

impl Kernel for Notifier {
    fn forget_name(&self, parent: Ino, name: &str) -> io::Result<()> {
        self.inval_entry(INodeNo(parent.0), OsStr::new(name))
    }

    fn delete(&self, parent: Ino, name: &str, child: Ino) -> io::Result<()> {
        Self::delete(self, INodeNo(parent.0), INodeNo(child.0), OsStr::new(name))
    }

    fn forget_listing(&self, dir: Ino) -> io::Result<()> {
        // The pages of a directory are its listing.
        self.inval_inode(INodeNo(dir.0), 0, TO_THE_END)
    }

    fn forget_attr(&self, ino: Ino) -> io::Result<()> {
        self.inval_inode(INodeNo(ino.0), ATTR_ONLY, TO_THE_END)
    }
}
