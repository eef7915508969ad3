//! Responses of rqbit 9.1.0 for the torrents of a library, in exactly its form.

use std::fmt::Write as _;

use super::shape::{LibraryShape, LibraryTorrent, PIECE_BYTES};

/// rqbit's state of a torrent that seeds and has no peers.
const LIVE_IDLE: &str = concat!(
    r#"{"snapshot":{"downloaded_and_checked_bytes":0,"fetched_bytes":0,"uploaded_bytes":0,"#,
    r#""downloaded_and_checked_pieces":0,"total_piece_download_ms":0,"peer_stats":{"queued":0,"#,
    r#""connecting":0,"live":0,"live_tcp":0,"live_utp":0,"live_socks":0,"live_seeders":0,"#,
    r#""seen":0,"dead":0,"not_needed":0,"steals":0}},"average_piece_download_time":null,"#,
    r#""download_speed":{"mbps":0.0,"human_readable":"0.00 MiB/s"},"#,
    r#""upload_speed":{"mbps":0.0,"human_readable":"0.00 MiB/s"},"time_remaining":null}"#,
);

/// Returns the list, with stats or without. `uploaded_bytes` is the upload of each torrent, by
/// which two lists can differ.
pub(super) fn list(shape: LibraryShape, is_with_stats: bool, uploaded_bytes: u64) -> String {
    let mut text = r#"{"torrents":["#.to_owned();
    for torrent in shape.torrents() {
        if torrent.number > 0 {
            text.push(',');
        }
        head(&mut text, torrent);
        if is_with_stats {
            text.push_str(r#","stats":"#);
            text.push_str(&stats(torrent, uploaded_bytes));
        }
        text.push('}');
    }
    text.push_str("]}");
    text
}

/// Returns the stats of a complete torrent.
pub(super) fn stats(torrent: LibraryTorrent, uploaded_bytes: u64) -> String {
    let lens: Vec<_> = torrent.files().iter().map(|file| file.len.to_string()).collect();
    let (lens, total) = (lens.join(","), torrent.total_bytes());
    format!(
        r#"{{"state":"live","file_progress":[{lens}],"error":null,"progress_bytes":{total},"uploaded_bytes":{uploaded_bytes},"total_bytes":{total},"finished":true,"live":{LIVE_IDLE}}}"#
    )
}

/// Returns a torrent with its files.
pub(super) fn details(torrent: LibraryTorrent) -> String {
    let mut text = String::new();
    head(&mut text, torrent);
    text.push_str(r#","files":["#);
    for (position, file) in torrent.files().iter().enumerate() {
        let comma = if position > 0 { "," } else { "" };
        let (name, components) = (file.path.join("/"), file.path.join(r#"",""#));
        write!(
            text,
            r#"{comma}{{"name":"{name}","components":["{components}"],"length":{},"included":true,"attributes":{{"symlink":false,"hidden":false,"padding":false,"executable":false}}}}"#,
            file.len
        )
        .expect("writing to a string does not fail");
    }
    text.push_str("]}");
    text
}

/// Writes the common start of responses about a torrent, up to the number of its pieces.
fn head(text: &mut String, torrent: LibraryTorrent) {
    let (number, hash, name) = (torrent.number, torrent.info_hash(), torrent.name());
    let folder = if torrent.is_directory() { format!("/{name}") } else { String::new() };
    let pieces = torrent.piece_count();
    write!(
        text,
        r#"{{"id":{number},"info_hash":"{hash}","name":"{name}","output_folder":"/downloads{folder}","total_pieces":{pieces}"#
    )
    .expect("writing to a string does not fail");
}

/// Returns the `.torrent` file. The hashes of its pieces are zeros: no client here checks them.
pub(super) fn metadata(torrent: LibraryTorrent) -> Vec<u8> {
    let name = torrent.name();
    let files = torrent.files();
    let content = if torrent.is_directory() {
        let files = files.iter().map(|file| {
            let path = file.path.iter().map(|name| format!("{}:{name}", name.len()));
            format!("d6:lengthi{}e4:pathl{}ee", file.len, path.collect::<String>())
        });
        format!("5:filesl{}e", files.collect::<String>())
    } else {
        format!("6:lengthi{}e", torrent.total_bytes())
    };
    let hash_bytes = 20 * usize::try_from(torrent.piece_count()).expect("a few thousand pieces");
    let mut bytes = format!(
        "d13:creation datei{}e4:infod{content}4:name{}:{name}12:piece lengthi{PIECE_BYTES}e\
         6:pieces{hash_bytes}:",
        torrent.created(),
        name.len(),
    )
    .into_bytes();
    bytes.resize(bytes.len() + hash_bytes, 0);
    bytes.extend_from_slice(b"ee");
    bytes
}

/// Returns the bitfield of a complete torrent, and its number of pieces.
pub(super) fn haves(torrent: LibraryTorrent) -> (Vec<u8>, u64) {
    let count = torrent.piece_count();
    let bytes = usize::try_from(count.div_ceil(8)).expect("a few thousand pieces");
    (vec![0xff; bytes], count)
}
