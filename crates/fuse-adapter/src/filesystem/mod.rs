//! Implementation of fuser's trait: decodes each request, passes it to the core, and answers it.

mod direct;
mod entries;
mod init;
mod listings;
mod open;
mod read;
mod refused;
mod searches;
mod seek;
mod xattr;

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use fuser::{
    AccessFlags, BsdFileFlags, CopyFileRangeFlags, FileHandle, Filesystem, FopenFlags, INodeNo,
    IoctlFlags, KernelConfig, LockOwner, OpenAccMode, OpenFlags, PollEvents, PollFlags,
    PollNotifier, RenameFlags, ReplyAttr, ReplyBmap, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyIoctl, ReplyLock, ReplyLseek, ReplyOpen,
    ReplyPoll, ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};
use rustix::fs::OFlags;
use vfs_core::{Attr, HandleId, Ino, NAME_BYTES_MAX, TorrentSource, Vfs, VfsError};

pub(crate) use self::direct::InlineReads;
pub(crate) use self::entries::Entries;
use self::listings::DirOpen;
pub(crate) use self::listings::Listings;
use self::read::PendingRead;
use self::refused::refuse;
pub(crate) use self::searches::SearchQueue;
use crate::DiskUsage;
use crate::attr::{Ownership, StatFs};
use crate::callers::Callers;
use crate::passthrough::PassthroughFiles;
use crate::reads::Reads;
use crate::refused::RefusedPrograms;
use crate::reply::{self, Refuse, ReplyGuard, ReplyStats, contain, respond};
use crate::request::{KernelRead, Tid};
use crate::ttl::Ttls;

/// Open flags of files. Pages stay in the page cache for the next reader, since bytes never change;
/// `close` sends no request.
const OPEN_FLAGS: FopenFlags = FopenFlags::FOPEN_KEEP_CACHE.union(FopenFlags::FOPEN_NOFLUSH);

/// Open flags of control files. Their size is unknown, and their text differs from open to open.
const CONTROL_OPEN_FLAGS: FopenFlags = FopenFlags::FOPEN_DIRECT_IO.union(FopenFlags::FOPEN_NOFLUSH);

/// Flag of a file that bypasses the page cache.
const O_DIRECT: i32 = OFlags::DIRECT.bits().cast_signed();

/// Handle of all directories. The cookie holds the position in a listing.
const DIRECTORY_HANDLE: FileHandle = FileHandle(0);

/// A [`Vfs`] for fuser. All requests but reads and searches are answered from memory on fuser's own
/// thread. Short reads of data that a nearby server has are answered there too.
#[derive(Debug)]
pub(crate) struct TorrentFs<S> {
    pub(crate) vfs: Arc<Vfs<S>>,
    pub(crate) ownership: Ownership,
    pub(crate) ttls: Arc<Ttls>,
    pub(crate) entries: Entries<S>,
    pub(crate) searches: SearchQueue,
    /// Whether missing ranges are reported as holes.
    pub(crate) shows_holes: bool,
    /// What `statfs` shows as used.
    pub(crate) disk_usage: DiskUsage,
    pub(crate) reads: Reads,
    pub(crate) callers: Arc<Callers>,
    pub(crate) refused: Arc<RefusedPrograms>,
    pub(crate) passthrough: Arc<PassthroughFiles>,
    pub(crate) direct: InlineReads<PendingRead>,
    pub(crate) faults: Arc<ReplyStats>,
}

impl<S: TorrentSource> TorrentFs<S> {
    fn guard<R: Refuse>(&self, op: &'static str, ino: INodeNo, reply: R) -> ReplyGuard<R> {
        ReplyGuard::new(reply, reply::RequestId { op, ino: ino.0 }, &self.faults)
    }

    /// Returns the attributes of an inode that still has a name.
    fn linked_attr(&self, ino: INodeNo) -> Result<Attr, VfsError> {
        let attr = self.vfs.attr(Ino(ino.0))?;
        // The kernel then looks the path up again and finds the current inode of the name, if any.
        if attr.nlink == 0 { Err(VfsError::Stale) } else { Ok(attr) }
    }
}

impl<S: TorrentSource> Filesystem for TorrentFs<S> {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        init::negotiate(config, &self.passthrough);
        self.entries.listings.negotiate(config);
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        // The kernel passes names of up to a page; other filesystems refuse them.
        if name.len() > NAME_BYTES_MAX {
            return reply.error(fuser::Errno::ENAMETOOLONG);
        }
        let guard = self.guard("lookup", parent, reply);
        if self.vfs.must_search(Ino(parent.0)) {
            let (entries, name) = (self.entries.clone(), name.to_owned());
            return self.searches.run(&self.reads, move || entries.lookup(guard, parent, &name));
        }
        self.entries.lookup(guard, parent, name);
    }

    // Not `batch_forget`: the type of its argument is private in fuser 0.18, which calls this
    // method for each entry.
    fn forget(&self, _: &Request, ino: INodeNo, count: u64) {
        let request = reply::RequestId { op: "forget", ino: ino.0 };
        contain(request, || self.vfs.forget(Ino(ino.0), count));
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        respond(
            self.guard("getattr", ino, reply),
            |_| self.linked_attr(ino),
            |reply, attr| reply.attr(&self.ttls.attr(&attr), &self.ownership.file_attr(&attr)),
        );
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        respond(
            self.guard("readlink", ino, reply),
            |_| self.vfs.read_link(Ino(ino.0)),
            |reply, target| reply.data(target.as_bytes()),
        );
    }

    fn open(&self, request: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        // The kernel refuses writes to a read-only mount; this is reached only after a remount.
        if flags.acc_mode() != OpenAccMode::O_RDONLY {
            return reply.error(fuser::Errno::EROFS);
        }
        self.answer_open(Tid(request.pid()), ino, self.guard("open", ino, reply));
    }

    fn read(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        len: u32,
        flags: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let is_direct = flags.0 & O_DIRECT != 0;
        let (tid, handle) = (Tid(request.pid()), HandleId(handle.0));
        let request = KernelRead { tid, ino: ino.0, handle, offset, len, is_direct };
        self.answer_read(request, self.guard("read", ino, reply));
    }

    fn release(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        respond(
            self.guard("release", ino, reply),
            |_| {
                let is_passed = self.passthrough.on_release(ino.0, HandleId(handle.0));
                // Reads by passthrough are unknown, and control files are no media.
                let is_counted = !is_passed && !self.vfs.is_view(Ino(ino.0));
                self.callers.on_release(HandleId(handle.0), is_counted.then_some(ino.0));
                self.vfs.release(HandleId(handle.0));
                Ok(())
            },
            |reply, ()| reply.ok(),
        );
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        respond(
            self.guard("opendir", ino, reply),
            |_| self.vfs.open_dir(Ino(ino.0)),
            |reply, ()| match self.entries.listings.open(self.vfs.names_validity(Ino(ino.0))) {
                DirOpen::Opened(flags) => reply.opened(DIRECTORY_HANDLE, flags),
                DirOpen::NeedNotAsk => reply.error(fuser::Errno::ENOSYS),
            },
        );
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        cookie: u64,
        reply: ReplyDirectory,
    ) {
        let guard = self.guard("readdir", ino, reply);
        if self.vfs.must_search(Ino(ino.0)) {
            let entries = self.entries.clone();
            return self.searches.run(&self.reads, move || entries.list(guard, ino, cookie));
        }
        self.entries.list(guard, ino, cookie);
    }

    fn readdirplus(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        cookie: u64,
        reply: ReplyDirectoryPlus,
    ) {
        let guard = self.guard("readdirplus", ino, reply);
        if self.vfs.must_search(Ino(ino.0)) {
            let entries = self.entries.clone();
            return self.searches.run(&self.reads, move || entries.list_plus(guard, ino, cookie));
        }
        self.entries.list_plus(guard, ino, cookie);
    }

    fn statfs(&self, _: &Request, ino: INodeNo, reply: ReplyStatfs) {
        respond(
            self.guard("statfs", ino, reply),
            |_| Ok(StatFs::new(&self.vfs.stats(), self.disk_usage)),
            |reply, stats| {
                reply.statfs(
                    stats.blocks,
                    stats.free_blocks,
                    stats.free_blocks,
                    stats.inodes,
                    stats.free_inodes,
                    stats.block_bytes,
                    stats.name_bytes_max,
                    stats.block_bytes,
                );
            },
        );
    }

    fn getxattr(&self, _: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        let guard = self.guard("getxattr", ino, reply);
        self.answer_getxattr(guard, ino, name, size);
    }

    fn listxattr(&self, _: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        self.answer_listxattr(self.guard("listxattr", ino, reply), ino, size);
    }

    fn lseek(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: i64,
        whence: i32,
        reply: ReplyLseek,
    ) {
        let guard = self.guard("lseek", ino, reply);
        self.answer_lseek(guard, HandleId(handle.0), offset, whence);
    }

    refuse! {
        // The kernel falls back to its default and does not ask again.
        ENOSYS {
            access(INodeNo, AccessFlags; ReplyEmpty)
            bmap(INodeNo, u32, u64; ReplyBmap)
            flush(INodeNo, FileHandle, LockOwner; ReplyEmpty)
            fsync(INodeNo, FileHandle, bool; ReplyEmpty)
            fsyncdir(INodeNo, FileHandle, bool; ReplyEmpty)
            getlk(INodeNo, FileHandle, LockOwner, u64, u64, i32, u32; ReplyLock)
            ioctl(INodeNo, FileHandle, IoctlFlags, u32, &[u8], u32; ReplyIoctl)
            poll(INodeNo, FileHandle, PollNotifier, PollEvents, PollFlags; ReplyPoll)
            setlk(INodeNo, FileHandle, LockOwner, u64, u64, i32, u32, bool; ReplyEmpty)
        }
        // The mount is read-only: these requests arrive only after a remount.
        EROFS {
            copy_file_range(
                INodeNo, FileHandle, u64, INodeNo, FileHandle, u64, u64, CopyFileRangeFlags;
                ReplyWrite
            )
            create(INodeNo, &OsStr, u32, u32, i32; ReplyCreate)
            fallocate(INodeNo, FileHandle, u64, u64, i32; ReplyEmpty)
            link(INodeNo, INodeNo, &OsStr; ReplyEntry)
            mkdir(INodeNo, &OsStr, u32, u32; ReplyEntry)
            mknod(INodeNo, &OsStr, u32, u32, u32; ReplyEntry)
            removexattr(INodeNo, &OsStr; ReplyEmpty)
            rename(INodeNo, &OsStr, INodeNo, &OsStr, RenameFlags; ReplyEmpty)
            rmdir(INodeNo, &OsStr; ReplyEmpty)
            setattr(
                INodeNo, Option<u32>, Option<u32>, Option<u32>, Option<u64>, Option<TimeOrNow>,
                Option<TimeOrNow>, Option<SystemTime>, Option<FileHandle>, Option<SystemTime>,
                Option<SystemTime>, Option<SystemTime>, Option<BsdFileFlags>;
                ReplyAttr
            )
            setxattr(INodeNo, &OsStr, &[u8], i32, u32; ReplyEmpty)
            symlink(INodeNo, &OsStr, &Path; ReplyEntry)
            unlink(INodeNo, &OsStr; ReplyEmpty)
            write(
                INodeNo, FileHandle, u64, &[u8], WriteFlags, OpenFlags, Option<LockOwner>;
                ReplyWrite
            )
        }
    }
}
