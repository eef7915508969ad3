//! State files and directories: private modes, size limits, and backups of damaged files.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::geteuid;
use serde::de::DeserializeOwned;

use super::envelope::{EnvelopeError, decode};

/// Maximum size of a file that is read. A torrent of 100,000 files has some 10 MiB. Answers of a
/// server have the same limit.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Maximum number of backups of one damaged file; further ones replace the last. The first one
/// shows the cause, and a disk that damages every file must not be filled.
const SET_ASIDE_MAX: u32 = 9;

/// Write permission for group and others.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// All permissions for group and others.
const OPEN_TO_OTHERS: u32 = 0o077;

/// Prefix of temporary files.
const TEMPORARY: &str = ".new-";

/// Age at which no process can still be writing a temporary file.
const TEMPORARY_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Timeout for the lock. Another process holds it for milliseconds, and for seconds while it reads
/// or replaces the log of a large library on a slow disk; longer only if it was stopped.
const LOCK_TIME_MAX: Duration = Duration::from_secs(10);

/// Interval between attempts to take the lock.
const LOCK_INTERVAL: Duration = Duration::from_millis(10);

/// Creates a directory and its parents, with mode 0700. An existing one is not changed.
fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Checks that only this user can write to a directory, since its content is shown as if it came
/// from a server. Removes the read permission of other users.
///
/// # Errors
/// If the directory belongs to another user, or others may write to it.
fn make_private(path: &Path) -> io::Result<()> {
    let metadata = fs::metadata(path)?;
    let dir = path.display();
    let refused = |why| Err(io::Error::new(ErrorKind::PermissionDenied, why));
    if metadata.uid() != geteuid().as_raw() {
        return refused(format!("{dir} belongs to user {}", metadata.uid()));
    }
    if metadata.mode() & WRITABLE_BY_OTHERS != 0 {
        return refused(format!("others may write to {dir}: chmod go-w it"));
    }
    if metadata.mode() & OPEN_TO_OTHERS != 0 {
        // A failure is harmless: without modes, or read-only, the file system protects the content.
        drop(fs::set_permissions(path, Permissions::from_mode(0o700)));
    }
    Ok(())
}

/// Creates a directory below the state directory. Checks that it and all directories between belong
/// to this user only.
///
/// # Errors
/// As [`make_private`], and if the directory cannot be created.
pub fn make_private_below(state_dir: &Path, dir: &Path) -> io::Result<()> {
    make_dir(dir)?;
    let mut ours = dir.ancestors().take_while(|path| path.starts_with(state_dir));
    ours.try_for_each(make_private)
}

/// Waits for the lock of a file, and creates the file if there is none. Closing it releases the
/// lock.
///
/// # Errors
/// Those of the system, and [`ErrorKind::WouldBlock`] if another process keeps the lock.
pub(super) fn lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if start.elapsed() < LOCK_TIME_MAX => {
                thread::sleep(LOCK_INTERVAL);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Reads a text file of the state directory; empty if there is none.
///
/// # Errors
/// Those of the system, and if the file is larger than 64 MiB.
pub(super) fn read_text(path: &Path) -> io::Result<Vec<u8>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(io::Error::other("it is larger than 64 MiB")),
        false => Ok(bytes),
    }
}

/// Replaces a text file. The new one is on disk before it has the name, so a crash leaves one of
/// them.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_of(path);
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let written = options.open(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    });
    if let Err(error) = written {
        // The file may not exist; the first error is returned.
        drop(fs::remove_file(&temporary));
        return Err(error);
    }
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

/// Reads a file of version 0.1.0. Returns `None` if it does not exist, or if it was damaged and has
/// been renamed.
///
/// # Errors
/// Those of the system, and [`ErrorKind::Unsupported`] if a later version wrote the file, which
/// stays unchanged.
pub(super) fn read<T: DeserializeOwned>(path: &Path, kind: &str) -> io::Result<Option<T>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    let is_too_large = bytes.len() as u64 > FILE_BYTES_MAX;
    match if is_too_large { Err(EnvelopeError::Damaged) } else { decode(kind, &bytes) } {
        Ok(value) => Ok(Some(value)),
        Err(EnvelopeError::Damaged) => {
            set_aside(path);
            Ok(None)
        }
        Err(newer @ EnvelopeError::Newer) => Err(io::Error::new(ErrorKind::Unsupported, newer)),
    }
}

/// Renames a damaged file, so that it is neither read again nor overwritten.
pub(super) fn set_aside(path: &Path) {
    let aside = aside(path);
    match fs::rename(path, &aside) {
        Ok(()) => tracing::warn!(
            path = %path.display(), now = %aside.display(), "a damaged state file is set aside"
        ),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "a damaged state file is left out");
        }
    }
}

/// Writes the damaged parts of a file to a backup beside it, and returns its path.
///
/// # Errors
/// Those of the system.
pub(super) fn keep_damaged(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let aside = aside(path);
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(bytes)?;
    Ok(aside)
}

/// Returns the path for a backup of a damaged file.
fn aside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let numbered = |n| path.with_file_name(format!("{name}.damaged-{n}"));
    let free = (1..=SET_ASIDE_MAX).map(numbered).find(|path| !path.exists());
    free.unwrap_or_else(|| numbered(SET_ASIDE_MAX))
}

/// Returns the path of the temporary file that will replace a file. The lock must be held, as the
/// path is always the same.
pub(super) fn temporary_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{TEMPORARY}{name}"))
}

/// Removes temporary files that a crash left behind.
pub(super) fn remove_temporary(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let is_old = |path: &PathBuf| {
        let modified = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
        modified.is_ok_and(|time| {
            SystemTime::now().duration_since(time).is_ok_and(|age| age > TEMPORARY_AGE_MAX)
        })
    };
    entries
        .filter_map(|entry| entry.ok())
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(TEMPORARY))
        .map(|entry| entry.path())
        .filter(is_old)
        // Another process may have removed it already.
        .for_each(|path| drop(fs::remove_file(path)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_others_can_write_to_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for (mode, want) in [(0o700, true), (0o755, true), (0o775, false), (0o702, false)] {
            fs::set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
            assert_eq!(make_private(dir.path()).is_ok(), want, "{mode:o}");
            let is_private = fs::metadata(dir.path()).unwrap().mode() & 0o777 == 0o700;
            assert_eq!(is_private, want, "{mode:o}");
        }
        fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
        if geteuid().is_root() {
            std::os::unix::fs::chown(dir.path(), Some(65534), None).unwrap();
            let error = make_private(dir.path()).unwrap_err();
            assert!(error.to_string().ends_with("belongs to user 65534"), "{error}");
        }
    }

    #[test]
    fn damaged_files_are_set_aside_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        for (content, aside) in
            [("garbage", "x.json.damaged-1"), ("more garbage", "x.json.damaged-2")]
        {
            fs::write(&path, content).unwrap();
            assert_eq!(read::<u32>(&path, "number").unwrap(), None);
            assert_eq!(fs::read_to_string(dir.path().join(aside)).unwrap(), content);
            assert!(!path.exists());
        }
        assert_eq!(keep_damaged(&path, b"x").unwrap(), dir.path().join("x.json.damaged-3"));
        let newer = "tfs-state 7 number 0 0\n";
        fs::write(&path, newer).unwrap();
        let error = read::<u32>(&path, "number").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(fs::read_to_string(&path).unwrap(), newer);
    }

    #[test]
    fn only_old_temporary_files_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let [old, new, other] =
            [".new-1-1", ".new-1-2", "index.json"].map(|name| dir.path().join(name));
        for path in [&old, &new, &other] {
            fs::write(path, "").unwrap();
        }
        let long_ago = SystemTime::now() - TEMPORARY_AGE_MAX * 2;
        for path in [&old, &other] {
            File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
        }
        remove_temporary(dir.path());
        assert_eq!([old, new, other].map(|path| path.exists()), [false, true, true]);
    }
}
