//! The runtime directory of a user: its location, its access control and its sockets.
//!
//! It contains the control sockets and the records of the stream budget.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags, fchmod, flock, fstat, open};
use rustix::process::{geteuid, getuid};

/// The name below the system's runtime directory.
const NAME: &str = "tfs";

/// The system's runtime directory, which only root may write to.
const OF_ROOT: &str = if cfg!(target_os = "linux") { "/run" } else { "/var/run" };

/// Mode of the directory: other users cannot even list the sockets.
const DIR_MODE: u32 = 0o700;

/// Timeout for the lock of the directory. Its holder makes two or three system calls, unless it was
/// stopped.
const LOCK_TIME_MAX: Duration = Duration::from_secs(2);

/// Interval between attempts to take the lock.
const LOCK_INTERVAL: Duration = Duration::from_millis(10);

/// The directory of the control sockets: open, and accessible to this user only.
#[derive(Debug)]
pub struct RuntimeDir {
    path: PathBuf,
    /// Carries the `flock` of the directory.
    fd: OwnedFd,
}

/// Why there is no directory. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum RuntimeDirError {
    /// It cannot be created or examined.
    #[error("use the runtime directory {}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// It belongs to another user, who could listen in the place of this process.
    #[error("use the runtime directory {}: it belongs to user {uid}", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        uid: u32,
    },
}

impl RuntimeDir {
    /// Opens the directory of this user, and creates it if it does not exist.
    ///
    /// # Errors
    /// [`RuntimeDirError`].
    pub fn make() -> Result<Self, RuntimeDirError> {
        Self::make_at(&path())
    }

    /// Opens the directory of this user if it exists.
    ///
    /// # Errors
    /// [`RuntimeDirError`].
    pub fn find() -> Result<Option<Self>, RuntimeDirError> {
        Self::find_at(&path())
    }

    /// Like [`Self::make`], with another path.
    ///
    /// # Errors
    /// [`RuntimeDirError`].
    pub fn make_at(path: &Path) -> Result<Self, RuntimeDirError> {
        match fs::DirBuilder::new().mode(DIR_MODE).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(RuntimeDirError::Io { path: path.to_owned(), source: error });
            }
            Ok(()) | Err(_) => {}
        }
        Self::check(path)
    }

    /// Like [`Self::find`], with another path.
    ///
    /// # Errors
    /// [`RuntimeDirError`].
    pub fn find_at(path: &Path) -> Result<Option<Self>, RuntimeDirError> {
        match Self::check(path) {
            Err(RuntimeDirError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            dir => dir.map(Some),
        }
    }

    /// Opens an existing directory. Checks that it belongs to this user, and sets its mode.
    fn check(path: &Path) -> Result<Self, RuntimeDirError> {
        let failed = |source| RuntimeDirError::Io { path: path.to_owned(), source };
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = open(path, flags, Mode::empty()).map_err(|errno| failed(errno.into()))?;
        let stat = fstat(&fd).map_err(|errno| failed(errno.into()))?;
        let uid = stat.st_uid;
        if uid != geteuid().as_raw() {
            return Err(RuntimeDirError::Foreign { path: path.to_owned(), uid });
        }
        // systemd's `RuntimeDirectory=`, for example, creates it with mode 0755.
        if Mode::from_raw_mode(stat.st_mode) != Mode::RWXU {
            fchmod(&fd, Mode::RWXU).map_err(|errno| failed(errno.into()))?;
        }
        Ok(Self { path: path.to_owned(), fd })
    }

    /// Returns the descriptor of the directory.
    #[must_use]
    pub fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// Returns the path of the directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `body` while no other process of this user creates or removes a socket here.
    ///
    /// # Errors
    /// `TimedOut` if another process holds the lock for too long, or the error of `body`.
    pub fn locked<T>(&self, body: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let deadline = Instant::now() + LOCK_TIME_MAX;
        while let Err(errno) = flock(&self.fd, FlockOperation::NonBlockingLockExclusive) {
            if errno != rustix::io::Errno::WOULDBLOCK {
                return Err(errno.into());
            }
            if Instant::now() >= deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::sleep(LOCK_INTERVAL);
        }
        let result = body();
        // Closing the descriptor would release it too.
        flock(&self.fd, FlockOperation::Unlock)?;
        result
    }

    /// Returns the sockets in the directory, ordered by name.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn sockets(&self) -> io::Result<Vec<PathBuf>> {
        let mut sockets = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == SOCKET_EXTENSION) {
                sockets.push(path);
            }
        }
        sockets.sort();
        Ok(sockets)
    }

    /// Returns the path of the socket of process `pid`; `attempt` counts from 0.
    ///
    /// Processes of two containers that share the directory can have the same id.
    #[must_use]
    pub fn socket(&self, pid: u32, attempt: u32) -> PathBuf {
        self.path.join(match attempt {
            0 => format!("{pid}.{SOCKET_EXTENSION}"),
            again => format!("{pid}-{again}.{SOCKET_EXTENSION}"),
        })
    }
}

/// File name extension of sockets.
const SOCKET_EXTENSION: &str = "sock";

/// Returns whether a path may be a socket of tfs, of any user: it has such a name, in a directory
/// with the right name.
#[must_use]
pub fn is_socket_name(path: &Path) -> bool {
    let dir = path.parent().and_then(Path::file_name).and_then(OsStr::to_str);
    let is_ours = |dir: &str| dir == NAME || dir.strip_prefix("tfs-").is_some_and(is_number);
    path.extension().is_some_and(|extension| extension == SOCKET_EXTENSION)
        && dir.is_some_and(is_ours)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Makes a socket inaccessible to other users. The directory protects it before that.
///
/// # Errors
/// If the mode cannot be set.
pub fn close_to_others(socket: &Path) -> io::Result<()> {
    fs::set_permissions(socket, Permissions::from_mode(0o600))
}

/// Returns the directory for the sockets of this user: the same for all of the user's processes,
/// however they were started.
///
/// macOS has no `/run/user`. Its directory for temporary files is the user's own, and the same for
/// programs of a terminal and of launchd.
#[must_use]
pub fn path() -> PathBuf {
    let uid = geteuid().as_raw();
    let is_ours = |dir: &Path| fs::metadata(dir).is_ok_and(|dir| dir.is_dir() && dir.uid() == uid);
    choose(env::var_os("XDG_RUNTIME_DIR"), uid, &env::temp_dir(), is_ours)
}

/// Selects the directory by the environment, the user id and the directories that the user owns.
///
/// An `XDG_RUNTIME_DIR` of another user, as `sudo -E` leaves it, must not be written to.
fn choose(
    runtime_dir: Option<OsString>,
    uid: u32,
    temp_dir: &Path,
    is_ours: impl Fn(&Path) -> bool,
) -> PathBuf {
    let given = runtime_dir.map(PathBuf::from).filter(|dir| dir.is_absolute() && is_ours(dir));
    if let Some(dir) = given {
        return dir.join(NAME);
    }
    if uid == 0 {
        return Path::new(OF_ROOT).join(NAME);
    }
    // cron and `su` do not set the variable.
    let usual = PathBuf::from(format!("/run/user/{uid}"));
    if is_ours(&usual) {
        return usual.join(NAME);
    }
    temp_dir.join(format!("{NAME}-{uid}"))
}

/// Returns whether a peer may send commands: this user and root.
#[must_use]
pub fn is_authorized_uid(peer_uid: u32) -> bool {
    peer_uid == 0 || peer_uid == geteuid().as_raw() || peer_uid == getuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(runtime_dir: Option<&str>, uid: u32, ours: &[&str], want: &str) {
        let is_ours = |dir: &Path| ours.iter().any(|ours| Path::new(ours) == dir);
        let dir = choose(runtime_dir.map(OsString::from), uid, Path::new("/tmp"), is_ours);
        assert_eq!(dir, Path::new(want));
    }

    #[test]
    fn every_process_of_a_user_has_the_same_directory() {
        check(Some("/run/user/7"), 7, &["/run/user/7"], "/run/user/7/tfs");
        check(None, 7, &["/run/user/7"], "/run/user/7/tfs");
        check(Some("/elsewhere"), 7, &["/elsewhere", "/run/user/7"], "/elsewhere/tfs");
        check(None, 7, &[], "/tmp/tfs-7");
        check(None, 0, &["/run"], &format!("{OF_ROOT}/tfs"));
        check(Some("/run/user/0"), 0, &["/run/user/0"], "/run/user/0/tfs");
    }

    #[test]
    fn the_directory_of_another_user_is_not_used() {
        check(Some("/run/user/7"), 0, &[], &format!("{OF_ROOT}/tfs"));
        check(Some("/run/user/7"), 8, &["/run/user/8"], "/run/user/8/tfs");
        check(Some("relative"), 8, &["relative"], "/tmp/tfs-8");
    }

    #[test]
    fn sockets_of_all_users_are_known_by_their_names() {
        for (path, want) in [
            ("/run/tfs/7.sock", true),
            ("/run/user/1000/tfs/7-1.sock", true),
            ("/var/folders/zz/0000gn/T/tfs-501/7.sock", true),
            ("/tmp/tfs-1000/7.sock", true),
            ("/tmp/tfs-x/7.sock", false),
            ("/tmp/tfs-/7.sock", false),
            ("/run/docker.sock", false),
            ("/run/tfs/7.txt", false),
        ] {
            assert_eq!(is_socket_name(Path::new(path)), want, "{path}");
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn the_directory_is_closed_to_others() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("tfs");
        assert!(RuntimeDir::find_at(&path).unwrap().is_none());
        assert_eq!(RuntimeDir::make_at(&path).unwrap().path(), path);
        assert_eq!(mode(&path), 0o700);
        // Created with too wide a mode.
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        assert!(RuntimeDir::find_at(&path).unwrap().is_some());
        assert_eq!(mode(&path), 0o700);
    }

    #[test]
    fn nothing_else_is_taken_for_the_directory() {
        let parent = tempfile::tempdir().unwrap();
        let target = parent.path().join("target");
        fs::create_dir(&target).unwrap();
        let link = parent.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let refused = RuntimeDir::make_at(&link).unwrap_err();
        assert!(matches!(refused, RuntimeDirError::Io { .. }), "{refused:?}");
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(RuntimeDir::make_at(&file).is_err());
        if geteuid().is_root() {
            std::os::unix::fs::chown(&target, Some(65534), None).unwrap();
            let foreign = RuntimeDir::make_at(&target).unwrap_err();
            assert!(matches!(foreign, RuntimeDirError::Foreign { uid: 65534, .. }), "{foreign:?}");
        }
    }

    #[test]
    fn one_process_at_a_time_changes_the_directory() {
        let parent = tempfile::tempdir().unwrap();
        let first = RuntimeDir::make_at(&parent.path().join("tfs")).unwrap();
        let second = RuntimeDir::make_at(first.path()).unwrap();
        let refused = first.locked(|| Ok(second.locked(|| Ok(())))).unwrap();
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::TimedOut);
        second.locked(|| Ok(())).unwrap();
    }
}
