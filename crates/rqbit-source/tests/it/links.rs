//! Torrents with symbolic links created by libtorrent 2.1.1 and torf 4.3.1, with rqbit's answer for
//! each, compared with libtorrent's own resolution.
//!
//! libtorrent read the links from a disk, and writes their targets relative to the top. torf got
//! targets in every form of BEP 47, and some other forms.

use std::collections::BTreeMap;
use std::sync::Arc;

use rqbit_client::{Client, ClientConfig};
use rqbit_source::{RqbitSource, to_details};
use vfs_core::{Ino, NodeKind, ServerId, TorrentState, TorrentSummary, Vfs, VfsConfig};

/// A link, its target in libtorrent, and its target in the mount, if it is shown.
type LinkRow = (&'static str, &'static str, Option<&'static str>);

const HIDDEN: Option<&str> = None;

/// Links that both torrents have, with their targets.
const COMMON: [LinkRow; 9] = [
    ("X.framework/X", "X.framework/Versions/Current/X", Some("Versions/Current/X")),
    ("X.framework/Versions/Current", "X.framework/Versions/A", Some("A")),
    ("bin/all", "lib", Some("../lib")),
    ("lib/libx.so", "lib/libx.so.1", Some("libx.so.1")),
    ("lib/libx.so.1", "lib/libx.so.1.2", Some("libx.so.1.2")),
    ("lib/dots", "lib/libx.so", Some("libx.so")),
    ("lib/up", "bin/x", Some("../bin/x")),
    // A folder that links to itself. Programs that follow links would walk it without end.
    ("d/self", "d", HIDDEN),
    // A loop.
    ("loop1", "loop2", HIDDEN),
];

const LIBTORRENT: [LinkRow; 5] = [
    (
        "X.framework/Headers",
        "X.framework/Versions/Current/Headers",
        Some("Versions/Current/Headers"),
    ),
    ("loop2", "loop1", HIDDEN),
    // Two folders that link into each other.
    ("e/l", "g", HIDDEN),
    ("g/l", "e", HIDDEN),
    // In libtorrent, a link without a valid target leads to itself.
    ("gone", "gone", HIDDEN),
];

const TORF: [LinkRow; 6] = [
    // Relative to its own folder and through a link: libtorrent resolves only from the top.
    ("X.framework/Headers", "X.framework/Headers", Some("Versions/Current/Headers")),
    ("loop2", "loop1", HIDDEN),
    ("e/l", "g", HIDDEN),
    ("g/l", "e", HIDDEN),
    ("out", "out", HIDDEN),
    ("d/top", "d/top", HIDDEN),
];

/// Returns the visible links of a torrent, with their targets.
fn links(torrent_file: &[u8], json: &str) -> BTreeMap<String, String> {
    let wire = serde_json::from_str(json).unwrap();
    let details = to_details(wire, Some(torrent_file)).unwrap();
    let client = Client::new(ClientConfig::new("http://127.0.0.1:9".parse().unwrap())).unwrap();
    let source = Arc::new(RqbitSource::new(client, 4));
    let vfs = Vfs::new(source, VfsConfig::default());
    let summary = TorrentSummary {
        info_hash: details.info_hash,
        added_order: 0,
        is_resolved: true,
        is_listed: true,
        state: TorrentState::Live,
        file_progress: None,
    };
    vfs.apply(ServerId::FIRST, vec![summary], vec![details], 1_500_000_000);
    let mut links = BTreeMap::new();
    let mut folders = vec![(Ino::ROOT, String::new())];
    while let Some((folder, path)) = folders.pop() {
        let mut children = Vec::new();
        vfs.read_dir(folder, 2, |entry| {
            let path =
                if folder == Ino::ROOT { String::new() } else { format!("{path}/{}", entry.name) };
            children.push((entry.attr, path));
            true
        })
        .unwrap();
        for (attr, path) in children {
            match attr.kind {
                NodeKind::Directory => folders.push((attr.ino, path)),
                NodeKind::Symlink => {
                    let target = vfs.read_link(attr.ino).unwrap();
                    links.insert(path.trim_start_matches('/').to_owned(), target);
                }
                NodeKind::File => {}
            }
        }
    }
    links
}

/// Converts a target, relative to the folder of a link, to a path from the top.
fn from_top(link: &str, target: &str) -> String {
    let mut path: Vec<_> = link.split('/').collect();
    path.pop();
    for name in target.split('/') {
        match name {
            ".." => _ = path.pop().unwrap(),
            name => path.push(name),
        }
    }
    path.join("/")
}

#[track_caller]
fn check(torrent_file: &[u8], json: &str, rows: &[LinkRow]) {
    let links = links(torrent_file, json);
    let rows = COMMON.iter().chain(rows);
    let want: BTreeMap<_, _> = rows
        .clone()
        .filter_map(|(link, _, target)| Some(((*link).to_owned(), (*target)?.to_owned())))
        .collect();
    assert_eq!(links, want);
    for (link, libtorrent, _) in rows.filter(|(link, libtorrent, _)| link != libtorrent) {
        if let Some(target) = links.get(*link) {
            assert_eq!(from_top(link, target), *libtorrent, "{link}");
        }
    }
}

#[test]
fn links_of_libtorrent_lead_where_it_says() {
    check(
        include_bytes!("data/links-libtorrent.torrent"),
        include_str!("data/links-libtorrent.json"),
        &LIBTORRENT,
    );
}

#[test]
fn links_of_torf_lead_where_libtorrent_says() {
    check(include_bytes!("data/links-torf.torrent"), include_str!("data/links-torf.json"), &TORF);
}
