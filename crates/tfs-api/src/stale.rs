//! The sockets of dead processes in the runtime directory.

use std::fs;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
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
fn is_dead(path: &Path) -> bool {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let connected = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .and_then(|socket| connect(&socket, &SocketAddrUnix::new(path)?));
    connected == Err(Errno::CONNREFUSED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_too_busy_to_answer_is_not_dead() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("busy.sock");
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let busy = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
        rustix::net::bind(&busy, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        rustix::net::listen(&busy, 0).unwrap();
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
                let socket = socket.unwrap();
                // The first connection is queued; further ones fail with `EAGAIN`.
                _ = connect(&socket, &SocketAddrUnix::new(&path).unwrap());
                socket
            })
            .collect();
        assert!(!is_dead(&path));
        drop((busy, waiting));
        assert!(is_dead(&path));
    }
}
