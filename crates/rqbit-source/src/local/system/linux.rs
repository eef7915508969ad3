//! The system calls of Linux.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstat, fstatfs, openat, openat2};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use tfs_sys::mountinfo::{Device, MountEntry, MountTable};

use super::super::identity::FileIdentity;

/// Maximum attempts for a path that is being renamed: the kernel then returns `EAGAIN`.
const RENAME_TRIES: usize = 8;

/// Filesystem type of all FUSE mounts, `linux/magic.h`.
const FUSE_MAGIC: i64 = 0x6573_5546;

/// Returns the current identity of an open file.
pub(in super::super) fn identity_of(fd: &OwnedFd) -> io::Result<FileIdentity> {
    let stat = fstat(fd)?;
    Ok(FileIdentity {
        dev: stat.st_dev,
        ino: stat.st_ino,
        len: u64::try_from(stat.st_size).map_err(io::Error::other)?,
        modified: (stat.st_mtime, stat.st_mtime_nsec),
        changed: (stat.st_ctime, stat.st_ctime_nsec),
    })
}

/// Reads from memory only: fails with `EAGAIN` where the disk would be waited for, and with
/// `EOPNOTSUPP` on filesystems that cannot tell.
pub(in super::super) fn try_pread(
    fd: &OwnedFd,
    buffer: &mut [u8],
    offset: u64,
) -> Result<usize, Errno> {
    preadv2(fd, &mut [IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT)
}

/// Opens a folder to look up names in it.
pub(in super::super) fn open_folder(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, path, flags, Mode::empty())
}

/// Opens a file below a folder for reading. No link is followed, and no name leads out of it.
pub(in super::super) fn open_below(folder: &OwnedFd, below: &Path) -> Result<OwnedFd, Errno> {
    // A FIFO does not block, and a terminal does not become the controlling terminal.
    let flags =
        OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    let mut tries = 0;
    loop {
        match openat2(folder, below, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) if tries < RENAME_TRIES => tries += 1,
            opened => return opened,
        }
    }
}

/// Returns whether a file is on a mount of tfs: a mount that reads from itself would deadlock.
pub(in super::super) fn is_of_tfs(fd: &OwnedFd) -> io::Result<bool> {
    if fstatfs(fd.as_fd())?.f_type != FUSE_MAGIC {
        return Ok(false);
    }
    let device = fstat(fd)?.st_dev;
    let device = Device { major: rustix::fs::major(device), minor: rustix::fs::minor(device) };
    let table = MountTable::read()?;
    let mut places = table.places_of(device).peekable();
    // A device missing in the table was unmounted meanwhile.
    Ok(places.peek().is_none() || places.any(MountEntry::is_tfs))
}
