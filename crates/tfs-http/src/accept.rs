//! Sources of connections.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixStream};

/// Size of the send buffer of each connection in bytes. The system's own grow to megabytes: a slow
/// client would get events that are minutes old, and a third of its buffer, which it has to take
/// before more is sent, would take it longer than the time limit for peers that do not read.
const SEND_BUFFER_BYTES: u32 = 512 << 10;

/// Maximum number of connections that wait in the kernel to be accepted.
const BACKLOG: u32 = 1024;

/// Listens at an address. The send buffers of its connections are limited to 512 KiB.
///
/// # Errors
/// If the system refuses the address: it is in use, for example.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    bind_with(address, SEND_BUFFER_BYTES)
}

/// As [`bind`], with another limit for the send buffers of its connections, in bytes. A client that
/// pauses leaves about as much in the kernel.
///
/// # Errors
/// As [`bind`].
pub fn bind_with(address: SocketAddr, send_buffer_bytes: u32) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    // Connections inherit it.
    socket.set_send_buffer_size(send_buffer_bytes)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A connected client.
pub trait Peer: AsyncRead + AsyncWrite + Send + Unpin {
    /// Returns its address; `None` if it has none, as on a Unix socket.
    fn address(&self) -> Option<SocketAddr> {
        None
    }
}

impl Peer for TcpStream {
    fn address(&self) -> Option<SocketAddr> {
        self.peer_addr().ok()
    }
}

impl Peer for UnixStream {}

/// The address of the client, an extension of each request that came from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// A source of connections.
pub trait Accept: fmt::Debug + Send + 'static {
    /// Returns the next connection, or `None` for a rejected one.
    ///
    /// # Errors
    /// If the system cannot accept a connection now, as when too many files are open. The call is
    /// repeated after a pause.
    ///
    /// # Cancel safety
    /// Required: no accepted connection may be lost.
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Option<Box<dyn Peer>>>>;

    /// Stops listening.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// For all peers that can reach the address.
impl Accept for TcpListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Option<Box<dyn Peer>>>> {
        Box::pin(async move {
            let (connection, _address) = Self::accept(self).await?;
            // An event must not wait for the confirmation of the last one.
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "a connection is already gone");
            }
            Ok(Some(Box::new(connection) as _))
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move { drop(self) })
    }
}
