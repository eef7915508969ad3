//! Responses of the server before an attack.

use std::io::{self, Write};

use super::Route;

/// The torrent that is listed from the start.
pub(super) const GOOD: &str = "0101010101010101010101010101010101010101";

/// The torrent that is added when the attack begins.
pub(super) const NEW: &str = "0202020202020202020202020202020202020202";

/// Its name, as JSON: it clears a terminal, sets its title, and reverses text.
pub(super) const NEW_NAME: &str = r"new \u001b[2J\u001b]0;title\u0007\u202e\u009b31m\u061c";

/// The length of the file of each torrent.
pub(super) const FILE_BYTES: u64 = 4 << 20;

const PIECE_BYTES: u64 = 1 << 20;

/// Returns the route of a path, if an attack can use it. Details are those of the new torrent.
pub(super) fn route(path: &str) -> Option<Route> {
    let path = path.split('?').next().unwrap_or_default();
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["torrents"] => Some(Route::List),
        ["torrents", hash] if *hash == NEW => Some(Route::Details),
        ["torrents", hash, "metadata"] if *hash == NEW => Some(Route::Metadata),
        ["torrents", _, "haves"] => Some(Route::Haves),
        ["torrents", _, "stream", ..] => Some(Route::Stream),
        _ => None,
    }
}

/// Answers like rqbit.
pub(super) fn good(to: &mut impl Write, path: &str, has_new: bool) -> io::Result<()> {
    let parts: Vec<_> = path.split(['/', '?']).filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [] => json(to, r#"{"apis":{},"server":"rqbit","version":"9.1.0"}"#),
        ["torrents", "with_stats=true"] => json(to, &list(has_new)),
        ["torrents", hash] => json(to, &details(hash)),
        ["torrents", GOOD, "metadata"] => {
            let files = format!("ld6:lengthi{FILE_BYTES}e4:pathl8:film.mkveee");
            let info = format!("d5:files{files}4:name4:good12:piece lengthi{PIECE_BYTES}ee");
            json(to, &format!("d4:info{info}e"))
        }
        ["torrents", _, "haves"] => {
            let count = FILE_BYTES / PIECE_BYTES;
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\nx-bitfield-len: {count}\r\n\r\n");
            to.write_all(head.as_bytes())?;
            to.write_all(&[0])
        }
        ["stats"] => json(to, r#"{"uptime_seconds":100000}"#),
        _ => to.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
    }
}

/// Returns the list of torrents.
pub(super) fn list(has_new: bool) -> String {
    let new = if has_new { format!(",{}", summary(1, NEW)) } else { String::new() };
    format!("{{\"torrents\":[{}{new}]}}", summary(0, GOOD))
}

/// Returns the list entry of a torrent.
pub(super) fn summary(id: u32, hash: &str) -> String {
    format!(
        "{{\"id\":{id},\"info_hash\":\"{hash}\",\"name\":\"{}\",\"total_pieces\":4,\
         \"stats\":{{\"state\":\"live\",\"file_progress\":[0]}}}}",
        name(hash)
    )
}

fn name(hash: &str) -> &'static str {
    if hash == NEW { NEW_NAME } else { "good" }
}

fn details(hash: &str) -> String {
    let file = r#"{"name":"film.mkv","components":["film.mkv"],"length":"#;
    let name = name(hash);
    format!("{{\"info_hash\":\"{hash}\",\"name\":\"{name}\",\"files\":[{file}{FILE_BYTES}}}]}}")
}

/// Writes a complete JSON response.
pub(super) fn json(to: &mut impl Write, text: &str) -> io::Result<()> {
    let len = text.len();
    write!(
        to,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len}\r\n\r\n"
    )?;
    to.write_all(text.as_bytes())
}
