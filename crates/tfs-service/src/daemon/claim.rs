//! Limits a configuration to one daemon: a second one would retry the first one's mounts forever.
//!
//! The claim is an abstract socket (`unix(7)`). The kernel releases it when the process ends, and
//! reports its owner. Why it is no lock file:
//! `docs/dev/adr/0022-daemon-claim-is-an-abstract-socket.md`.
//!
//! The downside: processes in different network namespaces do not see each other's claims. Then the
//! second daemon fails to mount, since the mount points are in use.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener as StdListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::net::sockopt::socket_peercred;
use rustix::process::geteuid;
use tfs_types::fnv1a;
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

/// Held by the daemon of a configuration. Dropping it releases the claim.
#[derive(Debug)]
pub struct DaemonClaim {
    /// Accepts connections of processes that query the owner; `None` without a claim.
    taking: Option<JoinHandle<()>>,
}

/// A daemon of this user with the same configuration is already running.
#[derive(Debug, thiserror::Error)]
#[error("a daemon with this configuration is already running{}", process(*pid))]
pub struct DaemonRuns {
    /// Its process, if the kernel reports it.
    pub pid: Option<u32>,
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(": process {pid}"))
}

impl DaemonClaim {
    /// Claims a configuration, which consists of these files, for this process. Must be called in a
    /// runtime. If no claim is possible, the daemon runs without one and logs a warning.
    ///
    /// # Errors
    /// If another process of this user holds the claim.
    pub fn take(files: &[PathBuf]) -> Result<Self, DaemonRuns> {
        let address = match SocketAddr::from_abstract_name(name(files)) {
            Ok(address) => address,
            Err(error) => return Ok(Self::without(&error)),
        };
        let listener = match StdListener::bind_addr(&address) {
            Ok(listener) => listener,
            Err(error) => match owner(&address) {
                // Another user could take the name to block the daemon.
                Some((uid, pid)) if uid == geteuid().as_raw() => return Err(DaemonRuns { pid }),
                _ => return Ok(Self::without(&error)),
            },
        };
        let listening =
            listener.set_nonblocking(true).and_then(|()| UnixListener::from_std(listener));
        match listening {
            Ok(listener) => Ok(Self { taking: Some(tokio::spawn(take_all(listener))) }),
            Err(error) => Ok(Self::without(&error)),
        }
    }

    fn without(error: &std::io::Error) -> Self {
        tracing::warn!(%error, "a second daemon with this configuration cannot be detected");
        Self { taking: None }
    }
}

impl Drop for DaemonClaim {
    fn drop(&mut self) {
        if let Some(taking) = &self.taking {
            taking.abort();
        }
    }
}

/// Accepts connections and drops them: by then the kernel has reported the owner.
async fn take_all(listener: UnixListener) {
    while let Ok((connection, _address)) = listener.accept().await {
        drop(connection);
    }
}

/// Returns the user and the process that own a name.
fn owner(address: &SocketAddr) -> Option<(u32, Option<u32>)> {
    let connection = UnixStream::connect_addr(address).ok()?;
    let peer = socket_peercred(&connection).ok()?;
    Some((peer.uid.as_raw(), u32::try_from(peer.pid.as_raw_nonzero().get()).ok()))
}

/// Returns the name for a configuration of this user: the same for the same files, by whatever path
/// they are given.
fn name(files: &[PathBuf]) -> String {
    let real = |file: &PathBuf| file.canonicalize().unwrap_or_else(|_gone| file.clone());
    let mut files: Vec<_> = files.iter().map(real).collect();
    // A default file that is also named by `--config` is read twice.
    files.dedup();
    // Formatted as literals, so that different lists give different texts.
    let text = format!("{:?}", files.iter().map(PathBuf::as_path).collect::<Vec<&Path>>());
    let hash = fnv1a(text.as_bytes());
    format!("tfs-daemon-{}-{hash:016x}", geteuid().as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_configuration_has_one_daemon() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, "").unwrap();
            vec![path]
        };
        let (one, other) = (file("one"), file("other"));
        let claim = DaemonClaim::take(&one).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&one[0], &link).unwrap();
        let twice = [one.clone(), one.clone()].concat();
        for same in [one.clone(), vec![link], twice] {
            let refused = DaemonClaim::take(&same).unwrap_err();
            assert_eq!(refused.pid, Some(std::process::id()));
        }
        let _another = DaemonClaim::take(&other).unwrap();
        let _both = DaemonClaim::take(&[one.clone(), other].concat()).unwrap();
        drop(claim);
        // The runtime drops the task when it is scheduled next.
        tokio::task::yield_now().await;
        let _again = DaemonClaim::take(&one).unwrap();
    }
}
