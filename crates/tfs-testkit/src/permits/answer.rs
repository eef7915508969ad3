//! The calls of rqbit's API that a mount makes.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_LENGTH, CONTENT_RANGE, HeaderName, RANGE};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::state::{PermitServerTorrent, PermitState};
use super::stream::{self, StreamTarget};
use super::{Body, PermitShared};

/// The header of `haves` with the number of valid bits.
const BITFIELD_LEN: HeaderName = HeaderName::from_static("x-bitfield-len");

/// The maximum number of path segments of a call.
const SEGMENTS_MAX: usize = 5;

/// Answers one request.
pub(super) async fn answer(
    shared: &Arc<PermitShared>,
    request: &Request<Incoming>,
) -> Response<Body> {
    let path = request.uri().path().trim_matches('/').to_owned();
    let segments: Vec<&str> = path.splitn(SEGMENTS_MAX, '/').collect();
    if request.method() != Method::GET {
        return refuse(shared, request, StatusCode::METHOD_NOT_ALLOWED);
    }
    if segments.as_slice() == ["torrents"] {
        return json(&json!({ "torrents": list(&shared.state.borrow()) }));
    }
    if segments.as_slice() == [""] {
        return json(&json!({ "server": "rqbit", "version": "9.1.0" }));
    }
    if segments.as_slice() == ["stats"] {
        return json(&json!({ "uptime_seconds": shared.started.elapsed().as_secs() }));
    }
    let ["torrents", info_hash, call @ ..] = segments.as_slice() else {
        return refuse(shared, request, StatusCode::NOT_FOUND);
    };
    let found = {
        let state = shared.state.borrow();
        state.torrents.iter().position(|it| it.spec.info_hash.to_string() == *info_hash)
    };
    let Some(idx) = found else { return refuse(shared, request, StatusCode::NOT_FOUND) };
    let known = |make: &dyn Fn(&PermitServerTorrent) -> Response<Body>| {
        let state = shared.state.borrow();
        state.torrents.get(idx).map(make)
    };
    let answered = match call {
        [] => known(&|torrent| json(&details(idx, torrent))),
        ["metadata"] => known(&|torrent| whole(StatusCode::OK, metadata(torrent))),
        ["haves"] if accepts_bytes(request) => known(&haves),
        ["stream", file] => stream_file(shared, request, (idx, file)).await,
        _ => None,
    };
    answered.unwrap_or_else(|| refuse(shared, request, StatusCode::BAD_REQUEST))
}

/// Refuses a request that no client should make, and records it.
fn refuse(
    shared: &PermitShared,
    request: &Request<Incoming>,
    status: StatusCode,
) -> Response<Body> {
    let range = request.headers().get(RANGE);
    let said = format!("{} {} {range:?}: {status}", request.method(), request.uri());
    shared.state.send_modify(|state| state.violations.push(said));
    whole(status, "{}")
}

fn whole(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()).boxed());
    *response.status_mut() = status;
    response
}

fn json(value: &Value) -> Response<Body> {
    whole(StatusCode::OK, value.to_string())
}

fn list(state: &PermitState) -> Vec<Value> {
    let torrents = state.torrents.iter().enumerate();
    torrents
        .map(|(id, torrent)| {
            let mut listed = details(id, torrent);
            let progress = (0..torrent.spec.files.len()).map(|file| torrent.file_progress(file));
            let progress: Vec<u64> = progress.collect();
            if let Some(listed) = listed.as_object_mut() {
                let stats = json!({ "state": "live", "file_progress": progress });
                listed.insert("stats".to_owned(), stats);
                listed.remove("files");
            }
            listed
        })
        .collect()
}

fn details(id: usize, torrent: &PermitServerTorrent) -> Value {
    let files = torrent.spec.files.iter().map(|(name, content)| {
        json!({ "name": name, "components": [name], "length": content.len(), "included": true })
    });
    json!({
        "id": id,
        "info_hash": torrent.spec.info_hash.to_string(),
        "name": torrent.spec.name,
        "output_folder": "/nowhere",
        "total_pieces": torrent.have.len(),
        "files": files.collect::<Vec<_>>(),
    })
}

/// Returns a `.torrent` file with the fields that are used: the piece length and the list of files.
fn metadata(torrent: &PermitServerTorrent) -> String {
    let files = torrent.spec.files.iter().map(|(name, content)| {
        format!("d6:lengthi{}e4:pathl{}:{name}ee", content.len(), name.len())
    });
    let (name, piece_len) = (&torrent.spec.name, torrent.spec.piece_len);
    format!(
        "d4:infod5:filesl{}e4:name{}:{name}12:piece lengthi{piece_len}e6:pieces0:ee",
        files.collect::<String>(),
        name.len()
    )
}

fn accepts_bytes(request: &Request<Incoming>) -> bool {
    request.headers().get(ACCEPT).is_some_and(|accept| accept == "application/octet-stream")
}

fn haves(torrent: &PermitServerTorrent) -> Response<Body> {
    let bytes = torrent.have.chunks(8).map(|bits| {
        let bits = bits.iter().enumerate();
        bits.fold(0_u8, |byte, (bit, is_here)| byte | u8::from(*is_here) << (7 - bit))
    });
    let mut response = whole(StatusCode::OK, bytes.collect::<Vec<_>>());
    response.headers_mut().insert(BITFIELD_LEN, torrent.have.len().into());
    response
}

/// Answers when there is a permit: with headers immediately, and with bytes when their pieces are
/// present.
async fn stream_file(
    shared: &Arc<PermitShared>,
    request: &Request<Incoming>,
    (torrent, file): (usize, &str),
) -> Option<Response<Body>> {
    let range = request.headers().get(RANGE)?.to_str().ok()?;
    let file: usize = file.parse().ok()?;
    let (file_start, content) = {
        let state = shared.state.borrow();
        let torrent = state.torrents.get(torrent)?;
        (torrent.file_start(file), torrent.spec.files.get(file)?.1)
    };
    let (pos, end) = parse_range(range, content.len())?;
    let target = StreamTarget { torrent, file_start, content, pos, end };
    let mut response = Response::new(stream::open(shared, target).await?);
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let said = format!("bytes {pos}-{}/{}", end - 1, content.len());
    response.headers_mut().insert(CONTENT_RANGE, said.parse().ok()?);
    response.headers_mut().insert(CONTENT_LENGTH, (end - pos).into());
    Some(response)
}

/// Returns start and end of a range, or `None` for one that rqbit ignores or refuses.
fn parse_range(text: &str, len: u64) -> Option<(u64, u64)> {
    let (start, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let start: u64 = start.parse().ok()?;
    let end = if last.is_empty() { len } else { last.parse::<u64>().ok()?.checked_add(1)? };
    (start < end && end <= len).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_taken_as_rqbit_takes_them() {
        for (text, want) in [
            ("bytes=0-9", Some((0, 10))),
            ("bytes=3-", Some((3, 10))),
            ("bytes=9-9", Some((9, 10))),
            ("bytes=0-10", None),
            ("bytes=10-", None),
            ("bytes=5-4", None),
            ("bytes=-3", None),
            ("bytes=0-1,3-4", None),
            ("0-9", None),
        ] {
            assert_eq!(parse_range(text, 10), want, "{text}");
        }
    }
}
