//! Attributes that a mount shows to programs, and how long the kernel may cache them.

use std::time::Duration;

use rustix::process::{getegid, geteuid};

/// Cache lifetime in the kernel, which is notified of changes. One hour spares the mount a media
/// server's rescans, and bounds the effect of a missed notification.
const TTL: Duration = Duration::from_secs(3600);

/// Options for the attributes of files. All values are valid; the defaults suit most mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttrOptions {
    /// Owner of all files. Default: the user of this process.
    pub uid: u32,
    /// Group of all files. Default: the group of this process.
    pub gid: u32,
    /// Permission bits removed from files and directories. Default: none.
    pub umask: u16,
    /// Permission bits of files. Default: 0444. The mount is read-only whatever they are.
    pub file_mode: u16,
    /// Permission bits of directories. Default: 0555.
    pub dir_mode: u16,
    /// How long the kernel may cache attributes: by default an hour, at most a year (larger values
    /// are clamped). Zero disables caching. The kernel is notified of changes, so a long time does
    /// not delay them. If the kernel does not support notifications, attributes that may change are
    /// cached for at most 1 s.
    pub attr_ttl: Duration,
    /// How long the kernel may cache names, negative entries and listings; otherwise as `attr_ttl`.
    /// Zero disables caching of listings.
    pub entry_ttl: Duration,
    /// Whether missing ranges are reported as holes (`SEEK_HOLE`, used by `cp` and `tar -S`). Such
    /// programs then copy zeros for data that is not downloaded. By default files have no holes,
    /// and such a program reads the whole file.
    pub shows_holes: bool,
    /// What `statfs` shows as used.
    pub disk_usage: DiskUsage,
}

/// What `statfs` shows as used. A monitor raises an alarm for a filesystem whose available part is
/// small. So what is shown must not depend on how complete the torrents are, unless a user wants
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DiskUsage {
    /// Nothing: the filesystem itself uses no disk.
    #[default]
    None,
    /// What is downloaded. What is missing is available.
    Downloaded,
}

impl Default for AttrOptions {
    fn default() -> Self {
        Self {
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
            umask: 0,
            file_mode: 0o444,
            dir_mode: 0o555,
            attr_ttl: TTL,
            entry_ttl: TTL,
            shows_holes: false,
            disk_usage: DiskUsage::None,
        }
    }
}
