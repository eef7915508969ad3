//! State files on disk: read within a limit, replaced in one step, set aside when they are no use.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::process::geteuid;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::envelope::{Fault, decode, encode};

/// The largest file that is read. A torrent of 100,000 files has some 10 MiB; what the server may
/// answer has the same limit.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// How many files of one name are set aside; any more replace the last one. Whoever looks into it
/// looks at the first, and a disk that damages every file is not to be filled.
const SET_ASIDE_MAX: u32 = 9;

/// The bits of a mode that let the group and everybody write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// How temporary files begin.
const TEMPORARY: &str = ".new-";

/// How old a temporary file is when nobody can be writing it any more.
const TEMPORARY_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes a directory and those above it, for this user alone. One that is there stays as it is.
pub(super) fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes sure that nobody but this user can put anything into a directory: what is in it is shown
/// as if a server had said it.
pub(super) fn check_is_ours(path: &Path) -> io::Result<()> {
    let metadata = fs::metadata(path)?;
    let dir = path.display();
    let refused = |why| Err(io::Error::new(ErrorKind::PermissionDenied, why));
    if metadata.uid() != geteuid().as_raw() {
        return refused(format!("{dir} belongs to user {}", metadata.uid()));
    }
    if metadata.mode() & WRITABLE_BY_OTHERS != 0 {
        return refused(format!("others may write to {dir}: chmod go-w it"));
    }
    Ok(())
}

/// Reads the value in a file; `None` if there is no such file, or it was of no use and has been set
/// aside.
///
/// # Errors
/// If the system does not let us read.
pub(super) fn read<T: DeserializeOwned>(path: &Path, kind: &str) -> io::Result<Option<T>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    let is_too_large = bytes.len() as u64 > FILE_BYTES_MAX;
    match if is_too_large { Err(Fault::Damaged) } else { decode(kind, &bytes) } {
        Ok(value) => Ok(Some(value)),
        Err(fault) => {
            set_aside(path, fault);
            Ok(None)
        }
    }
}

/// Renames a file that is of no use, so that it is neither read again nor overwritten.
pub(super) fn set_aside(path: &Path, fault: Fault) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let word = match fault {
        Fault::Damaged => "damaged",
        Fault::Newer => "newer",
    };
    let mut names = (1..=SET_ASIDE_MAX).map(|n| path.with_file_name(format!("{name}.{word}-{n}")));
    let last = path.with_file_name(format!("{name}.{word}-{SET_ASIDE_MAX}"));
    let aside = names.find(|path| !path.exists()).unwrap_or(last);
    match fs::rename(path, &aside) {
        Ok(()) => tracing::warn!(
            path = %path.display(), reason = %fault, now = %aside.display(),
            "a state file is set aside"
        ),
        Err(error) => tracing::warn!(
            path = %path.display(), reason = %fault, %error, "a state file is left out"
        ),
    }
}

/// Replaces a file: whoever reads it finds the old content or the new one. After a crash of the
/// machine too, and the new one for sure once [`sync_dir`] has returned. What is the same already
/// is not written.
///
/// # Errors
/// If the system does not let us; then the old content is there.
pub(super) fn write(path: &Path, kind: &str, value: &impl Serialize) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let parent = path.parent().unwrap_or(path);
    let bytes = encode(kind, value);
    let is_len_same = fs::metadata(path).is_ok_and(|old| old.len() == bytes.len() as u64);
    if is_len_same && fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let temporary = parent.join(format!("{TEMPORARY}{}-{count}", process::id()));
    let written = write_new(&temporary, &bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // It may not even be there; what counts is the first error.
        drop(fs::remove_file(&temporary));
    }
    written
}

/// Makes the disk keep the names of files that were written.
pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

/// Removes what a crash left of files that were being written.
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
        // Another tfs may have been faster.
        .for_each(|path| drop(fs::remove_file(path)));
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn files_are_replaced_and_are_the_users_alone() {
        let dir = tempfile::tempdir().unwrap();
        let below = dir.path().join("a/b");
        make_dir(&below).unwrap();
        make_dir(&below).unwrap();
        let path = below.join("x.json");
        assert_eq!(read::<u32>(&path, "number").unwrap(), None);
        for value in [1, 2] {
            write(&path, "number", &value).unwrap();
            assert_eq!(read::<u32>(&path, "number").unwrap(), Some(value));
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&below), mode(&path)), (0o700, 0o600));
        assert_eq!(fs::read_dir(&below).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_that_others_can_write_to_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for (mode, want) in [(0o700, true), (0o755, true), (0o775, false), (0o702, false)] {
            fs::set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
            assert_eq!(check_is_ours(dir.path()).is_ok(), want, "{mode:o}");
        }
        fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
        if geteuid().is_root() {
            std::os::unix::fs::chown(dir.path(), Some(65534), None).unwrap();
            let error = check_is_ours(dir.path()).unwrap_err();
            assert!(error.to_string().ends_with("belongs to user 65534"), "{error}");
        }
    }

    #[test]
    fn what_is_of_no_use_is_set_aside_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        for (content, aside) in [
            ("garbage", "x.json.damaged-1"),
            ("more garbage", "x.json.damaged-2"),
            ("tfs-state 7 number 0 0\n", "x.json.newer-1"),
        ] {
            fs::write(&path, content).unwrap();
            assert_eq!(read::<u32>(&path, "number").unwrap(), None);
            assert_eq!(fs::read_to_string(dir.path().join(aside)).unwrap(), content);
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("taken");
        fs::create_dir_all(path.join("full")).unwrap();
        assert!(write(&path, "number", &1).is_err());
        assert!(path.join("full").exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
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
