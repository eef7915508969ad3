//! Responses of rqbit 9.1.0, in exactly its form.

use std::fmt::Write as _;
use std::sync::Arc;

use super::RqbitShared;
use super::connection::{FakeBody, FakeResponse, NextStep};
use super::head::Head;
use super::log::segments;
use super::state::HeldTorrent;
use super::stream::{PieceReader, StreamTarget};

/// rqbit's state of a torrent that seeds and has no peers.
const LIVE_IDLE: &str = concat!(
    r#"{"snapshot":{"downloaded_and_checked_bytes":0,"fetched_bytes":0,"uploaded_bytes":0,"#,
    r#""downloaded_and_checked_pieces":0,"total_piece_download_ms":0,"peer_stats":{"queued":0,"#,
    r#""connecting":0,"live":0,"live_tcp":0,"live_utp":0,"live_socks":0,"live_seeders":0,"#,
    r#""seen":0,"dead":0,"not_needed":0,"steals":0}},"average_piece_download_time":null,"#,
    r#""download_speed":{"mbps":0.0,"human_readable":"0.00 MiB/s"},"#,
    r#""upload_speed":{"mbps":0.0,"human_readable":"0.00 MiB/s"},"time_remaining":null}"#,
);

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
            let seconds = shared.state.borrow().uptime_seconds;
            return Ok(json(format!(r#"{{"uptime_seconds":{seconds}}}"#)));
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

/// Returns the list, with stats if the upload of each torrent is given.
pub(super) fn list(
    torrents: impl Iterator<Item = HeldTorrent>,
    uploaded_bytes: Option<u64>,
) -> String {
    let mut text = r#"{"torrents":["#.to_owned();
    for (id, held) in torrents.enumerate() {
        if id > 0 {
            text.push(',');
        }
        start(&mut text, id, &held);
        if let Some(uploaded_bytes) = uploaded_bytes {
            text.push_str(r#","stats":"#);
            text.push_str(&stats(&held, uploaded_bytes));
        }
        text.push('}');
    }
    text.push_str("]}");
    text
}

/// Returns the stats of a torrent.
fn stats(held: &HeldTorrent, uploaded_bytes: u64) -> String {
    let torrent = &held.torrent;
    let progress = (0..torrent.files.len()).map(|file| held.file_progress(file));
    let progress: Vec<u64> = progress.collect();
    let (total, bytes) = (torrent.total_bytes(), progress.iter().sum::<u64>());
    let progress: Vec<_> = progress.iter().map(u64::to_string).collect();
    let (progress, state, finished) = (progress.join(","), torrent.state, bytes == total);
    let live = if state == "live" { LIVE_IDLE } else { "null" };
    format!(
        r#"{{"state":"{state}","file_progress":[{progress}],"error":null,"progress_bytes":{bytes},"uploaded_bytes":{uploaded_bytes},"total_bytes":{total},"finished":{finished},"live":{live}}}"#
    )
}

/// Returns a torrent with its files.
fn details(id: usize, held: &HeldTorrent) -> String {
    let mut text = String::new();
    start(&mut text, id, held);
    let files = held.torrent.files.iter().map(|file| {
        let components: Vec<_> = file.path.iter().map(|name| quoted(name)).collect();
        format!(
            r#"{{"name":{},"components":[{}],"length":{},"included":true,"attributes":{{"symlink":false,"hidden":false,"padding":false,"executable":false}}}}"#,
            quoted(&file.path.join("/")),
            components.join(","),
            file.content.len()
        )
    });
    let files: Vec<_> = files.collect();
    text + r#","files":["# + &files.join(",") + "]}"
}

/// Writes the common start of responses about a torrent, up to the number of its pieces.
fn start(text: &mut String, id: usize, held: &HeldTorrent) {
    let torrent = &held.torrent;
    let folder = if torrent.is_directory { format!("/{}", torrent.name) } else { String::new() };
    write!(
        text,
        r#"{{"id":{id},"info_hash":"{}","name":{},"output_folder":{},"total_pieces":{}"#,
        torrent.info_hash,
        quoted(&torrent.name),
        quoted(&format!("/downloads{folder}")),
        torrent.piece_count()
    )
    .expect("writing to a string does not fail");
}

/// Returns a text as JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Returns the `.torrent` file. The hashes of its pieces are zeros: no client here checks them.
fn metadata(held: &HeldTorrent) -> Vec<u8> {
    let torrent = &held.torrent;
    let content = if torrent.is_directory {
        let files = torrent.files.iter().map(|file| {
            let path = file.path.iter().map(|name| format!("{}:{name}", name.len()));
            format!("d6:lengthi{}e4:pathl{}ee", file.content.len(), path.collect::<String>())
        });
        format!("5:filesl{}e", files.collect::<String>())
    } else {
        format!("6:lengthi{}e", torrent.total_bytes())
    };
    let created = torrent.created.map(|time| format!("13:creation datei{time}e"));
    let hash_bytes = torrent.hash_bytes.unwrap_or(20 * torrent.piece_count());
    let mut bytes = format!(
        "d{}4:infod{content}4:name{}:{}12:piece lengthi{}e6:pieces{hash_bytes}:",
        created.unwrap_or_default(),
        torrent.name.len(),
        torrent.name,
        torrent.piece_len
    )
    .into_bytes();
    bytes.resize(bytes.len() + hash_bytes, 0);
    bytes.extend_from_slice(b"ee");
    bytes
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
