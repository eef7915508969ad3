//! The HTTP side of a library: connections, routes and ranges.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RANGE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::shape::LibraryTorrent;
use super::{LibraryShared, answers};

/// Serves until `stopped` resolves; then closes all connections.
pub(super) async fn serve(
    listener: TcpListener,
    shared: Arc<LibraryShared>,
    stopped: oneshot::Receiver<()>,
) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    // Dropping it ends its tasks.
    let mut connections = JoinSet::new();
    let accept = async {
        loop {
            // Accepting fails only in states that fail the whole test.
            let Ok((socket, _)) = listener.accept().await else { return };
            let shared = Arc::clone(&shared);
            connections.spawn(async move {
                let service = service_fn(|request: Request<Incoming>| {
                    let response = answer(&shared, &request);
                    async move { Ok::<_, Infallible>(response) }
                });
                // A client may close the connection at any time.
                let socket = TokioIo::new(socket);
                drop(http1::Builder::new().serve_connection(socket, service).await);
            });
            while connections.try_join_next().is_some() {}
        }
    };
    tokio::select! {
        () = accept => {}
        _ = stopped => {}
    }
}

fn answer(shared: &LibraryShared, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let counts = &shared.counts;
    let path: Vec<_> = request.uri().path().split('/').filter(|part| !part.is_empty()).collect();
    let is_with_stats = request.uri().query() == Some("with_stats=true");
    let (count, answer): (&AtomicUsize, _) = match path.as_slice() {
        _ if request.method() != Method::GET => (&counts.other, None),
        [] => {
            let info = r#"{"apis":{},"server":"rqbit","version":"9.1.0"}"#;
            (&counts.other, Some(json(info.to_owned())))
        }
        ["torrents"] if is_with_stats => {
            let list = shared.list.lock().unwrap_or_else(PoisonError::into_inner).clone();
            (&counts.list, Some(json(list)))
        }
        ["torrents"] => (&counts.list, Some(json(answers::list(shared.shape, false, 0)))),
        ["torrents", hash, rest @ ..] => match (shared.shape.find(hash), rest) {
            (Some(it), []) => (&counts.details, Some(json(answers::details(it)))),
            (Some(it), ["metadata"]) => (&counts.metadata, Some(bytes(answers::metadata(it)))),
            (Some(it), ["haves"]) => (&counts.haves, Some(haves(it))),
            (Some(it), ["stats", "v1"]) => (&counts.stats, Some(json(answers::stats(it, 0)))),
            (Some(it), ["stream", file, ..]) => (&counts.stream, stream(it, file, request)),
            _ => (&counts.other, None),
        },
        _ => (&counts.other, None),
    };
    count.fetch_add(1, Ordering::Relaxed);
    answer.unwrap_or_else(|| status(StatusCode::NOT_FOUND))
}

fn json(text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = bytes(text);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn bytes(body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    Response::new(Full::new(body.into()))
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = bytes(Bytes::new());
    *response.status_mut() = status;
    response
}

fn haves(torrent: LibraryTorrent) -> Response<Full<Bytes>> {
    let (bits, count) = answers::haves(torrent);
    let mut response = bytes(bits);
    response.headers_mut().insert("x-bitfield-len", count.into());
    response
}

/// Returns a range of a file. It does not model rqbit's handling of invalid ranges.
fn stream(
    torrent: LibraryTorrent,
    file: &str,
    request: &Request<Incoming>,
) -> Option<Response<Full<Bytes>>> {
    let file_idx: usize = file.parse().ok()?;
    let len = torrent.files().get(file_idx)?.len;
    let content = torrent.content(file_idx, len);
    let range = request.headers().get(RANGE).and_then(|range| range.to_str().ok());
    let (first, last) = match range {
        Some(range) => range.strip_prefix("bytes=")?.split_once('-')?,
        None => ("0", ""),
    };
    let first: u64 = first.parse().ok()?;
    let last = if last.is_empty() { len.checked_sub(1)? } else { last.parse().ok()? };
    if first > last || last >= len {
        return Some(status(StatusCode::RANGE_NOT_SATISFIABLE));
    }
    let part_len = usize::try_from(last - first + 1).ok()?;
    let mut response = bytes(content.bytes(first, part_len));
    if range.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let range = HeaderValue::try_from(format!("bytes {first}-{last}/{len}")).ok()?;
        response.headers_mut().insert(CONTENT_RANGE, range);
    }
    response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    Some(response)
}
