//! The control socket of this process, recreated when it is lost.
//!
//! A runtime directory is removed with the last session of its user, unless lingering is enabled
//! (`loginctl(1)`). Cleaners remove old files below `/tmp` (podman#13240). The mount outlives both,
//! and the next session must find it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tfs_http::{Accept, Peer};
use tfs_sys::blocking;
use tfs_sys::runtime_dir::{self, RuntimeDir, RuntimeDirError, is_authorized_uid};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::socket::{ControlSocket, SocketError};

/// Interval of the check for the socket, which costs three system calls.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// Location of a socket.
#[derive(Debug, Clone)]
pub(super) enum SocketPlace {
    /// The current runtime directory of this user.
    OfUser,
    /// This directory.
    At(PathBuf),
}

impl SocketPlace {
    fn dir(&self) -> PathBuf {
        match self {
            Self::OfUser => runtime_dir::path(),
            Self::At(dir) => dir.clone(),
        }
    }

    fn make_dir(&self) -> Result<RuntimeDir, RuntimeDirError> {
        match self {
            Self::OfUser => RuntimeDir::make(),
            Self::At(dir) => RuntimeDir::make_at(dir),
        }
    }
}

/// A listening socket.
#[derive(Debug)]
struct BoundSocket {
    listener: UnixListener,
    socket: ControlSocket,
}

/// Listener on the socket of this process, with a periodic check that the socket exists.
#[derive(Debug)]
pub(super) struct KeptSocket {
    place: SocketPlace,
    /// Always set, except during [`renew_if_lost`](Self::renew_if_lost).
    bound: Option<BoundSocket>,
    looks: Interval,
}

impl KeptSocket {
    /// Creates the socket. If that fails, the error is returned too, and later checks retry.
    pub(super) async fn start(place: SocketPlace) -> (Self, Option<SocketError>) {
        let made = bind(place.clone()).await;
        let mut looks = interval(LOOK_INTERVAL);
        // After a suspend one check is enough.
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        looks.reset();
        let (bound, error) = match made {
            Ok(bound) => (Some(bound), None),
            Err(error) => (None, Some(error)),
        };
        (Self { place, bound, looks }, error)
    }

    /// Returns the current path of the socket.
    pub(super) fn path(&self) -> Option<&Path> {
        self.bound.as_ref().map(|bound| bound.socket.path())
    }

    /// Returns the next connection. Meanwhile recreates the socket if it was lost.
    ///
    /// # Cancel safety
    /// No connection is lost. A socket that is being created is removed again.
    pub(super) async fn accept(&mut self) -> io::Result<UnixStream> {
        loop {
            let accept = async {
                match &self.bound {
                    Some(bound) => bound.listener.accept().await.map(|(connection, _)| connection),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                connection = accept => return connection,
                _ = self.looks.tick() => self.renew_if_lost().await,
            }
        }
    }

    /// Removes the socket.
    pub(super) async fn close(self) {
        // The drop waits for the lock of the directory.
        blocking(move || drop(self.bound)).await;
    }

    async fn renew_if_lost(&mut self) {
        let (place, bound) = (self.place.clone(), self.bound.take());
        let looked = blocking(move || {
            let dir = place.dir();
            let is_there = bound.as_ref().is_some_and(|bound| bound.socket.is_in(&dir));
            (bound, is_there)
        });
        let (old, is_there) = looked.await;
        self.bound = old;
        if is_there {
            return;
        }
        match bind(self.place.clone()).await {
            Ok(new) => {
                let path = new.socket.path().display();
                tracing::info!(%path, "the control socket was lost; creating it again");
                let old = self.bound.replace(new);
                blocking(move || drop(old)).await;
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "the control socket is missing");
            }
        }
    }
}

async fn bind(place: SocketPlace) -> Result<BoundSocket, SocketError> {
    let (socket, listener) = blocking(move || ControlSocket::listen(place.make_dir()?)).await?;
    match UnixListener::from_std(listener) {
        Ok(listener) => Ok(BoundSocket { listener, socket }),
        Err(source) => Err(SocketError::Listen { path: socket.path().to_owned(), source }),
    }
}

impl Accept for KeptSocket {
    /// Rejects unauthorized peers.
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Option<Box<dyn Peer>>>> {
        Box::pin(async move {
            let connection = Self::accept(self).await?;
            Ok(is_authorized_peer(&connection).then(|| Box::new(connection) as _))
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(Self::close(*self))
    }
}

/// Returns whether a peer may send commands. Other users can reach the socket only if the directory
/// was opened to them or a connection was passed on.
fn is_authorized_peer(connection: &UnixStream) -> bool {
    match connection.peer_cred() {
        Ok(peer) if is_authorized_uid(peer.uid()) => true,
        Ok(peer) => {
            tracing::warn!(
                uid = peer.uid(),
                pid = peer.pid(),
                "refused a connection of another user"
            );
            false
        }
        Err(error) => {
            tracing::warn!(%error, "refused a connection of an unknown user");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::time::timeout;

    use super::*;

    /// Accepts connections while `during` runs.
    async fn while_accepting<T>(socket: &mut KeptSocket, during: impl Future<Output = T>) -> T {
        let accept = async {
            loop {
                drop(socket.accept().await.unwrap());
            }
        };
        tokio::select! {
            () = accept => unreachable!("it never ends"),
            done = during => done,
        }
    }

    async fn until_reached(path: &Path) {
        // The time is paused, and advances only when all tasks are idle.
        let mut tries = interval(Duration::from_millis(100));
        let connected = async {
            while UnixStream::connect(path).await.is_err() {
                tries.tick().await;
            }
        };
        timeout(LOOK_INTERVAL * 3, connected).await.unwrap();
    }

    // podman#13240: the socket is removed with the runtime directory while the process runs.
    #[tokio::test(start_paused = true)]
    async fn a_socket_that_is_lost_is_made_anew() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("tfs");
        let (mut socket, error) = KeptSocket::start(SocketPlace::At(dir.clone())).await;
        assert!(error.is_none());
        let path = socket.path().unwrap().to_owned();
        while_accepting(&mut socket, until_reached(&path)).await;
        // Removes the whole directory, then only its content, then replaces the directory.
        fs::remove_dir_all(&dir).unwrap();
        while_accepting(&mut socket, until_reached(&path)).await;
        fs::remove_file(&path).unwrap();
        while_accepting(&mut socket, until_reached(&path)).await;
        fs::rename(&dir, parent.path().join("moved")).unwrap();
        fs::create_dir(&dir).unwrap();
        while_accepting(&mut socket, until_reached(&path)).await;
        socket.close().await;
        assert!(!path.exists());
    }

    #[tokio::test(start_paused = true)]
    async fn a_socket_that_could_not_be_made_is_tried_again() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("not yet/tfs");
        let (mut socket, error) = KeptSocket::start(SocketPlace::At(dir.clone())).await;
        assert!(matches!(error, Some(SocketError::Dir(_))), "{error:?}");
        fs::create_dir(dir.parent().unwrap()).unwrap();
        let path = dir.join(format!("{}.sock", std::process::id()));
        while_accepting(&mut socket, until_reached(&path)).await;
        assert_eq!(socket.path(), Some(path.as_path()));
    }
}
