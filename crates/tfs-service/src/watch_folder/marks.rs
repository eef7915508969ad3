//! The names of files that were dealt with: `NAME.added`, `NAME.rejected` and
//! `NAME.rejected.reason`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, openat, renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;

use super::held_dir::HeldDir;

/// Maximum length of a file name in bytes.
const NAME_BYTES_MAX: usize = 255;

/// How many files of one name keep their marks. The next replaces the last.
const NUMBERS_MAX: u32 = 999;

const ADDED: &str = ".added";
const REJECTED: &str = ".rejected";
const REASON: &str = ".reason";

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileMark {
    /// It is renamed.
    Added,
    /// It is removed.
    Removed,
    /// It is renamed, and a file with the reason is written beside it.
    Rejected(String),
}

impl FileMark {
    /// Marks a file.
    ///
    /// # Errors
    /// The reason, for users. The file stays as it is then.
    pub(super) fn apply(&self, dir: &HeldDir, path: &Path) -> Result<(), String> {
        let marked = dir.parent_of(path).and_then(|(dir, name)| match self {
            Self::Added => rename(&dir, name, ADDED).map(drop),
            Self::Removed => unlinkat(&dir, name, AtFlags::empty()),
            Self::Rejected(reason) => {
                let marked = rename(&dir, name, REJECTED)?;
                // Without it, the status and the log still have the reason.
                if let Err(error) = write_reason(&dir, &marked, reason) {
                    tracing::warn!(name = ?marked, %error, "cannot write the reason beside it");
                }
                Ok(())
            }
        });
        let verb = if *self == Self::Removed { "remove" } else { "rename" };
        match marked {
            // Another program was faster.
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(format!("cannot {verb} it: {error}")),
        }
    }
}

/// Renames a file to its name with a suffix, without replacing another one. Returns the new name.
fn rename(dir: &OwnedFd, name: &OsStr, suffix: &str) -> Result<OsString, Errno> {
    for number in 1..=NUMBERS_MAX {
        let suffix = if number == 1 { suffix.to_owned() } else { format!(".{number}{suffix}") };
        let marked = with_suffix(name, &suffix);
        match renameat_with(dir, name, dir, &marked, RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) if number < NUMBERS_MAX => {}
            // Network filesystems cannot rename without replacing.
            Err(Errno::INVAL | Errno::NOSYS | Errno::EXIST) => {
                let there = statat(dir, &marked, AtFlags::SYMLINK_NOFOLLOW);
                let is_free = there.is_err_and(|error| error == Errno::NOENT);
                if is_free || number == NUMBERS_MAX {
                    return renameat(dir, name, dir, &marked).map(|()| marked);
                }
            }
            renamed => return renamed.map(|()| marked),
        }
    }
    Err(Errno::EXIST)
}

/// Appends a suffix to a name, which is cut if it becomes too long, with room for the name of the
/// reason.
fn with_suffix(name: &OsStr, suffix: &str) -> OsString {
    let len_max = NAME_BYTES_MAX - suffix.len() - REASON.len();
    let mut bytes = name.as_bytes().to_vec();
    if bytes.len() > len_max {
        let is_inside = |byte: Option<&u8>| byte.is_some_and(|byte| byte & 0xc0 == 0x80);
        let mut len = len_max;
        while len > 0 && is_inside(bytes.get(len)) {
            len -= 1;
        }
        bytes.truncate(len);
    }
    bytes.extend_from_slice(suffix.as_bytes());
    OsString::from_vec(bytes)
}

fn write_reason(dir: &OwnedFd, marked: &OsStr, reason: &str) -> std::io::Result<()> {
    let mut name = marked.to_owned();
    name.push(REASON);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
    let fd = openat(dir, &name, flags | OFlags::NOFOLLOW, mode)?;
    let written = writeln!(File::from(fd), "{reason}");
    if written.is_err() {
        // Half a reason on a full disk would mislead.
        _ = unlinkat(dir, &name, AtFlags::empty());
    }
    written
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_mark_replaces_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let held = HeldDir::open(dir.path()).unwrap();
        let mark = |mark: &FileMark, text: &str| {
            fs::write(dir.path().join("a.torrent"), text).unwrap();
            mark.apply(&held, "a.torrent".as_ref()).unwrap();
        };
        mark(&FileMark::Added, "1");
        mark(&FileMark::Added, "2");
        mark(&FileMark::Removed, "3");
        mark(&FileMark::Rejected("it is bad".to_owned()), "4");
        assert_eq!(
            names(dir.path()),
            [
                "a.torrent.2.added",
                "a.torrent.added",
                "a.torrent.rejected",
                "a.torrent.rejected.reason"
            ]
        );
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!((read("a.torrent.added"), read("a.torrent.2.added")), ("1".into(), "2".into()));
        assert_eq!(read("a.torrent.rejected.reason"), "it is bad\n");
        assert_eq!(FileMark::Added.apply(&held, "gone.torrent".as_ref()), Ok(()));
        let is_dir = FileMark::Removed.apply(&held, "x/y.torrent".as_ref());
        assert_eq!(is_dir, Ok(()), "its folder is gone");
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let name = OsString::from("ü".repeat(123) + ".torrent");
        let marked = with_suffix(&name, REJECTED);
        assert_eq!(marked.len(), 238 + REJECTED.len());
        assert!(marked.to_str().is_some());
        let reason = marked.len() + REASON.len();
        assert!(reason <= NAME_BYTES_MAX, "{reason}");
        let other = OsStr::from_bytes(&[0x80; 255]);
        assert_eq!(with_suffix(other, ADDED).as_bytes(), b".added");
    }
}
