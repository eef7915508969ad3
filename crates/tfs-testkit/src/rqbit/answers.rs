//! The calls of rqbit's API.

use std::sync::Arc;

use super::RqbitShared;
use super::client::NextStep;
use super::head::Head;
use super::held::HeldTorrent;
use super::log::segments;
use super::response::{FakeBody, FakeResponse};
use super::stream::{PieceReader, StreamTarget};
use super::text::{details, metadata, stats};

/// Responds as rqbit does. A request that no client should send is refused, and recorded.
pub(super) async fn respond(
    shared: &Arc<RqbitShared>,
    head: &Head,
) -> Result<FakeResponse, NextStep> {
    let path = segments(head.path());
    if head.method() != "GET" {
        return Ok(refuse(shared, head, 405));
    }
    let (hash, call) = match path.as_slice() {
        [] => return Ok(json(r#"{"apis":{},"server":"rqbit","version":"9.1.0"}"#)),
        ["stats"] => {
            return Ok(json(shared.state.borrow().totals()));
        }
        ["torrents"] => {
            let is_with_stats = head.path().ends_with("?with_stats=true");
            let mut list = None;
            shared.state.send_if_modified(|state| {
                list = Some(state.list(is_with_stats));
                false
            });
            return Ok(json(list.unwrap_or_default()));
        }
        ["torrents", hash, call @ ..] => (hash, call),
        _ => return Ok(refuse(shared, head, 404)),
    };
    let found = shared.state.borrow().find(hash);
    let Some((id, held)) = found else { return Ok(refuse(shared, head, 404)) };
    Ok(match call {
        [] => json(details(id, &held)),
        ["metadata"] => FakeResponse::whole(200, metadata(&held)),
        ["haves"] if head.get("accept") == Some("application/octet-stream") => {
            let mut response = FakeResponse::whole(200, held.bitfield());
            response.head.set("x-bitfield-len", held.torrent.piece_count().to_string());
            response
        }
        ["stats", "v1"] => json(stats(&held, 0)),
        ["stream", file, ..] => match stream(shared, head, (id, &held), file).await {
            Some(response) => response,
            None => refuse(shared, head, 400),
        },
        _ => refuse(shared, head, 400),
    })
}

/// Refuses a request that no client should make, and records it.
fn refuse(shared: &RqbitShared, head: &Head, status: u16) -> FakeResponse {
    record(shared, head, status);
    FakeResponse::whole(status, "{}")
}

fn record(shared: &RqbitShared, head: &Head, status: u16) {
    let said = format!("{} {:?}: {status}", head.first_line, head.get("range"));
    shared.state.send_modify(|state| state.violations.push(said));
}

fn json(text: impl Into<bytes::Bytes>) -> FakeResponse {
    let mut response = FakeResponse::whole(200, text);
    response.head.set("content-type", "application/json");
    response
}

/// Returns a range of a file when there is a permit: headers immediately, and bytes when their
/// pieces are present. A request without a range gets the whole file, and is recorded.
async fn stream(
    shared: &Arc<RqbitShared>,
    head: &Head,
    (id, held): (usize, &HeldTorrent),
    file: &str,
) -> Option<FakeResponse> {
    let file: usize = file.parse().ok()?;
    let content = held.torrent.files.get(file)?.content;
    let len = content.len();
    let range = head.get("range");
    if range.is_none() {
        record(shared, head, 200);
    }
    let (pos, end) = range.map_or(Some((0, len)), |range| parse_range(range, len))?;
    let torrent = held.torrent.clone();
    let target = StreamTarget { id, torrent, file, content, pos, end };
    let body = FakeBody::Pieces(PieceReader::open(shared, target).await?);
    let mut head = Head::response(if range.is_some() { 206 } else { 200 });
    if range.is_some() {
        head.set("content-range", format!("bytes {pos}-{}/{len}", end - 1));
    }
    head.set("content-length", (end - pos).to_string());
    Some(FakeResponse { head, body })
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
