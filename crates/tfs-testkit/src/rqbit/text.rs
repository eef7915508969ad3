//! The texts of rqbit 9.1.0, in exactly its form.

use std::fmt::Write as _;

use super::held::HeldTorrent;

/// rqbit's state of a torrent that seeds and has no peers.
const LIVE_IDLE: &str = concat!(
    r#"{"snapshot":{"downloaded_and_checked_bytes":0,"fetched_bytes":0,"uploaded_bytes":0,"#,
    r#""downloaded_and_checked_pieces":0,"total_piece_download_ms":0,"peer_stats":{"queued":0,"#,
    r#""connecting":0,"live":0,"live_tcp":0,"live_utp":0,"live_socks":0,"live_seeders":0,"#,
    r#""seen":0,"dead":0,"not_needed":0,"steals":0}},"average_piece_download_time":null,"#,
    r#""download_speed":{"mbps":0.0,"human_readable":"0.00 MiB/s"},"#,
    r#""upload_speed":{"mbps":0.0,"human_readable":"0.00 MiB/s"},"time_remaining":null}"#,
);

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
pub(super) fn stats(held: &HeldTorrent, uploaded_bytes: u64) -> String {
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
pub(super) fn details(id: usize, held: &HeldTorrent) -> String {
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
pub(super) fn metadata(held: &HeldTorrent) -> Vec<u8> {
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
