//! What the files of a mount look like to programs, and how long the kernel may remember it.

use std::time::Duration;

use rustix::process::{getegid, geteuid};

/// How long the kernel may keep what it was told, since it is told of changes: an hour keeps a
/// media server's rescan away from us, and ends by itself if we are wrong.
const TTL: Duration = Duration::from_secs(3600);

/// What files look like. Any values are valid; the default is what suits most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttrOptions {
    /// The owner of all files; by default the user of this process.
    pub uid: u32,
    /// The group of all files; by default that of this process.
    pub gid: u32,
    /// The permission bits that are taken away from files and directories; by default none.
    pub umask: u16,
    /// The permission bits of files; by default 0444. There is nothing to write, whatever they say.
    pub file_mode: u16,
    /// The permission bits of directories; by default 0555.
    pub dir_mode: u16,
    /// How long the kernel may keep attributes without asking again: by default an hour, up to a
    /// year, more counts as that; zero means that it asks each time. It is told of changes, so that
    /// a long time makes nothing late; where the kernel does not take such notices, what may change
    /// is kept for a second at most.
    pub attr_ttl: Duration,
    /// How long the kernel may keep names, that there is no such name, and listings; otherwise as
    /// `attr_ttl`. With zero it keeps no listings.
    pub entry_ttl: Duration,
    /// Whether programs that look for holes in a file (`SEEK_HOLE`, as `cp` and `tar -S` do) are
    /// told of what is not downloaded, and so copy zeros in its place. By default files have no
    /// holes, and such a program reads all of it.
    pub shows_holes: bool,
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
        }
    }
}
