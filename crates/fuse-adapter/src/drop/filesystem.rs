//! The drop folder for fuser: decodes each request, passes it to the folder, and answers it.
//!
//! Nothing is cached by the kernel: a file changes whenever a server does. No request that writes
//! is answered with `ENOSYS`.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fuser::{
    AccessFlags, BsdFileFlags, CopyFileRangeFlags, Errno, FileHandle, FileType, Filesystem,
    FopenFlags, Generation, INodeNo, InitFlags, IoctlFlags, KernelConfig, LockOwner, OpenAccMode,
    OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty,
    ReplyEntry, ReplyIoctl, ReplyOpen, ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow,
    WriteFlags,
};
use rustix::fs::OFlags;
use tfs_drop::{
    DropFault, DropFolder, DropOpen, DropStep, RenameRule, SharedFolder, limits::DRAFT_BYTES_MAX,
};
use tfs_sys::clock::DropClock;
use vfs_core::NAME_BYTES_MAX;

use super::reply::{DropOwnership, errno};
use super::waits::DropWaits;
use crate::reply::{Refuse, ReplyGuard, ReplyStats, RequestId, contain};
use crate::request::Tid;

/// The kernel asks each time.
const NOT_CACHED: Duration = Duration::ZERO;

/// Reads and writes go past the page cache: sizes change, and a write must reach the folder.
const OPEN_FLAGS: FopenFlags = FopenFlags::FOPEN_DIRECT_IO;

/// Block size that `statfs` reports.
const BLOCK_BYTES: u32 = 4096;

/// Maximum number of entries in an answer. A buffer of the kernel holds about as many.
const ENTRIES_MAX: usize = 128;

/// Wanted capabilities, each requested alone.
const WANTED: [InitFlags; 2] = [
    // A file that is written over needs no metadata from the server.
    InitFlags::FUSE_ATOMIC_O_TRUNC,
    // A slow rename must not block the lookups of its directory.
    InitFlags::FUSE_PARALLEL_DIROPS,
];

/// A [`SharedFolder`] for fuser.
#[derive(Debug)]
pub(super) struct DropFs {
    pub(super) folder: Arc<SharedFolder>,
    pub(super) clock: DropClock,
    pub(super) ownership: DropOwnership,
    pub(super) waits: DropWaits,
    pub(super) faults: Arc<ReplyStats>,
}

/// Passes a name to a body, or answers a name that the folder does not take.
macro_rules! name_of {
    ($name:expr, $reply:ident) => {
        match DropFolder::check_name($name.as_bytes()) {
            Ok(name) => name,
            Err(fault) => return $reply.error(errno(fault)),
        }
    };
}

impl DropFs {
    /// Runs an operation and answers with its value.
    fn answer<R: Refuse, T>(
        &self,
        request: RequestId,
        reply: R,
        operation: impl FnOnce(&mut DropFolder, Duration) -> Result<T, DropFault>,
        send: impl FnOnce(R, T),
    ) {
        let guard = ReplyGuard::new(reply, request, &self.faults);
        contain(request, || {
            let now = self.clock.now();
            match self.folder.with(|folder| operation(folder, now)) {
                Ok(value) => guard.send(|reply| send(reply, value)),
                Err(fault) => refuse(guard, fault),
            }
        });
    }

    /// Runs an operation whose result may come later.
    fn answer_later<R: Refuse>(
        &self,
        (request, tid): (RequestId, Tid),
        reply: R,
        operation: impl FnOnce(Duration) -> Result<DropStep, DropFault>,
        send: impl FnOnce(R, Result<(), Errno>) + Send + 'static,
    ) {
        let guard = ReplyGuard::new(reply, request, &self.faults);
        contain(request, || match operation(self.clock.now()) {
            Ok(DropStep::Done) => guard.send(|reply| send(reply, Ok(()))),
            Ok(DropStep::Wait(ticket)) => self.waits.spawn(ticket, tid, move |result| {
                guard.send(|reply| send(reply, result));
            }),
            Err(fault) => refuse(guard, fault),
        });
    }

    /// Shows why a name is refused.
    fn note_bad_name(&self, parent: INodeNo, name: &OsStr) {
        let now = self.clock.now();
        self.folder.with(|folder| folder.note_bad_name(parent.0, name.as_bytes(), now));
    }

    fn flush_file(&self, op: &'static str, request: &Request, ino: INodeNo, reply: ReplyEmpty) {
        let id = (RequestId { op, ino: ino.0 }, Tid(request.pid()));
        self.answer_later(id, reply, |now| self.folder.flush(ino.0, now), send_empty);
    }
}

fn refuse<R: Refuse>(guard: ReplyGuard<R>, fault: DropFault) {
    let RequestId { op, ino } = guard.request();
    tracing::debug!(op, ino, %fault, "request to the drop folder refused");
    guard.send(|reply| reply.refuse(errno(fault)));
}

fn send_empty(reply: ReplyEmpty, result: Result<(), Errno>) {
    match result {
        Ok(()) => reply.ok(),
        Err(errno) => reply.error(errno),
    }
}

fn id(op: &'static str, ino: INodeNo) -> RequestId {
    RequestId { op, ino: ino.0 }
}

impl Filesystem for DropFs {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        for capability in WANTED {
            if let Err(missing) = config.add_capabilities(capability) {
                tracing::debug!(?missing, "the kernel cannot do this");
            }
        }
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if name.len() > NAME_BYTES_MAX {
            return reply.error(Errno::ENAMETOOLONG);
        }
        let Some(name) = name.to_str() else { return reply.error(Errno::ENOENT) };
        let operation = |folder: &mut DropFolder, _| folder.lookup(parent.0, name);
        self.answer(id("lookup", parent), reply, operation, |reply, attr| {
            reply.entry(&NOT_CACHED, &self.ownership.file_attr(&attr), Generation(0));
        });
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let operation = |folder: &mut DropFolder, _| folder.attr(ino.0);
        self.answer(id("getattr", ino), reply, operation, |reply, attr| {
            reply.attr(&NOT_CACHED, &self.ownership.file_attr(&attr));
        });
    }

    /// Mode and owner are accepted and have no effect: `tar`, `rsync` and `cp -p` set them.
    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let operation = |folder: &mut DropFolder, now| {
            if let Some(size) = size {
                folder.truncate(ino.0, size, now)?;
            }
            match mtime {
                Some(TimeOrNow::Now) => folder.touch(ino.0, now),
                Some(TimeOrNow::SpecificTime(time)) => {
                    let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH);
                    folder.touch(ino.0, since_1970.unwrap_or_default());
                }
                None => {}
            }
            folder.attr(ino.0)
        };
        self.answer(id("setattr", ino), reply, operation, |reply, attr| {
            reply.attr(&NOT_CACHED, &self.ownership.file_attr(&attr));
        });
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        _: u32,
        _: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        if DropFolder::check_name(name.as_bytes()).is_err() {
            self.note_bad_name(parent, name);
        }
        let name = name_of!(name, reply);
        let operation = |folder: &mut DropFolder, now| folder.create(parent.0, name, now);
        self.answer(id("create", parent), reply, operation, |reply, attr| {
            let handle = FileHandle(attr.ino);
            let attr = self.ownership.file_attr(&attr);
            reply.created(&NOT_CACHED, &attr, Generation(0), handle, OPEN_FLAGS);
        });
    }

    fn open(&self, request: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let is_set = |flag: OFlags| flags.0 & flag.bits().cast_signed() != 0;
        let acc_mode = flags.acc_mode();
        let how = DropOpen {
            writes: acc_mode != OpenAccMode::O_RDONLY,
            truncates: is_set(OFlags::TRUNC) && acc_mode != OpenAccMode::O_RDONLY,
        };
        let needs_bytes = acc_mode != OpenAccMode::O_WRONLY;
        let (folder, clock) = (Arc::clone(&self.folder), self.clock);
        let operation = |now| self.folder.with(|folder| folder.open(ino.0, how, now));
        let id = (id("open", ino), Tid(request.pid()));
        self.answer_later(id, reply, operation, move |reply, loaded| match loaded {
            Err(errno) if needs_bytes => {
                folder.release(ino.0, clock.now());
                reply.error(errno);
            }
            Ok(()) | Err(_) => reply.opened(FileHandle(ino.0), OPEN_FLAGS),
        });
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        len: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let operation =
            |folder: &mut DropFolder, _| folder.read(ino.0, offset, len).map(<[u8]>::to_vec);
        self.answer(id("read", ino), reply, operation, |reply, bytes| reply.data(&bytes));
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        flags: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        // The kernel may not know what another program has appended.
        let appends = flags.0 & OFlags::APPEND.bits().cast_signed() != 0;
        let offset = (!appends).then_some(offset);
        let operation = |folder: &mut DropFolder, now| folder.write(ino.0, offset, data, now);
        self.answer(id("write", ino), reply, operation, |reply, len| {
            reply.written(u32::try_from(len).unwrap_or(u32::MAX));
        });
    }

    fn flush(
        &self,
        request: &Request,
        ino: INodeNo,
        _: FileHandle,
        _: LockOwner,
        reply: ReplyEmpty,
    ) {
        self.flush_file("flush", request, ino, reply);
    }

    fn fsync(&self, request: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.flush_file("fsync", request, ino, reply);
    }

    fn release(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.folder.release(ino.0, self.clock.now());
        reply.ok();
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        position: u64,
        reply: ReplyDirectory,
    ) {
        let operation = |folder: &mut DropFolder, _| folder.list(ino.0, position, ENTRIES_MAX);
        self.answer(id("readdir", ino), reply, operation, |mut reply, entries| {
            for entry in entries {
                let kind = if entry.is_dir { FileType::Directory } else { FileType::RegularFile };
                if reply.add(INodeNo(entry.ino), entry.next, kind, entry.name) {
                    break;
                }
            }
            reply.ok();
        });
    }

    fn unlink(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let name = name_of!(name, reply);
        let operation = |now| self.folder.with(|folder| folder.unlink(parent.0, name, now));
        let id = (id("unlink", parent), Tid(request.pid()));
        self.answer_later(id, reply, operation, send_empty);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let name = name_of!(name, reply);
        let operation = |folder: &mut DropFolder, _| folder.rmdir(parent.0, name);
        self.answer(id("rmdir", parent), reply, operation, |reply, ()| reply.ok());
    }

    fn rename(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        to_parent: INodeNo,
        to: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let rule = match flags {
            flags if flags.is_empty() => RenameRule::Replace,
            RenameFlags::RENAME_NOREPLACE => RenameRule::KeepTarget,
            _ => return reply.error(Errno::EINVAL),
        };
        if DropFolder::check_name(to.as_bytes()).is_err() {
            self.note_bad_name(to_parent, to);
        }
        let (name, to) = (name_of!(name, reply), name_of!(to, reply));
        let operation = |now| self.folder.rename((parent.0, name), (to_parent.0, to), rule, now);
        let id = (id("rename", parent), Tid(request.pid()));
        self.answer_later(id, reply, operation, send_empty);
    }

    fn fallocate(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        len: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        // Programs write without space that was kept for them.
        if mode != 0 {
            return reply.error(Errno::EOPNOTSUPP);
        }
        let operation = |folder: &mut DropFolder, now| {
            let end = offset.saturating_add(len);
            let size = folder.attr(ino.0)?.size;
            if end > size { folder.truncate(ino.0, end, now) } else { Ok(()) }
        };
        self.answer(id("fallocate", ino), reply, operation, |reply, ()| reply.ok());
    }

    fn statfs(&self, _: &Request, ino: INodeNo, reply: ReplyStatfs) {
        let operation = |folder: &mut DropFolder, _| Ok(folder.space());
        self.answer(id("statfs", ino), reply, operation, |reply, (free_bytes, free_files)| {
            let blocks = |bytes: usize| bytes as u64 / u64::from(BLOCK_BYTES);
            let (all, free) = (blocks(DRAFT_BYTES_MAX), blocks(free_bytes));
            let files = tfs_drop::limits::DRAFTS_MAX as u64;
            let name_bytes_max = u32::try_from(NAME_BYTES_MAX).unwrap_or(u32::MAX);
            let free_files = free_files as u64;
            reply.statfs(
                all,
                free,
                free,
                files,
                free_files,
                BLOCK_BYTES,
                name_bytes_max,
                BLOCK_BYTES,
            );
        });
    }

    // Extended attributes are accepted and not kept: browsers set the origin of a download.
    fn setxattr(
        &self,
        _: &Request,
        _: INodeNo,
        _: &OsStr,
        _: &[u8],
        _: i32,
        _: u32,
        reply: ReplyEmpty,
    ) {
        reply.ok();
    }

    fn getxattr(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, reply: ReplyXattr) {
        reply.error(Errno::ENODATA);
    }

    fn listxattr(&self, _: &Request, _: INodeNo, size: u32, reply: ReplyXattr) {
        if size == 0 { reply.size(0) } else { reply.data(&[]) }
    }

    fn removexattr(&self, _: &Request, _: INodeNo, _: &OsStr, reply: ReplyEmpty) {
        reply.ok();
    }

    fn access(&self, _: &Request, _: INodeNo, _: AccessFlags, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply.ok();
    }

    fn mknod(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, _: u32, _: u32, reply: ReplyEntry) {
        reply.error(Errno::EPERM);
    }

    fn mkdir(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, _: u32, reply: ReplyEntry) {
        reply.error(Errno::EPERM);
    }

    fn symlink(&self, _: &Request, _: INodeNo, _: &OsStr, _: &Path, reply: ReplyEntry) {
        reply.error(Errno::EPERM);
    }

    fn link(&self, _: &Request, _: INodeNo, _: INodeNo, _: &OsStr, reply: ReplyEntry) {
        reply.error(Errno::EPERM);
    }

    fn copy_file_range(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: u64,
        _: INodeNo,
        _: FileHandle,
        _: u64,
        _: u64,
        _: CopyFileRangeFlags,
        reply: ReplyWrite,
    ) {
        // The kernel then copies by reads and writes.
        reply.error(Errno::EOPNOTSUPP);
    }

    fn ioctl(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: IoctlFlags,
        _: u32,
        _: &[u8],
        _: u32,
        reply: ReplyIoctl,
    ) {
        reply.error(Errno::ENOTTY);
    }
}
