//! One connection, driven by its caller.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// Maximum number of response headers; hyper's default, set explicitly so that it does not change.
const HEADERS_MAX: usize = 100;

/// Maximum size of the read buffer. Bounds the headers of an answer. Since hyper reads up to twice
/// as much, it also bounds the memory of a connection and the chunks of a body: two of the 64 KiB
/// chunks that rqbit writes.
const READ_BUFFER_BYTES_MAX: usize = 128 * 1024;

/// TCP, with or without TLS.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// The part of hyper that reads and writes the socket.
type Driver = http1::Connection<TokioIo<Box<dyn Io>>, Full<Bytes>>;

/// One connection.
///
/// No task drives it: it makes progress only while it is polled. So dropping it closes the socket
/// at once, and an unread stream exerts backpressure on the server. The cost: the close of an idle
/// connection is detected only before its next use.
pub(crate) struct HttpConnection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// `None` once closed. It must be dropped then, so that pending operations fail.
    driver: Option<Box<Driver>>,
    made_at: Instant,
}

impl HttpConnection {
    /// Starts HTTP on a socket; sends nothing.
    pub(crate) async fn new(io: Box<dyn Io>) -> hyper::Result<Self> {
        let (sender, driver) = http1::Builder::new()
            .max_headers(HEADERS_MAX)
            .max_buf_size(READ_BUFFER_BYTES_MAX)
            .handshake(TokioIo::new(io))
            .await?;
        Ok(Self { sender, driver: Some(Box::new(driver)), made_at: Instant::now() })
    }

    /// Returns the age of the connection.
    pub(crate) fn age(&self) -> Duration {
        self.made_at.elapsed()
    }

    /// Sends a request and returns its answer without the body.
    ///
    /// Dropping the future leaves the connection unusable: drop it as well.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        let mut response = pin!(self.sender.send_request(request));
        poll_fn(|cx| {
            poll_driver(&mut self.driver, cx);
            response.as_mut().poll(cx)
        })
        .await
    }

    /// Polls the connection.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) {
        poll_driver(&mut self.driver, cx);
    }

    /// Returns whether another request can be sent, as far as known without waiting.
    pub(crate) fn is_ready(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.poll(&mut cx);
        self.driver.is_some() && matches!(self.sender.poll_ready(&mut cx), Poll::Ready(Ok(())))
    }
}

/// Polls the driver, and drops it when it has ended.
///
/// Its own error is dropped: hyper reports it to the answer or the body as well.
fn poll_driver(driver: &mut Option<Box<Driver>>, cx: &mut Context<'_>) {
    if let Some(it) = driver
        && Pin::new(it).poll(cx).is_ready()
    {
        *driver = None;
    }
}
