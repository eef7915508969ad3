//! The body of an answer, and its connection.

use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::iter::successors;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body as _, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::connection::HttpConnection;
use super::pool::ConnectionPool;
use crate::error::CallFailure;
use crate::{ErrorKind, TimeoutPhase};

/// Maximum memory reserved for a body before its first byte: a server may send a wrong length.
const RESERVED_BYTES_MAX: u64 = 1024 * 1024;

/// Size from which a body needs a permit. Details of a torrent of some thousand files are smaller.
const LARGE_BYTES: usize = 1024 * 1024;

/// How often to poll for the end of a body: hyper registers demand, reads, and reports the end in
/// one poll each.
const END_LOOKS: usize = 3;

/// The body of an answer.
///
/// After its end, the connection returns to the pool; dropping it earlier closes the connection.
pub(crate) struct AnswerBody {
    incoming: Incoming,
    /// `None` after the end and after an error.
    connection: Option<HttpConnection>,
    pool: Arc<ConnectionPool>,
}

/// Whether a body has ended, as far as known without waiting.
pub(crate) enum BodyEnd {
    /// The body has ended, and its connection was returned or closed.
    Over,
    /// More bytes arrived.
    More,
    /// Not known yet.
    Unknown,
}

impl AnswerBody {
    /// Creates a body with its connection.
    pub(super) fn new(
        incoming: Incoming,
        connection: HttpConnection,
        pool: Arc<ConnectionPool>,
    ) -> Self {
        Self { incoming, connection: Some(connection), pool }
    }

    /// Returns the remaining length, if the server has sent it.
    pub(crate) fn length(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    /// Returns the next bytes, never an empty chunk, or `None` at the end.
    ///
    /// Cancel safe: bytes are consumed only when they are returned.
    pub(crate) async fn next(&mut self) -> hyper::Result<Option<Bytes>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Polls for the end of the body, without waiting.
    pub(crate) async fn try_end(&mut self) -> BodyEnd {
        poll_fn(|cx| {
            for _look in 0..END_LOOKS {
                match self.poll_next(cx) {
                    Poll::Ready(Ok(None) | Err(_)) => return Poll::Ready(BodyEnd::Over),
                    Poll::Ready(Ok(Some(_bytes))) => return Poll::Ready(BodyEnd::More),
                    Poll::Pending => {}
                }
            }
            Poll::Ready(BodyEnd::Unknown)
        })
        .await
    }

    /// Reads the whole body, at most `limit_bytes`, and waits at most `chunk_timeout` for each
    /// part. A large body waits for a permit, which is returned with it.
    pub(crate) async fn collect(
        mut self,
        limit_bytes: usize,
        chunk_timeout: Duration,
        turns: &Arc<Semaphore>,
    ) -> Result<(Bytes, Option<OwnedSemaphorePermit>), CallFailure> {
        self.check_length(limit_bytes)?;
        let length = self.length().unwrap_or_default();
        let reserved = usize::try_from(length.min(RESERVED_BYTES_MAX)).unwrap_or_default();
        let mut bytes = BytesMut::with_capacity(reserved);
        let mut turn = None;
        let mut received = 0;
        while let Some(chunk) = self.chunk(&mut received, limit_bytes, chunk_timeout).await? {
            if turn.is_none() && received > LARGE_BYTES {
                // The semaphore is never closed.
                turn = Arc::clone(turns).acquire_owned().await.ok();
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok((bytes.freeze(), turn))
    }

    /// Reads the whole body like [`collect`](Self::collect), and calls `each` with each part.
    pub(crate) async fn for_each_chunk(
        mut self,
        limit_bytes: usize,
        chunk_timeout: Duration,
        mut each: impl FnMut(&[u8]) -> Result<(), CallFailure>,
    ) -> Result<(), CallFailure> {
        self.check_length(limit_bytes)?;
        let mut received = 0;
        while let Some(chunk) = self.chunk(&mut received, limit_bytes, chunk_timeout).await? {
            each(&chunk)?;
        }
        Ok(())
    }

    /// Rejects a body whose announced length exceeds the limit.
    fn check_length(&self, limit_bytes: usize) -> Result<(), CallFailure> {
        let length = self.length().unwrap_or_default();
        match usize::try_from(length) {
            Ok(length) if length <= limit_bytes => Ok(()),
            Ok(_) | Err(_) => Err(ErrorKind::BodyTooLarge { limit_bytes }.into()),
        }
    }

    /// Returns the next part of a body, or `None` at its end. `received` counts its bytes so far.
    async fn chunk(
        &mut self,
        received: &mut usize,
        limit_bytes: usize,
        chunk_timeout: Duration,
    ) -> Result<Option<Bytes>, CallFailure> {
        let Ok(chunk) = timeout(chunk_timeout, self.next()).await else {
            return Err(ErrorKind::Timeout { phase: TimeoutPhase::Chunk }.into());
        };
        match chunk {
            Ok(chunk) => {
                *received = received.saturating_add(chunk.as_ref().map_or(0, Bytes::len));
                if *received > limit_bytes {
                    return Err(ErrorKind::BodyTooLarge { limit_bytes }.into());
                }
                Ok(chunk)
            }
            Err(error) if is_early_end(&error) => {
                let received_bytes = u64::try_from(*received).unwrap_or(u64::MAX);
                Err(CallFailure::new(ErrorKind::ShortBody { received_bytes }, error))
            }
            Err(error) => Err(hyper_failure(error)),
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<Option<Bytes>>> {
        loop {
            let Some(connection) = &mut self.connection else { return Poll::Ready(Ok(None)) };
            connection.poll(cx);
            match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(bytes) if !bytes.is_empty() => return Poll::Ready(Ok(Some(bytes))),
                    // Trailers contain nothing needed.
                    Ok(_) | Err(_) => {}
                },
                Poll::Ready(Some(Err(error))) => {
                    self.connection = None;
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(None) => {
                    if let Some(connection) = self.connection.take() {
                        self.pool.put(connection);
                    }
                    return Poll::Ready(Ok(None));
                }
            }
        }
    }
}

/// Returns whether the connection was closed in an orderly way, but too early.
pub(crate) fn is_early_end(error: &hyper::Error) -> bool {
    error.is_incomplete_message() || io_kind(error) == Some(io::ErrorKind::UnexpectedEof)
}

/// Converts an error of hyper into its kind.
pub(crate) fn hyper_failure(error: hyper::Error) -> CallFailure {
    if let Some(tls) = io_error(&error).and_then(super::tls::client_certificate_failure) {
        return CallFailure::new(ErrorKind::Tls(tls), error);
    }
    let malformed =
        matches!(io_kind(&error), Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput));
    let kind = if error.is_parse() || malformed {
        ErrorKind::Protocol { reason: "not http, or too many headers" }
    } else {
        ErrorKind::Closed
    };
    CallFailure::new(kind, error)
}

/// Returns the kind of the I/O error that caused an error of hyper.
fn io_kind(error: &hyper::Error) -> Option<io::ErrorKind> {
    io_error(error).map(io::Error::kind)
}

/// Returns the I/O error that caused an error of hyper.
///
/// A connection that fails before it takes a request cancels it. The cause of that error is another
/// error of hyper, and only the cause of the latter is the I/O error.
fn io_error(error: &hyper::Error) -> Option<&io::Error> {
    successors(error.source(), |&cause| cause.source()).find_map(|cause| cause.downcast_ref())
}

#[cfg(all(test, feature = "tls"))]
mod tests {
    use http_body_util::Full;
    use hyper::Request;
    use tokio::io::{AsyncRead, ReadBuf, join, sink};
    use tokio_rustls::rustls::{AlertDescription, Error};

    use super::*;
    use crate::TlsError;

    /// A connection whose server has refused the client by an alert.
    struct Alert;

    impl AsyncRead for Alert {
        fn poll_read(
            self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            _buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let alert = Error::AlertReceived(AlertDescription::CertificateRequired);
            Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, alert)))
        }
    }

    #[tokio::test]
    async fn an_alert_before_the_request_is_its_failure() {
        let io = Box::new(join(Alert, sink()));
        let mut connection = HttpConnection::new(io).await.unwrap();
        let failure = connection.send(Request::new(Full::default())).await.map_err(hyper_failure);
        let kind = failure.unwrap_err().kind;
        assert_eq!(kind, ErrorKind::Tls(TlsError::ClientCertificateMissing));
    }
}
