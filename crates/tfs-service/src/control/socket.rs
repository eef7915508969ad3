//! A socket of this process in the runtime directory, from creation to removal.
//!
//! # Invariants
//! - For the holders of the directory's lock, a named socket is always connectable. Only they
//!   remove sockets of other processes, and only those without a listener.
//! - A process removes its own socket, but not another one that has taken its name.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use tfs_api::remove_stale;
use tfs_sys::runtime_dir::{RuntimeDir, RuntimeDirError, close_to_others};

/// Maximum number of names to try. Containers that share a directory may have processes with the
/// same id.
const NAMES_MAX: u32 = 16;

/// The socket of this process. Removed on drop.
#[derive(Debug)]
pub(super) struct ControlSocket {
    dir: RuntimeDir,
    path: PathBuf,
    identity: SocketIdentity,
}

/// Identity of the file of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SocketIdentity {
    device: u64,
    inode: u64,
}

/// Why a process accepts no commands. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// There is no directory for the socket.
    #[error(transparent)]
    Dir(#[from] RuntimeDirError),
    /// The socket cannot be created.
    #[error("listen on {}", path.display())]
    Listen {
        /// The socket.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}

impl ControlSocket {
    /// Removes the sockets of dead processes, and listens on a socket named after this process.
    ///
    /// # Errors
    /// [`SocketError`].
    pub(super) fn listen(dir: RuntimeDir) -> Result<(Self, UnixListener), SocketError> {
        remove_stale(&dir);
        let pid = std::process::id();
        for attempt in 0..NAMES_MAX {
            let path = dir.socket(pid, attempt);
            match dir.locked(|| bind(&path)) {
                Ok((listener, identity)) => return Ok((Self { dir, path, identity }, listener)),
                // A process of another container has it: a stale socket with this process id is
                // removed by now.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(source) => return Err(SocketError::Listen { path, source }),
            }
        }
        let source = io::ErrorKind::AddrInUse.into();
        Err(SocketError::Listen { path: dir.socket(pid, 0), source })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether `dir` contains this socket: neither the socket nor the directory was removed
    /// or replaced.
    pub(super) fn is_in(&self, dir: &Path) -> bool {
        self.dir.path() == dir && identity(&self.path).is_ok_and(|found| found == self.identity)
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let removed = self.dir.locked(|| match identity(&self.path) {
            Ok(identity) if identity == self.identity => fs::remove_file(&self.path),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        });
        if let Err(error) = removed {
            tracing::debug!(path = %self.path.display(), %error,
                "cannot remove the control socket");
        }
    }
}

/// Creates a connectable socket. Must be called under the lock.
fn bind(path: &Path) -> io::Result<(UnixListener, SocketIdentity)> {
    let listener = UnixListener::bind(path)?;
    close_to_others(path)?;
    listener.set_nonblocking(true)?;
    Ok((listener, identity(path)?))
}

fn identity(path: &Path) -> io::Result<SocketIdentity> {
    let metadata = fs::symlink_metadata(path)?;
    Ok(SocketIdentity { device: metadata.dev(), inode: metadata.ino() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(parent: &Path) -> RuntimeDir {
        RuntimeDir::make_at(&parent.join("tfs")).unwrap()
    }

    /// Leaves a socket behind, as a killed process does.
    fn leave_dead_socket(path: &Path) {
        drop(UnixListener::bind(path).unwrap());
        assert!(path.exists());
    }

    #[test]
    fn a_socket_is_for_its_owner_and_goes_with_it() {
        let parent = tempfile::tempdir().unwrap();
        let (socket, _listener) = ControlSocket::listen(dir(parent.path())).unwrap();
        let path = socket.path().to_owned();
        let metadata = fs::symlink_metadata(&path).unwrap();
        assert_eq!(metadata.mode() & 0o7777, 0o600);
        assert_eq!(path.file_name().unwrap(), format!("{}.sock", std::process::id()).as_str());
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn what_dead_processes_left_is_removed_and_what_lives_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let dir_path = dir(parent.path()).path().to_owned();
        let ours = dir_path.join(format!("{}.sock", std::process::id()));
        leave_dead_socket(&ours);
        let dead = dir_path.join("999.sock");
        leave_dead_socket(&dead);
        let foreign = dir_path.join("note.txt");
        fs::write(&foreign, "not a socket").unwrap();

        let (first, _first_listener) = ControlSocket::listen(dir(parent.path())).unwrap();
        assert_eq!(first.path(), ours);
        assert!(!dead.exists() && foreign.exists());
        // A process of another container with the same id.
        let (second, _second_listener) = ControlSocket::listen(dir(parent.path())).unwrap();
        assert_ne!(second.path(), ours);
        assert!(ours.exists());
        assert_eq!(dir(parent.path()).sockets().unwrap().len(), 2);
    }

    #[test]
    fn a_socket_that_took_the_name_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        let (socket, _listener) = ControlSocket::listen(dir(parent.path())).unwrap();
        let path = socket.path().to_owned();
        fs::remove_file(&path).unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        drop(socket);
        assert!(path.exists());
    }
}
