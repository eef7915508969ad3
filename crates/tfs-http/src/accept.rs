//! Sources of connections.

use std::fmt;
use std::io;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

/// A connected client.
pub trait Peer: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Peer for T {}

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
            Ok(Some(Box::new(connection) as _))
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move { drop(self) })
    }
}
