//! System calls, and the sequences of them that runtimes make to remove a tree.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread;

use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_NOW, Uid,
    XattrFlags, chmodat, chownat, linkat, mkdirat, mknodat, openat, renameat, renameat_with,
    setxattr, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;

use super::{ScannedLibrary, TRIED_DIRS, TriedDir};

/// `nobody`, a user that exists everywhere.
const OTHER_USER: u32 = 65534;

/// The errors of a call that changes nothing, and of one between two filesystems.
const REFUSED: [Errno; 2] = [Errno::ROFS, Errno::ACCESS];

type WriteCall = (&'static str, fn(&CallPaths) -> Result<(), Errno>);

/// The paths of a call.
struct CallPaths {
    file: PathBuf,
    full_dir: PathBuf,
    /// A name in the directory that does not exist.
    new: PathBuf,
    /// A file of the user outside of the mount.
    own: PathBuf,
    /// A name there that does not exist.
    moved: PathBuf,
}

const CALLS: [WriteCall; 27] = [
    ("unlink of a file", |at| unlinkat(CWD, &at.file, AtFlags::empty())),
    ("unlink of a folder", |at| unlinkat(CWD, &at.full_dir, AtFlags::empty())),
    ("rmdir of a full folder", |at| unlinkat(CWD, &at.full_dir, AtFlags::REMOVEDIR)),
    ("rename of a file", |at| renameat(CWD, &at.file, CWD, &at.new)),
    ("rename of a folder", |at| renameat(CWD, &at.full_dir, CWD, &at.new)),
    ("rename without replacing", |at| {
        renameat_with(CWD, &at.file, CWD, &at.new, RenameFlags::NOREPLACE)
    }),
    ("exchange of two names", |at| {
        renameat_with(CWD, &at.file, CWD, &at.full_dir, RenameFlags::EXCHANGE)
    }),
    ("rename to another filesystem", |at| renameat(CWD, &at.file, CWD, &at.moved)),
    ("rename from another filesystem", |at| renameat(CWD, &at.own, CWD, &at.new)),
    ("rename over a file, from another filesystem", |at| renameat(CWD, &at.own, CWD, &at.file)),
    ("mkdir", |at| mkdirat(CWD, &at.new, Mode::RWXU)),
    ("open of a new file", |at| open(&at.new, OFlags::CREATE | OFlags::WRONLY)),
    ("open for writing", |at| open(&at.file, OFlags::WRONLY)),
    ("open for reading and writing", |at| open(&at.file, OFlags::RDWR)),
    ("open for appending", |at| open(&at.file, OFlags::WRONLY | OFlags::APPEND)),
    ("open with truncation", |at| open(&at.file, OFlags::WRONLY | OFlags::TRUNC)),
    ("open of a file without a name", |at| {
        let dir = at.new.parent().unwrap();
        open(dir, OFlags::TMPFILE | OFlags::WRONLY)
    }),
    ("truncate", |at| nix::unistd::truncate(&at.file, 0).map_err(of_nix)),
    ("chmod", |at| chmodat(CWD, &at.file, Mode::RWXU, AtFlags::empty())),
    ("chown", |at| {
        let (uid, gid) = (Uid::from_raw(OTHER_USER), Gid::from_raw(OTHER_USER));
        chownat(CWD, &at.file, Some(uid), Some(gid), AtFlags::empty())
    }),
    ("utimensat", |at| {
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        utimensat(CWD, &at.file, &times, AtFlags::empty())
    }),
    ("setxattr", |at| setxattr(&at.file, "user.x", b"1", XattrFlags::empty())),
    ("removexattr", |at| rustix::fs::removexattr(&at.file, "user.tfs.info_hash")),
    ("link to a file of the mount", |at| linkat(CWD, &at.file, CWD, &at.new, AtFlags::empty())),
    ("link from another filesystem", |at| linkat(CWD, &at.own, CWD, &at.new, AtFlags::empty())),
    ("symlink", |at| symlinkat("target", CWD, &at.new)),
    ("mknod of a pipe", |at| mknodat(CWD, &at.new, FileType::Fifo, Mode::RWXU, 0)),
];

fn of_nix(error: nix::errno::Errno) -> Errno {
    Errno::from_raw_os_error(error as i32)
}

fn open(path: &Path, flags: OFlags) -> Result<(), Errno> {
    openat(CWD, path, flags, Mode::RWXU).map(|_opened: OwnedFd| ())
}

/// A sequence of calls that removes a tree, with the errors of all of them.
type Removal = (&'static str, fn(&Path, &mut Vec<Errno>));

const REMOVALS: [Removal; 4] = [
    ("`os.RemoveAll` of Go", remove_all_of_go),
    ("`Directory.Delete(path, true)` of .NET", delete_of_dotnet),
    ("`fs::remove_dir_all` of Rust", |path, errors| {
        note(
            fs::remove_dir_all(path).map_err(|error| Errno::from_io_error(&error).unwrap()),
            errors,
        );
    }),
    ("delete of a folder by Samba", delete_of_samba),
];

fn note(result: Result<(), Errno>, errors: &mut Vec<Errno>) {
    errors.push(result.expect_err("the call fails"));
}

fn children(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Go 1.25, `os/removeall_at.go`: unlink; rmdir; then, unless that was final, the entries in the
/// directory and rmdir once more. The final errors are not known to a test of the mount, so all
/// steps are made.
fn remove_all_of_go(path: &Path, errors: &mut Vec<Errno>) {
    note(unlinkat(CWD, path, AtFlags::empty()), errors);
    note(unlinkat(CWD, path, AtFlags::REMOVEDIR), errors);
    for child in children(path) {
        if child.is_dir() {
            remove_all_of_go(&child, errors);
        } else {
            note(unlinkat(CWD, &child, AtFlags::empty()), errors);
        }
    }
    note(unlinkat(CWD, path, AtFlags::REMOVEDIR), errors);
}

/// .NET 9, `FileSystem.Unix.cs`: the entries first, then rmdir, whatever failed before.
fn delete_of_dotnet(path: &Path, errors: &mut Vec<Errno>) {
    for child in children(path) {
        if child.is_dir() {
            delete_of_dotnet(&child, errors);
        } else {
            note(unlinkat(CWD, &child, AtFlags::empty()), errors);
        }
    }
    note(unlinkat(CWD, path, AtFlags::REMOVEDIR), errors);
}

/// Samba 4, `smbd/close.c`: opens the directory, removes what is below, and calls rmdir. A file
/// gets chmod first if the client asks to clear "read-only".
fn delete_of_samba(path: &Path, errors: &mut Vec<Errno>) {
    for child in children(path) {
        if child.is_dir() {
            delete_of_samba(&child, errors);
            continue;
        }
        note(chmodat(CWD, &child, Mode::RWXU, AtFlags::empty()), errors);
        note(unlinkat(CWD, &child, AtFlags::empty()), errors);
    }
    note(unlinkat(CWD, path, AtFlags::REMOVEDIR), errors);
}

/// Runs all calls as root and as another user, and returns the tables of their errors.
pub(super) fn table(library: &ScannedLibrary, outside: &Path) -> String {
    let as_root = rows(&library.mounted.path, outside, "root");
    let (mnt, outside) = (library.mounted.path.clone(), outside.to_owned());
    let as_other = thread::spawn(move || {
        let uid = Uid::from_raw(OTHER_USER);
        // Of this thread only. It has no privilege after that.
        rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
        rows(&mnt, &outside, "other")
    });
    let as_other = as_other.join().unwrap();
    let mut text =
        String::from("## Calls\n\n| call | as root | as another user |\n|---|---|---|\n");
    let calls = CALLS.len();
    for (idx, (root, other)) in as_root.iter().zip(&as_other).enumerate() {
        if idx == calls {
            text += "\nThe sequences of calls with which libraries remove a folder and all below \
                     it,\ncontinued after each error:\n\n| sequence | as root | as another user \
                     |\n|---|---|---|\n";
        }
        assert_eq!(root.0, other.0);
        writeln!(text, "| {} | {} | {} |", root.0, root.1, other.1).unwrap();
    }
    text
}

fn rows(mnt: &Path, outside: &Path, user: &str) -> Vec<(&'static str, String)> {
    let own = outside.join(user);
    fs::write(&own, "own").unwrap();
    let moved = outside.join("moved");
    let paths: Vec<_> = TRIED_DIRS.iter().map(|place| paths(place, mnt, &own, &moved)).collect();
    let mut rows = Vec::new();
    for (what, call) in CALLS {
        let errors = paths.iter().zip(&TRIED_DIRS).map(|(paths, place)| {
            let error = call(paths).expect_err("it fails");
            let is_between = what.contains("another filesystem");
            let is_right = REFUSED.contains(&error) || (is_between && error == Errno::XDEV);
            assert!(is_right, "{what} in the {} as {user}: {error:?}", place.what);
            error
        });
        rows.push((what, names(errors)));
    }
    assert!(own.exists() && !moved.exists());
    for (what, remove) in REMOVALS {
        let mut errors = Vec::new();
        for paths in &paths {
            remove(&paths.full_dir, &mut errors);
        }
        let is_right = errors.iter().all(|error| REFUSED.contains(error));
        assert!(is_right, "{what} as {user}: {errors:?}");
        rows.push((what, names(errors.into_iter())));
    }
    rows
}

fn paths(place: &TriedDir, mnt: &Path, own: &Path, moved: &Path) -> CallPaths {
    CallPaths {
        file: mnt.join(place.file),
        full_dir: mnt.join(place.full_dir),
        new: mnt.join(place.dir).join("new"),
        own: own.to_owned(),
        moved: moved.to_owned(),
    }
}

/// Returns the names of different errors.
fn names(errors: impl Iterator<Item = Errno>) -> String {
    let names = errors.map(|error| match error {
        Errno::ROFS => "`EROFS`",
        Errno::ACCESS => "`EACCES`",
        Errno::XDEV => "`EXDEV`",
        other => panic!("{other:?}"),
    });
    names.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" or ")
}
