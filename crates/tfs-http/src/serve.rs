//! HTTP/1 over a connection. Every wait and every size is limited.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::activity::{BusyBody, ConnectionEntry};
use super::http::ResponseBody;
use super::stall::{StallGuard, StallLimit};

/// Timeout for the head of a request, also of the next one on a kept connection. Clients are on
/// this machine, or in the same network.
const HEAD_TIME_MAX: Duration = Duration::from_secs(5);

/// Maximum size of a request head, and of a connection's buffer.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Answers the requests of a connection until the peer closes it, it fails, it is idle and another
/// one needs its place, or `end` is cancelled. On `end`, the request in progress is the last.
pub(crate) async fn serve<I, F>(
    connection: I,
    entry: ConnectionEntry,
    answer: impl Fn(Request<Incoming>) -> F,
    end: CancellationToken,
) where
    I: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Response<ResponseBody>>,
{
    let ConnectionEntry(activity) = &entry;
    let limit = StallLimit::new();
    let guarded = StallGuard::new(connection, limit.clone(), Arc::clone(&activity.is_blocked));
    let service = service_fn(|mut request: Request<Incoming>| {
        let busy = activity.begin();
        limit.reset();
        request.extensions_mut().insert(limit.clone());
        let answer = answer(request);
        async {
            let response = answer.await;
            Ok::<_, Infallible>(response.map(|body| BusyBody { body, _busy: busy }))
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_MAX).max_buf_size(HEAD_BYTES_MAX);
    let mut serving = std::pin::pin!(http.serve_connection(TokioIo::new(guarded), service));
    let served = tokio::select! {
        served = &mut serving => served,
        () = activity.evicted() => Ok(()),
        () = end.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection failed");
    }
}
