//! What the files of a mount look like to programs, and how long the kernel may remember it.

use std::time::Duration;

use fuse_adapter::{FsName, MountOptions};

/// What files look like. Any values are valid; the default is what suits most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appearance {
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
    /// How long the kernel may keep attributes; by default an hour, at most a year. It is told of
    /// changes.
    pub attr_ttl: Duration,
    /// How long the kernel may keep names, that there is no such name, and listings; by default an
    /// hour, at most a year. It is told of changes.
    pub entry_ttl: Duration,
    /// Whether programs that ask for holes (`cp` does) are told of what is not downloaded; by
    /// default they are. If not, files have no holes.
    pub shows_holes: bool,
}

impl Default for Appearance {
    fn default() -> Self {
        let options = MountOptions::new(FsName::default());
        Self {
            uid: options.uid,
            gid: options.gid,
            umask: options.umask,
            file_mode: options.file_mode,
            dir_mode: options.dir_mode,
            attr_ttl: options.attr_ttl,
            entry_ttl: options.entry_ttl,
            shows_holes: options.shows_holes,
        }
    }
}

impl Appearance {
    pub(crate) fn apply_to(self, options: &mut MountOptions) {
        let Self { uid, gid, umask, file_mode, dir_mode, attr_ttl, entry_ttl, shows_holes } = self;
        (options.uid, options.gid) = (uid, gid);
        (options.umask, options.file_mode, options.dir_mode) = (umask, file_mode, dir_mode);
        (options.attr_ttl, options.entry_ttl) = (attr_ttl, entry_ttl);
        options.shows_holes = shows_holes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_reaches_the_mount() {
        let new = || MountOptions::new(FsName::default());
        let mut options = new();
        Appearance::default().apply_to(&mut options);
        assert_eq!(options, new());
        let (attr_ttl, entry_ttl) = (Duration::from_secs(7), Duration::ZERO);
        let other = Appearance {
            uid: 1,
            gid: 2,
            umask: 0o27,
            file_mode: 0o440,
            dir_mode: 0o550,
            attr_ttl,
            entry_ttl,
            shows_holes: false,
        };
        other.apply_to(&mut options);
        let mut want = new();
        (want.uid, want.gid, want.umask, want.file_mode, want.dir_mode) =
            (1, 2, 0o27, 0o440, 0o550);
        (want.attr_ttl, want.entry_ttl, want.shows_holes) = (attr_ttl, entry_ttl, false);
        assert_eq!(options, want);
    }
}
