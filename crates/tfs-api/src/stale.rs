//! The sockets of dead processes in the runtime directory.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, connect};
#[cfg(target_os = "linux")]
use rustix::net::{SocketFlags, socket_with};
use tfs_sys::process::exists;
use tfs_sys::runtime_dir::RuntimeDir;

/// Removes the sockets of dead processes. A socket that cannot be removed stays, without harm.
pub fn remove_stale(dir: &RuntimeDir) {
    let removed = dir.locked(|| {
        for path in dir.sockets()? {
            if is_dead(&path) {
                tracing::debug!(path = %path.display(), "removing the socket of a dead process");
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    });
    if let Err(error) = removed {
        let dir = dir.path().display();
        tracing::debug!(%dir, %error, "cannot remove the sockets of dead processes");
    }
}

/// Returns whether a socket has no listener. Does not block: the kernel completes the connection,
/// and a full queue means that there is a listener.
///
/// macOS refuses connections also if the queue is full. So there the process that the socket is
/// named after must be gone too.
fn is_dead(path: &Path) -> bool {
    let connected = unix_socket().and_then(|socket| connect(&socket, &SocketAddrUnix::new(path)?));
    connected == Err(Errno::CONNREFUSED) && (cfg!(target_os = "linux") || is_process_gone(path))
}

/// Returns whether the process that a socket is named after is gone.
fn is_process_gone(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let digits = name.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().ok().and_then(exists) == Some(false)
}

/// Creates a socket whose `connect(2)` does not block.
fn unix_socket() -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        Ok(socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_too_busy_to_answer_is_not_dead() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("busy.sock");
        let busy = unix_socket().unwrap();
        rustix::net::bind(&busy, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        rustix::net::listen(&busy, 0).unwrap();
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let socket = unix_socket().unwrap();
                // The first connection is queued; further ones fail with `EAGAIN`.
                _ = connect(&socket, &SocketAddrUnix::new(&path).unwrap());
                socket
            })
            .collect();
        assert!(!is_dead(&path));
        drop((busy, waiting));
        assert_eq!(is_dead(&path), cfg!(target_os = "linux"));
    }

    #[test]
    fn the_process_is_that_of_the_name() {
        let us = std::process::id();
        for (name, is_gone) in [
            (format!("{us}.sock"), false),
            (format!("{us}-3.sock"), false),
            ("2147483647.sock".to_owned(), true),
            ("2147483647-1.sock".to_owned(), true),
            ("4294967295.sock".to_owned(), false),
            ("busy.sock".to_owned(), false),
        ] {
            assert_eq!(is_process_gone(Path::new(&name)), is_gone, "{name}");
        }
    }
}
