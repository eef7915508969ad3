//! The claim is an abstract socket (`unix(7)`). The kernel releases it when the process ends, and
//! reports its owner. Why it is no lock file:
//! `docs/dev/adr/0022-daemon-claim-is-an-abstract-socket.md`.
//!
//! The downside: processes in different network namespaces do not see each other's claims. Then the
//! second daemon fails to mount, since the mount points are in use.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener as StdListener, UnixStream};
use std::path::PathBuf;

use rustix::net::sockopt::socket_peercred;
use rustix::process::geteuid;
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

use super::{DaemonRuns, name};

/// Held by the daemon of a configuration. Dropping it releases the claim.
#[derive(Debug)]
pub struct DaemonClaim {
    /// Accepts connections of processes that query the owner; `None` without a claim.
    taking: Option<JoinHandle<()>>,
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
