//! Fuzz targets and their invariants for any input: the bodies of the targets in `fuzz/`, and a
//! short run of them for ordinary tests.
//!
//! A target panics if an invariant is violated. The corpus of each is in `fuzz/corpus`.

#![expect(clippy::panic, reason = "this is how a target fails")]

mod mutate;
mod search;
mod wire;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use vfs_core::{
    Attr, DirEntry, Ino, NAME_BYTES_MAX, NodeKind, ServerId, TorrentDetails, TorrentSummary, Vfs,
    VfsConfig, VfsError, escape, unescape,
};

pub use self::mutate::{Mutations, run_corpus};
pub use self::search::search;
pub use self::wire::{bitfield, content_range, json, metainfo};

use crate::fake::{FakeSource, directory};

/// The maximum number of files of a listing that are checked: more only take longer.
const NODES_MAX: usize = 10_000;

/// Any two names: each becomes a file name that can be decoded, and both can be in one directory.
pub fn names(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (first, second) = text.split_once('\n').unwrap_or((&text, ""));
    for raw in [first, second, &text] {
        let name = escape(raw);
        assert_is_file_name(&name);
        let undone = unescape(&name);
        assert!(undone.as_deref().is_none_or(|it| it == raw), "{raw:?} became {name:?}");
        assert!(undone.is_some() || name.len() > NAME_BYTES_MAX / 2, "{name:?} is not undone");
        // A name that is not an escaped one may decode to anything, but without a panic.
        drop(unescape(raw));
    }
    let mut details = directory(1, &text, &[("", 1), ("", 2), ("", 3)]);
    let paths = [vec![first], vec![second], vec![first, second]];
    for (file, path) in details.files.iter_mut().zip(paths) {
        file.path = path.into_iter().map(str::to_owned).collect();
    }
    walk(vec![details]);
}

/// Any responses of a server: the list, the details and the `.torrent` file, separated by NUL.
pub fn api(data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == 0);
    let list = parts.next().unwrap_or_default();
    let details = parts.next().unwrap_or_default();
    let torrent_file = parts.next();
    let mut listing = Vec::new();
    if let Ok(torrents) = rqbit_client::wire::parse_list(list) {
        listing.extend(torrents.into_iter().map(rqbit_source::to_summary));
    }
    let details = serde_json::from_slice(details).ok();
    let details = details.and_then(|it| rqbit_source::to_details(it, torrent_file));
    let source = FakeSource::new(1);
    let vfs = Vfs::new(Arc::new(source), VfsConfig::default());
    let unknown = vfs.unknown_torrents(ServerId::FIRST, &listing);
    // The response to a request for a torrent is about that torrent.
    let details = details.zip(unknown.first()).map(|(mut details, hash)| {
        details.info_hash = *hash;
        details
    });
    let listed: HashSet<_> = listing.iter().map(|summary| summary.info_hash).collect();
    let changes = vfs.apply(ServerId::FIRST, listing.clone(), details.into_iter().collect(), 1);
    assert!(changes.added.iter().all(|(hash, _)| listed.contains(hash)));
    check(&vfs);
    // Apply it again, and then an empty list.
    assert!(vfs.apply(ServerId::FIRST, listing, Vec::new(), 2).added.is_empty());
    check(&vfs);
    vfs.apply(ServerId::FIRST, Vec::new(), Vec::new(), 3);
    check(&vfs);
}

fn walk(torrents: Vec<TorrentDetails>) {
    let source = FakeSource::new(1);
    torrents.iter().for_each(|details| _ = source.add(details.clone()));
    let listing: Vec<TorrentSummary> = source.listing();
    let vfs = Vfs::new(Arc::new(source), VfsConfig::default());
    vfs.apply(ServerId::FIRST, listing, torrents, 1);
    check(&vfs);
}

/// Walks the tree: names are valid, unique and resolvable, numbers are unique.
fn check(vfs: &Vfs<FakeSource>) {
    let mut numbers = HashMap::from([(Ino::ROOT, String::new())]);
    let mut directories = vec![Ino::ROOT];
    let stats = vfs.stats();
    assert!(stats.have_bytes <= stats.total_bytes);
    while let Some(dir) = directories.pop() {
        let mut entries: Vec<(String, Attr)> = Vec::new();
        let each = |entry: &DirEntry<'_>| {
            entries.push((entry.name.to_owned(), entry.attr));
            true
        };
        vfs.read_dir(dir, 2, each).unwrap_or_else(|error| panic!("a listing failed: {error}"));
        let mut names = HashSet::new();
        for (name, attr) in entries {
            assert_is_file_name(&name);
            let found = vfs.lookup(dir, name.as_bytes());
            let found = found.unwrap_or_else(|error| panic!("{name:?} is not found: {error}"));
            vfs.forget(found.attr.ino, 1);
            assert_eq!(found.attr, attr, "{name:?}");
            assert!(i64::try_from(attr.size).is_ok(), "{name:?} is too long for the kernel");
            assert!(attr.have_bytes <= attr.size, "{name:?}");
            if let Some(other) = numbers.insert(attr.ino, name.clone()) {
                panic!("{name:?} and {other:?} have one number");
            }
            match attr.kind {
                NodeKind::Directory => directories.push(attr.ino),
                NodeKind::File => {
                    let handle = vfs.open(attr.ino);
                    vfs.release(handle.unwrap_or_else(|error| panic!("{name:?}: {error}")));
                }
                NodeKind::Symlink => check_link(vfs, dir, attr.ino),
            }
            assert!(names.insert(name), "a name comes twice");
        }
        if numbers.len() > NODES_MAX {
            return;
        }
    }
    assert_eq!(stats.inode_count, numbers.len() as u64);
}

/// Follows a link: its target exists, and is inside its torrent.
fn check_link(vfs: &Vfs<FakeSource>, dir: Ino, link: Ino) {
    let target = vfs.read_link(link).unwrap_or_else(|error| panic!("no target: {error}"));
    let mut at = dir;
    for name in target.split('/') {
        at = if name == ".." { parent(vfs, at) } else { child(vfs, at, name, &target) };
        assert!(at != Ino::ROOT, "{target:?} leads out of its torrent");
    }
}

fn child(vfs: &Vfs<FakeSource>, dir: Ino, name: &str, target: &str) -> Ino {
    let found: Result<_, VfsError> = vfs.lookup(dir, name.as_bytes());
    let ino = found.unwrap_or_else(|error| panic!("{target:?} leads nowhere: {error}")).attr.ino;
    vfs.forget(ino, 1);
    ino
}

fn parent(vfs: &Vfs<FakeSource>, dir: Ino) -> Ino {
    let mut parent = dir;
    let listed = vfs.read_dir(dir, 1, |entry| {
        parent = entry.attr.ino;
        false
    });
    listed.unwrap_or_else(|error| panic!("a directory of a link: {error}"));
    parent
}

#[track_caller]
fn assert_is_file_name(name: &str) {
    assert!((1..=NAME_BYTES_MAX).contains(&name.len()), "{name:?}");
    assert!(name != "." && name != "..", "{name:?}");
    assert!(!name.chars().any(|c| c == '/' || c.is_control()), "{name:?}");
}
