//! Checks a directory that is to be mounted on.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{Access, access};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::MountpointError;

/// Checks that `path` is a directory that this user can mount on. Mounts that are there already are
/// not looked for.
///
/// # Errors
/// [`MountpointError`].
pub fn check_directory(path: &Path, allow_non_empty: bool) -> Result<(), MountpointError> {
    let failed = |source| path_error(path, source);
    // Follows a symbolic link, like mount(2).
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return Err(MountpointError::NotDirectory { path: path.to_owned() });
    }
    if !allow_non_empty && fs::read_dir(path).map_err(failed)?.next().is_some() {
        return Err(MountpointError::NotEmpty { path: path.to_owned() });
    }
    // fusermount3 and macOS require it of users. Root can mount on any directory.
    if !geteuid().is_root() && access(path, Access::WRITE_OK).is_err() {
        return Err(MountpointError::Permission { path: path.to_owned() });
    }
    Ok(())
}

/// Returns the error for a mount point that the system cannot examine.
#[must_use]
pub fn path_error(path: &Path, source: io::Error) -> MountpointError {
    let path = path.to_owned();
    match Errno::from_io_error(&source) {
        Some(Errno::NOENT) => MountpointError::Missing { path },
        Some(Errno::NOTDIR) => MountpointError::NotDirectory { path },
        Some(Errno::ACCESS | Errno::PERM) => MountpointError::Permission { path },
        _ => MountpointError::System { path, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &Path, allow_non_empty: bool, want: &str) {
        let got = match check_directory(path, allow_non_empty) {
            Ok(()) => "fine".to_owned(),
            Err(error) => error.to_string().replace(&path.display().to_string(), "PATH"),
        };
        assert_eq!(got, want);
    }

    #[test]
    fn what_is_wrong_with_a_mountpoint_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir_all(path("full/x")).unwrap();
        fs::create_dir(path("empty")).unwrap();
        fs::write(path("file"), "").unwrap();
        std::os::unix::fs::symlink("empty", path("link")).unwrap();

        check(&path("empty"), false, "fine");
        check(&path("link"), false, "fine");
        check(&path("missing"), false, "mount on PATH: it does not exist");
        check(&path("no/where"), false, "mount on PATH: it does not exist");
        check(&path("file"), false, "mount on PATH: it is not a directory");
        check(&path("file/x"), false, "mount on PATH: it is not a directory");
        check(&path("full"), false, "mount on PATH: the directory is not empty");
        check(&path("full"), true, "fine");
    }
}
