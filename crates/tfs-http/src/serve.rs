//! HTTP/1 over a connection. Every wait and every size is limited.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::accept::{Peer, PeerAddress};
use super::activity::{BusyBody, ConnectionEntry};
use super::http::ResponseBody;
use super::stall::{StallGuard, StallLimit};

/// Timeout for the head of a request, also of the next one on a kept connection. Clients are on
/// this machine, or in the same network. A listener can have another one.
pub(crate) const HEAD_TIME_MAX: Duration = Duration::from_secs(5);

/// Maximum size of a request head, and of a connection's buffer.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// How long a peer may send on after the last answer, while its bytes are discarded.
const LINGER_TIME_MAX: Duration = Duration::from_secs(2);

/// Bytes that are discarded at once.
const LINGER_READ_BYTES: usize = 16 << 10;

/// Answers the requests of a connection until the peer closes it, it fails, it is idle and another
/// one needs its place, or `end` is cancelled. On `end`, the request in progress is the last.
pub(crate) async fn serve<F>(
    connection: Box<dyn Peer>,
    entry: ConnectionEntry,
    head_time_max: Duration,
    answer: impl Fn(Request<Incoming>) -> F,
    end: CancellationToken,
) where
    F: Future<Output = Response<ResponseBody>>,
{
    let ConnectionEntry(activity) = &entry;
    let limit = StallLimit::new();
    let address = connection.address();
    let guarded = StallGuard::new(connection, limit.clone(), Arc::clone(&activity.is_blocked));
    let service = service_fn(|mut request: Request<Incoming>| {
        let busy = activity.begin();
        limit.reset();
        request.extensions_mut().insert(limit.clone());
        if let Some(address) = address {
            request.extensions_mut().insert(PeerAddress(address));
        }
        let answer = answer(request);
        Box::pin(async {
            let response = answer.await;
            Ok::<_, Infallible>(response.map(|body| BusyBody { body, _busy: busy }))
        })
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_time_max).max_buf_size(HEAD_BYTES_MAX);
    let mut serving = http.serve_connection(TokioIo::new(guarded), service);
    let served = {
        // Without the end of the connection: its peer may still send.
        let mut answering = poll_fn(|context| serving.poll_without_shutdown(context));
        tokio::select! {
            served = &mut answering => Some(served),
            () = activity.evicted() => None,
            () = end.cancelled() => None,
        }
    };
    let served = match served {
        Some(served) => served,
        None if end.is_cancelled() => {
            Pin::new(&mut serving).graceful_shutdown();
            poll_fn(|context| serving.poll_without_shutdown(context)).await
        }
        None => return,
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection failed");
        return;
    }
    let connection = serving.into_parts().io.into_inner();
    tokio::select! {
        () = linger(connection) => {}
        () = activity.evicted() => {}
        () = end.cancelled() => {}
    }
}

/// Ends an answered connection. If it were closed while the peer still sends the body of a request
/// that was refused by its head, the peer would get a reset in place of the answer (RFC 9112,
/// section 9.6).
async fn linger(mut connection: impl AsyncRead + AsyncWrite + Unpin) {
    let lingering = async {
        connection.shutdown().await?;
        let mut discarded = vec![0; LINGER_READ_BYTES];
        while connection.read(&mut discarded).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    // It ends with the peer's end or failure, or with the time: the answer is sent by then.
    let _outcome = timeout(LINGER_TIME_MAX, lingering).await;
}
