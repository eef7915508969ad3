//! What a server serves, and how it starts.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::gate::Gate;
use super::large::LargeLibrary;
use super::script::Script;
use super::torrent::FakeTorrent;

/// What a server serves.
#[derive(Debug, Clone)]
pub enum Backend {
    /// These torrents.
    Torrents(Vec<FakeTorrent>),
    /// A generated library.
    Library(LargeLibrary),
    /// The responses of another server.
    Server(SocketAddr),
    /// Exact bytes: the n-th connection plays the n-th script. An additional connection is closed
    /// and logged.
    Scripts(Vec<Script>),
}

/// The start of a server.
#[derive(Debug, Clone)]
pub struct RqbitSetup {
    /// What it serves.
    pub backend: Backend,
    /// Where it listens: by default at a free port of the loopback address.
    pub address: SocketAddr,
    /// The number of permits; `None` for no limit.
    pub permits: Option<usize>,
    /// The speed of all connections together; `None` for no limit.
    pub bytes_per_second: Option<u64>,
    /// Answers before the backend does.
    pub overrides: Option<Override>,
    /// The handshake of each connection, for TLS.
    pub handshake: Option<Handshake>,
    /// Which requests pass; `None` for all.
    pub gate: Option<Gate>,
}

impl From<Backend> for RqbitSetup {
    fn from(backend: Backend) -> Self {
        Self {
            backend,
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            permits: None,
            bytes_per_second: None,
            overrides: None,
            handshake: None,
            gate: None,
        }
    }
}

impl From<Vec<FakeTorrent>> for RqbitSetup {
    fn from(torrents: Vec<FakeTorrent>) -> Self {
        Backend::Torrents(torrents).into()
    }
}

impl From<LargeLibrary> for RqbitSetup {
    fn from(library: LargeLibrary) -> Self {
        Backend::Library(library).into()
    }
}

impl From<Vec<Script>> for RqbitSetup {
    fn from(scripts: Vec<Script>) -> Self {
        Backend::Scripts(scripts).into()
    }
}

impl From<Override> for RqbitSetup {
    fn from(overrides: Override) -> Self {
        Self { overrides: Some(overrides), ..Backend::Torrents(Vec::new()).into() }
    }
}

/// Responses of a test: status and body by method, path with query, and body. `None` leaves the
/// response to the backend, and status 0 closes the connection.
#[derive(Clone)]
pub struct Override(Arc<OverrideFn>);

type OverrideFn = dyn Fn(&str, &str, &[u8]) -> Option<(u16, Vec<u8>)> + Send + Sync;

impl Override {
    /// Returns an override by this function.
    pub fn new(
        answer: impl Fn(&str, &str, &[u8]) -> Option<(u16, Vec<u8>)> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(answer))
    }

    pub(super) fn answer(&self, method: &str, path: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
        (self.0)(method, path, body)
    }
}

impl fmt::Debug for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Override")
    }
}

/// A connection after its handshake.
pub trait ClientSocket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> ClientSocket for T {}

/// The handshake of a connection.
#[derive(Clone)]
pub struct Handshake(Arc<HandshakeFn>);

type HandshakeFn = dyn Fn(TcpStream) -> HandshakeFuture + Send + Sync;

type HandshakeFuture = Pin<Box<dyn Future<Output = io::Result<Box<dyn ClientSocket>>> + Send>>;

impl Handshake {
    /// Returns a handshake by this function.
    pub fn new<T: ClientSocket + 'static, F>(
        shake: impl Fn(TcpStream) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = io::Result<T>> + Send + 'static,
    {
        Self(Arc::new(move |socket| {
            let shaken = shake(socket);
            Box::pin(async move { Ok(Box::new(shaken.await?) as Box<dyn ClientSocket>) })
        }))
    }

    pub(super) async fn shake(&self, socket: TcpStream) -> io::Result<Box<dyn ClientSocket>> {
        (self.0)(socket).await
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handshake")
    }
}
