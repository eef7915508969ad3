//! Torrents that do not exist, with names that break pages.

use tfs_web::model::{FileItem, TorrentDetail, TorrentItem};

/// Names that a page may get wrong: markup, text from right to left, long ones.
const ODD_NAMES: [&str; 10] = [
    "<img src=x onerror=alert(1)>.mkv",
    "سلسلة وثائقية عن البحر 1080p.mkv",
    "🎬 Film 🍿 (2024) 👩‍👩‍👧‍👦.mkv",
    "\u{202e}gpj.ediW\u{202c} \"quoted\" & 'single' <b>.iso",
    "</script><script>alert(2)</script>",
    "日本語の映画 第01話 「はじまり」.mkv",
    "javascript:alert(3)",
    "a\tb\u{1}c %41%00 ..%2f..%2fetc.txt",
    "שלום עולם",
    "{{constructor}} ${7*7} `tick`",
];

const GIB: u64 = 1 << 30;

/// Returns a number that looks random, the same one for the same input.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut value = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Returns the info hash of a torrent of the fake.
pub(crate) fn hash_of(index: usize) -> String {
    let seed = index as u64;
    format!("{:016x}{:016x}{:08x}", mix(seed), mix(seed + 1000), mix(seed + 2000) >> 32)
}

/// Returns this many torrents with their files.
pub(crate) fn torrents(count: usize) -> Vec<TorrentDetail> {
    (0..count).map(torrent).collect()
}

fn name_of(index: usize) -> String {
    match index {
        0 => "film.mkv".to_owned(),
        1 => "Show.S01.1080p.WEB".to_owned(),
        2 => "debian-13.1.0-amd64-DVD-1.iso".to_owned(),
        3 => "other.mkv".to_owned(),
        4 => format!("{}.mkv", "a very long name that goes on and on ".repeat(6).trim_end()),
        _ => match ODD_NAMES.get(index - 5) {
            Some(name) => (*name).to_owned(),
            None => format!("Library {:03} - Season {:02} [1080p]", index, index % 9 + 1),
        },
    }
}

fn torrent(index: usize) -> TorrentDetail {
    let name = name_of(index);
    let seed = mix(index as u64);
    let state = match index % 25 {
        7 => "error",
        11 | 19 => "paused",
        13 => "initializing",
        23 => "resolving",
        _ => "live",
    };
    let is_complete = seed.is_multiple_of(3) && state == "live";
    let files = files(index, &name, is_complete);
    let sum = |of: fn(&FileItem) -> u64| files.iter().map(of).sum::<u64>();
    let size_bytes = sum(|file| file.size_bytes);
    let selected = |file: &FileItem| if file.selected == Some(true) { 1 } else { 0 };
    let total_bytes = files.iter().map(|file| file.size_bytes * selected(file)).sum::<u64>();
    let have_bytes = files.iter().map(|file| file.have_bytes * selected(file)).sum::<u64>();
    let is_loading = state == "live" && have_bytes < total_bytes;
    let download_bps = if is_loading { seed % 9_000_000 } else { 0 };
    let is_resolved = state != "resolving";
    let torrent = TorrentItem {
        info_hash: hash_of(index),
        name: is_resolved.then_some(name),
        state: state.to_owned(),
        size_bytes: is_resolved.then_some(size_bytes),
        there_bytes: sum(|file| file.have_bytes),
        total_bytes,
        have_bytes,
        selected_bytes: is_resolved.then_some(total_bytes),
        finished: have_bytes == total_bytes,
        download_bps,
        upload_bps: seed % 700_000,
        eta_seconds: (total_bytes - have_bytes).checked_div(download_bps).filter(|_| is_loading),
        peers: seed % 40,
        error: (state == "error").then(|| "write <file>: no space left on device".to_owned()),
        servers: match index % 5 {
            0 => vec!["home".to_owned(), "nas".to_owned()],
            1 | 2 => vec!["home".to_owned()],
            3 => vec!["nas".to_owned()],
            _ => vec!["seedbox".to_owned()],
        },
        tags: match index % 6 {
            0 => vec!["kids".to_owned()],
            1 => vec!["4k".to_owned(), "<i>tag</i>".to_owned()],
            _ => Vec::new(),
        },
    };
    TorrentDetail { torrent, files: if is_resolved { files } else { Vec::new() } }
}

fn files(index: usize, name: &str, is_complete: bool) -> Vec<FileItem> {
    let count = match index % 4 {
        1 => 12,
        2 if index > 20 => 300,
        _ => 1,
    };
    let file = |file_index: u32| {
        let seed = mix((index as u64) << 16 | u64::from(file_index));
        let size_bytes = GIB / 4 + seed % (6 * GIB) / u64::from(count);
        let path = match count {
            1 => name.to_owned(),
            _ => format!("Season {}/{name} E{file_index:02}.mkv", file_index / 8 + 1),
        };
        let selected = file_index % 5 != 4;
        let have_bytes = if is_complete && selected {
            size_bytes
        } else if selected {
            size_bytes / 100 * (seed % 100)
        } else {
            0
        };
        let mount_path = Some(if count == 1 { path.clone() } else { format!("{name}/{path}") });
        FileItem { file_index, path, mount_path, size_bytes, have_bytes, selected: Some(selected) }
    };
    (0..count).map(file).collect()
}
