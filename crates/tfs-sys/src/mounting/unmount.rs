//! How a mount is ended from outside, why that failed, and what is behind a mount.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::mountinfo::FS_TYPE;

/// How to unmount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmount {
    /// Only if it is not in use. The process behind the mount then ends by itself.
    Clean,
    /// Detaches the mount at once; it ends with its last user.
    Lazy,
    /// Fails each waiting request and detaches the mount.
    Force,
}

/// Why a mount was not unmounted. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum UnmountError {
    /// A library that is mounted nowhere goes on: clients read it, or a mount has the address.
    #[error("{why}")]
    Served {
        /// A text for users, which fits after "failed to".
        why: String,
    },
    /// The path cannot be resolved.
    #[error("find {}", path.display())]
    Path {
        /// The given path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The table of mounts cannot be read.
    #[error("read the mount table")]
    Table {
        /// The cause.
        source: io::Error,
    },
    /// Nothing is mounted there.
    #[error("unmount {}: nothing is mounted there", path.display())]
    NotMounted {
        /// The mount point.
        path: PathBuf,
    },
    /// The mount at the path is not a tfs mount.
    #[error("unmount {}: it is a mount of type {fs_type}, not {FS_TYPE}", path.display())]
    NotTfs {
        /// The mount point.
        path: PathBuf,
        /// The filesystem type found.
        fs_type: String,
    },
    /// The mount is in use.
    #[error("unmount {}: it is in use{}", path.display(), ListOf(holders))]
    Busy {
        /// The mount point.
        path: PathBuf,
        /// Its users, as far as they are visible to this user.
        holders: Vec<Holder>,
    },
    /// It belongs to another user.
    #[error("unmount {}: it belongs to another user", path.display())]
    NotPermitted {
        /// The mount point.
        path: PathBuf,
    },
    /// fusermount3 is not installed. Users other than root need it.
    #[error("unmount {}: fusermount3 is not installed", path.display())]
    NoFusermount {
        /// The mount point.
        path: PathBuf,
    },
    /// fusermount3, or umount on macOS, refused for another reason.
    #[error("unmount {}: {message}", path.display())]
    Refused {
        /// The mount point.
        path: PathBuf,
        /// Its message.
        message: String,
    },
    /// The kernel refused for another reason.
    #[error("unmount {}", path.display())]
    System {
        /// The mount point.
        path: PathBuf,
        /// The kernel's error.
        source: io::Error,
    },
}

/// A process that uses a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// Process name, truncated to 15 bytes.
    pub command: String,
    /// One of the files or directories that it holds.
    pub path: PathBuf,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.command, self.pid)
    }
}

/// Writes ` by a, b`, or nothing for an empty list.
struct ListOf<'a>(&'a [Holder]);

impl fmt::Display for ListOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, holder) in self.0.iter().enumerate() {
            write!(f, "{}{holder}", if position == 0 { " by " } else { ", " })?;
        }
        Ok(())
    }
}

/// Whether a process still serves a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// The mount answers.
    Alive,
    /// The process behind it has exited: "Transport endpoint is not connected".
    Dead,
    /// The mount does not answer; for instance its process is stopped.
    Silent,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_busy(holders: &[(u32, &str)], want: &str) {
        let holder = |(pid, command): &(u32, &str)| Holder {
            pid: *pid,
            command: (*command).to_owned(),
            path: PathBuf::from("/mnt/t/x"),
        };
        let holders = holders.iter().map(holder).collect();
        let error = UnmountError::Busy { path: PathBuf::from("/mnt/t"), holders };
        assert_eq!(error.to_string(), want);
    }

    #[test]
    fn who_is_in_the_way_is_named() {
        check_busy(&[], "unmount /mnt/t: it is in use");
        check_busy(&[(7, "mpv")], "unmount /mnt/t: it is in use by mpv (process 7)");
        check_busy(
            &[(7, "mpv"), (9, "bash")],
            "unmount /mnt/t: it is in use by mpv (process 7), bash (process 9)",
        );
    }
}
