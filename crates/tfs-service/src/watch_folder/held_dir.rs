//! A watch folder that is held open: every file of it is found, opened and renamed through its
//! descriptor, so that no link or other folder can take its place.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{
    Access, AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, Stat, accessat, flock,
    fstat, openat, statat,
};
use rustix::io::Errno;
use rustix::process::geteuid;
use tfs_sys::stat::{changed, device, modified};

/// Maximum number of entries that one pass looks at, over all folders. More are left for the next
/// pass, since those that were taken have other names then.
const ENTRIES_MAX: usize = 100_000;

/// Maximum number of folders below a watch folder, each of which costs a watch of the kernel.
const SUBFOLDERS_MAX: usize = 1000;

/// Maximum depth of folders below a watch folder.
const DEPTH_MAX: usize = 16;

/// How a folder is opened.
const DIR_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Identity and version of a file: two are equal only if the file was not changed in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileStamp {
    ino: u64,
    size: i64,
    changed: (i64, i64),
    modified: (i64, i64),
}

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundFile {
    /// Its path below the folder.
    pub(super) path: PathBuf,
    pub(super) stamp: FileStamp,
}

/// What one pass found.
#[derive(Debug, Default)]
pub(super) struct FolderScan {
    pub(super) files: Vec<FoundFile>,
    /// Whether there are more entries than one pass looks at.
    pub(super) is_cut: bool,
}

/// An open watch folder.
#[derive(Debug)]
pub(super) struct HeldDir {
    fd: OwnedFd,
    owner_uid: u32,
    id: (u64, u64),
}

/// Why a file cannot be taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OpenFault {
    /// It is gone, or is something else than a regular file now.
    Gone,
    /// It can never be taken.
    Refused(String),
    /// It cannot be read at the moment.
    Unreadable(String),
}

impl FileStamp {
    fn of(stat: &Stat) -> Self {
        Self {
            ino: stat.st_ino,
            size: stat.st_size,
            changed: changed(stat),
            modified: modified(stat),
        }
    }
}

impl HeldDir {
    /// Opens a folder and claims it for this process.
    ///
    /// # Errors
    /// Why it cannot be used, for users.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        // A link to a folder is what the user has configured.
        let fd = openat(CWD, path, DIR_FLAGS, Mode::empty()).map_err(|error| match error {
            Errno::NOENT => "the folder does not exist; it is used as soon as it does".to_owned(),
            Errno::NOTDIR => "it is not a folder".to_owned(),
            error => format!("cannot open the folder: {error}"),
        })?;
        let stat = fstat(&fd).map_err(|error| format!("cannot use the folder: {error}"))?;
        let dir = Self { fd, owner_uid: stat.st_uid, id: (device(&stat), stat.st_ino) };
        // Filesystems without locks are used without the claim: two processes then add each torrent
        // twice, which a server takes for once.
        if flock(&dir.fd, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
            return Err("another process of tfs watches the folder".to_owned());
        }
        Ok(dir)
    }

    /// Returns whether the path still leads to this folder.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        statat(CWD, path, AtFlags::empty())
            .is_ok_and(|stat| (device(&stat), stat.st_ino) == self.id)
    }

    /// Checks that files can be renamed in it: otherwise each start would add them again.
    ///
    /// # Errors
    /// The reason, for users.
    pub(super) fn check_writable(&self) -> Result<(), String> {
        accessat(&self.fd, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).map_err(
            |error| format!("cannot rename files in it, so nothing is taken from it: {error}"),
        )
    }

    /// Returns the files whose names are wanted, ordered by path, and calls `on_dir` with the
    /// descriptor of each folder.
    ///
    /// # Errors
    /// If the folder itself cannot be read. Folders below are left out then.
    pub(super) fn find(
        &self,
        recursive: bool,
        wants: impl Fn(&OsStr) -> bool,
        mut on_dir: impl FnMut(BorrowedFd<'_>),
    ) -> io::Result<FolderScan> {
        let mut found = FolderScan::default();
        let mut entries = 0;
        let mut folders = vec![(PathBuf::new(), 0)];
        let mut folder_count = 0;
        while let Some((path, depth)) = folders.pop() {
            let fd = match self.open_below(&path) {
                Ok(fd) => fd,
                Err(error) if path.as_os_str().is_empty() => return Err(error.into()),
                Err(_gone_or_unreadable) => continue,
            };
            on_dir(fd.as_fd());
            for entry in Dir::read_from(&fd)? {
                let Ok(entry) = entry else { break };
                let name = OsString::from_vec(entry.file_name().to_bytes().to_vec());
                if name == "." || name == ".." {
                    continue;
                }
                entries += 1;
                if entries > ENTRIES_MAX {
                    found.is_cut = true;
                    break;
                }
                let may_be_folder =
                    matches!(entry.file_type(), FileType::Directory | FileType::Unknown);
                let is_hidden = name.as_bytes().starts_with(b".");
                let is_wanted = wants(&name);
                let may_descend = recursive && may_be_folder && !is_hidden && depth < DEPTH_MAX;
                if !is_wanted && !may_descend {
                    continue;
                }
                let Ok(stat) = statat(&fd, &name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
                let file_type = FileType::from_raw_mode(stat.st_mode);
                if file_type == FileType::RegularFile && is_wanted {
                    let (path, stamp) = (path.join(&name), FileStamp::of(&stat));
                    found.files.push(FoundFile { path, stamp });
                } else if file_type == FileType::Directory && may_descend {
                    folder_count += 1;
                    if folder_count > SUBFOLDERS_MAX {
                        found.is_cut = true;
                    } else {
                        folders.push((path.join(&name), depth + 1));
                    }
                }
            }
        }
        found.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// Reads a file, and returns its bytes with the stamp that they belong to.
    ///
    /// # Errors
    /// [`OpenFault`].
    pub(super) fn read(
        &self,
        path: &Path,
        bytes_max: u64,
    ) -> Result<(Vec<u8>, FileStamp), OpenFault> {
        let unreadable = |error: Errno| match error {
            // A link, or gone. A pipe does not block, and is no regular file.
            Errno::LOOP | Errno::NOENT | Errno::NOTDIR | Errno::NXIO => OpenFault::Gone,
            error => OpenFault::Unreadable(format!("cannot read it: {error}")),
        };
        let (dir, name) = self.parent_of(path).map_err(unreadable)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = openat(&dir, name, flags | OFlags::NOCTTY, Mode::empty()).map_err(unreadable)?;
        let stat = fstat(&fd).map_err(unreadable)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(OpenFault::Gone);
        }
        self.check_owner(stat.st_uid)?;
        if u64::try_from(stat.st_size).is_ok_and(|size| size > bytes_max) {
            return Err(OpenFault::Refused(too_large(bytes_max)));
        }
        let mut bytes = Vec::new();
        // It may grow meanwhile.
        let read = File::from(fd).take(bytes_max + 1).read_to_end(&mut bytes);
        read.map_err(|error| OpenFault::Unreadable(format!("cannot read it: {error}")))?;
        if bytes.len() as u64 > bytes_max {
            return Err(OpenFault::Refused(too_large(bytes_max)));
        }
        Ok((bytes, FileStamp::of(&stat)))
    }

    /// Another user who can write to the folder must not choose what this user's server downloads.
    fn check_owner(&self, uid: u32) -> Result<(), OpenFault> {
        let own = geteuid().as_raw();
        if [own, self.owner_uid, 0].contains(&uid) {
            return Ok(());
        }
        Err(OpenFault::Refused(format!(
            "it belongs to user {uid}; only files of user {own} and of the folder's owner \
             ({}) are taken",
            self.owner_uid
        )))
    }

    /// Returns whether the file at a path is still the one with this stamp.
    pub(super) fn has(&self, path: &Path, stamp: FileStamp) -> bool {
        let Ok((dir, name)) = self.parent_of(path) else { return false };
        statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileStamp::of(&stat) == stamp)
    }

    /// Returns the open folder of a path below this one, and the name in it.
    pub(super) fn parent_of<'a>(&self, path: &'a Path) -> Result<(OwnedFd, &'a OsStr), Errno> {
        let name = path.file_name().ok_or(Errno::INVAL)?;
        Ok((self.open_below(path.parent().unwrap_or(Path::new("")))?, name))
    }

    /// Opens a folder below this one, following no links.
    fn open_below(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let mut fd = openat(&self.fd, ".", DIR_FLAGS, Mode::empty())?;
        for name in path {
            fd = openat(&fd, name, DIR_FLAGS | OFlags::NOFOLLOW, Mode::empty())?;
        }
        Ok(fd)
    }
}

fn too_large(bytes_max: u64) -> String {
    format!("it is larger than {} MiB, the limit of rqbit", bytes_max >> 20)
}
