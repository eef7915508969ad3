//! Converts the core's attributes to the kernel's.

use std::time::{Duration, SystemTime};

use fuser::{FileAttr, FileType, INodeNo};
use vfs_core::{Attr, FsStats, NodeKind};

use crate::{AttrOptions, DiskUsage};

/// Value of `st_blksize`. Programs read this much even for a few bytes: with 1 MiB, a Python read
/// of 10 bytes requests 2 MiB.
const BLOCK_BYTES: u32 = 4096;

/// Unit of `st_blocks`, independent of `st_blksize` (`stat(2)`).
const STAT_BLOCK_BYTES: u64 = 512;

/// Permission bits of symbolic links. The kernel ignores them (`symlink(7)`).
const SYMLINK_PERM: u16 = 0o777;

/// Owner and permission bits of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ownership {
    uid: u32,
    gid: u32,
    file_perm: u16,
    dir_perm: u16,
}

impl Ownership {
    pub(crate) fn new(appearance: &AttrOptions) -> Self {
        let AttrOptions { uid, gid, umask, file_mode, dir_mode, .. } = *appearance;
        Self {
            uid,
            gid,
            file_perm: file_mode & !umask & 0o777,
            dir_perm: dir_mode & !umask & 0o777,
        }
    }

    /// Returns the attributes for the kernel.
    pub(crate) fn file_attr(&self, attr: &Attr) -> FileAttr {
        // A negative time would be a bug of the core, and fuser 0.18 corrupts such times.
        let since_1970 = Duration::from_secs(u64::try_from(attr.mtime).unwrap_or(0));
        let time = SystemTime::UNIX_EPOCH.checked_add(since_1970).unwrap_or(SystemTime::UNIX_EPOCH);
        FileAttr {
            ino: INodeNo(attr.ino.0),
            size: attr.size,
            blocks: attr.have_bytes.div_ceil(STAT_BLOCK_BYTES),
            atime: time,
            mtime: time,
            ctime: time,
            crtime: time,
            kind: file_type(attr.kind),
            perm: match attr.kind {
                NodeKind::Directory => self.dir_perm,
                NodeKind::File => self.file_perm,
                NodeKind::Symlink => SYMLINK_PERM,
            },
            nlink: attr.nlink,
            uid: self.uid,
            gid: self.gid,
            rdev: 0,
            blksize: BLOCK_BYTES,
            flags: 0,
        }
    }
}

/// Returns the attributes of a negative entry. In the FUSE protocol this is an entry with inode
/// number 0.
pub(crate) fn no_attr() -> FileAttr {
    let time = SystemTime::UNIX_EPOCH;
    FileAttr {
        ino: INodeNo(0),
        size: 0,
        blocks: 0,
        atime: time,
        mtime: time,
        ctime: time,
        crtime: time,
        kind: FileType::RegularFile,
        perm: 0,
        nlink: 0,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: BLOCK_BYTES,
        flags: 0,
    }
}

pub(crate) fn file_type(kind: NodeKind) -> FileType {
    match kind {
        NodeKind::Directory => FileType::Directory,
        NodeKind::File => FileType::RegularFile,
        NodeKind::Symlink => FileType::Symlink,
    }
}

/// Result of `statfs`. The size is that of all torrents. What is used and available follows from
/// [`DiskUsage`]. No inode counts as used: a monitor would raise an alarm if all were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StatFs {
    pub(crate) block_bytes: u32,
    pub(crate) blocks: u64,
    /// Both free and available: the kernel shows users and root the same.
    pub(crate) free_blocks: u64,
    pub(crate) inodes: u64,
    pub(crate) free_inodes: u64,
    pub(crate) name_bytes_max: u32,
}

impl StatFs {
    pub(crate) fn new(stats: &FsStats, usage: DiskUsage) -> Self {
        let block_bytes = u64::from(BLOCK_BYTES);
        let blocks = stats.total_bytes.div_ceil(block_bytes);
        let used_blocks = match usage {
            DiskUsage::None => 0,
            DiskUsage::Downloaded => stats.have_bytes.div_ceil(block_bytes),
        };
        Self {
            block_bytes: BLOCK_BYTES,
            blocks,
            free_blocks: blocks.saturating_sub(used_blocks),
            inodes: stats.inode_count,
            free_inodes: stats.inode_count,
            name_bytes_max: u32::try_from(vfs_core::NAME_BYTES_MAX).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use vfs_core::{Ino, Validity};

    use super::*;

    fn attr(kind: NodeKind) -> Attr {
        Attr {
            ino: Ino(42),
            kind,
            size: 10_000,
            have_bytes: 1025,
            mtime: 1_700_000_000,
            nlink: 1,
            generation: 0,
            validity: Validity::Announced,
        }
    }

    fn appearance(umask: u16) -> AttrOptions {
        AttrOptions { uid: 1000, gid: 100, umask, ..AttrOptions::default() }
    }

    #[track_caller]
    fn check(umask: u16, attr: &Attr, want: &str) {
        let got = Ownership::new(&appearance(umask)).file_attr(attr);
        let secs = got.mtime.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let perm = got.perm;
        assert_eq!(format!("{:?} {perm:03o} {} {secs}", got.kind, got.blocks), want);
        assert_eq!([got.atime, got.ctime, got.crtime], [got.mtime; 3]);
        assert_eq!((got.ino.0, got.size, got.nlink), (42, 10_000, 1));
        assert_eq!((got.uid, got.gid, got.blksize), (1000, 100, 4096));
    }

    #[test]
    fn attributes_are_what_stat_shows() {
        let file = attr(NodeKind::File);
        check(0, &file, "RegularFile 444 3 1700000000");
        check(0, &attr(NodeKind::Directory), "Directory 555 3 1700000000");
        check(0, &attr(NodeKind::Symlink), "Symlink 777 3 1700000000");
        check(0o077, &file, "RegularFile 400 3 1700000000");
        check(0o027, &attr(NodeKind::Directory), "Directory 550 3 1700000000");
        check(0, &Attr { have_bytes: 0, ..file }, "RegularFile 444 0 1700000000");
        check(0, &Attr { have_bytes: 512, ..file }, "RegularFile 444 1 1700000000");
        // A wrong time from the core must not end the mount.
        check(0, &Attr { mtime: -1, ..file }, "RegularFile 444 3 0");
        check(0, &Attr { mtime: i64::MAX, ..file }, "RegularFile 444 3 9223372036854775807");
    }

    #[test]
    fn statfs_counts_as_used_what_is_downloaded_or_nothing() {
        let used = |stats: &FsStats, usage| {
            let StatFs { blocks, free_blocks, inodes, free_inodes, .. } = StatFs::new(stats, usage);
            (blocks, free_blocks, inodes, free_inodes)
        };
        let stats = FsStats { total_bytes: 40_961, have_bytes: 4097, inode_count: 7 };
        assert_eq!(used(&stats, DiskUsage::None), (11, 11, 7, 7));
        assert_eq!(used(&stats, DiskUsage::Downloaded), (11, 9, 7, 7));
        // The server may report more downloaded bytes than the torrent has.
        let odd = FsStats { total_bytes: 1, have_bytes: 1 << 40, inode_count: 1 };
        assert_eq!(used(&odd, DiskUsage::Downloaded), (1, 0, 1, 1));
    }
}
