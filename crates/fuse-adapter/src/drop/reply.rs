//! Errnos and attributes of the drop folder.

use std::time::{Duration, SystemTime};

use fuser::{Errno, FileAttr, FileType, INodeNo};
use rustix::process::{getegid, geteuid};
use tfs_drop::{DropAttr, DropFault};

/// Value of `st_blksize`.
const BLOCK_BYTES: u32 = 4096;

/// Unit of `st_blocks` (`stat(2)`).
const STAT_BLOCK_BYTES: u64 = 512;

/// Owner and permission bits of the folder.
#[derive(Debug, Clone, Copy)]
pub(super) struct DropOwnership {
    uid: u32,
    gid: u32,
    dir_perm: u16,
    file_perm: u16,
}

impl DropOwnership {
    /// The folder belongs to the user who mounts, and to a group if one is given.
    pub(super) fn new(gid: Option<u32>) -> Self {
        let (dir_perm, file_perm) = if gid.is_some() { (0o770, 0o660) } else { (0o700, 0o600) };
        let gid = gid.unwrap_or_else(|| getegid().as_raw());
        Self { uid: geteuid().as_raw(), gid, dir_perm, file_perm }
    }

    pub(super) fn file_attr(&self, attr: &DropAttr) -> FileAttr {
        let time = system_time(attr.mtime);
        let (kind, perm) = match attr.is_dir {
            true => (FileType::Directory, self.dir_perm),
            false => (FileType::RegularFile, self.file_perm),
        };
        FileAttr {
            ino: INodeNo(attr.ino),
            size: attr.size,
            blocks: attr.size.div_ceil(STAT_BLOCK_BYTES),
            atime: time,
            mtime: time,
            ctime: time,
            crtime: time,
            kind,
            perm,
            nlink: attr.nlink,
            uid: self.uid,
            gid: self.gid,
            rdev: 0,
            blksize: BLOCK_BYTES,
            flags: 0,
        }
    }
}

fn system_time(since_1970: Duration) -> SystemTime {
    SystemTime::UNIX_EPOCH.checked_add(since_1970).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Returns the errno of a fault.
pub(super) fn errno(fault: DropFault) -> Errno {
    match fault {
        DropFault::NotFound => Errno::ENOENT,
        DropFault::NotPermitted => Errno::EPERM,
        DropFault::Exists => Errno::EEXIST,
        DropFault::Invalid | DropFault::BadName => Errno::EINVAL,
        DropFault::NameTooLong => Errno::ENAMETOOLONG,
        DropFault::NoSpace => Errno::ENOSPC,
        DropFault::TooLarge => Errno::EFBIG,
        DropFault::IsDirectory => Errno::EISDIR,
        DropFault::NotDirectory => Errno::ENOTDIR,
        DropFault::TimedOut => Errno::ETIMEDOUT,
        DropFault::Io => Errno::EIO,
        DropFault::Busy => Errno::EBUSY,
    }
}
