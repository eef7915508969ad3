//! What the kernel can be told about its caches.

use std::ffi::OsStr;
use std::io;

use fuser::{INodeNo, Notifier};
use vfs_core::Ino;

/// The whole of a range, for a notice (`FUSE_NOTIFY_INVAL_INODE`): from its start to the end.
const TO_THE_END: i64 = 0;

/// An offset that says that a notice is about attributes only.
const ATTR_ONLY: i64 = -1;

/// The kernel's caches. That it did not know of something is no error.
pub(crate) trait Kernel {
    /// Forgets a name in a directory, or that there was none, and all names below. Waits until the
    /// lookups and listings that are under way in the directory are through.
    fn forget_name(&self, parent: Ino, name: &str) -> io::Result<()>;

    /// Does what [`forget_name`](Self::forget_name) does, and tells those who watch the directory
    /// `child` that it is gone, unless something in it is in use.
    fn delete(&self, parent: Ino, name: &str, child: Ino) -> io::Result<()>;

    /// Forgets how a directory was listed, and its attributes.
    fn forget_listing(&self, dir: Ino) -> io::Result<()>;

    /// Forgets attributes.
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
