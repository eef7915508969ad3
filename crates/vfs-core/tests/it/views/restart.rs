//! Numbers and names over a restart.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

use tfs_testkit::fake::{FakeSource, directory, single_file};
use vfs_core::RootContents::{Both, Views};
use vfs_core::{
    Ino, InodeNumbers, NodeKind, RestoredTorrent, RootContents, RootLayout, ServerId, Vfs,
    VfsConfig,
};

use super::rules::{ALL, Rule, Rules, update};
use crate::support::SEEN_AT;

/// Returns the number, path and time of each node, as `find -printf '%i %p %T@'`.
fn find(vfs: &Vfs<FakeSource>) -> Vec<(u64, String, i64)> {
    let mut found = Vec::new();
    let mut open = vec![(Ino::ROOT, String::new())];
    while let Some((dir, path)) = open.pop() {
        vfs.read_dir(dir, 2, |entry| {
            let mut path = path.clone();
            write!(path, "/{}", entry.name).unwrap();
            found.push((entry.attr.ino.0, path.clone(), entry.attr.mtime));
            if entry.attr.kind == NodeKind::Directory {
                open.push((entry.attr.ino, path));
            }
            true
        })
        .unwrap();
    }
    found.sort();
    found
}

fn rules() -> Arc<Rules> {
    let named = Rule { view: "Named", name: Some("N"), ..ALL };
    let flat = Rule { view: "Flat", is_flat: true, ..ALL };
    let some = Rule { view: "Some", ending: "a", ..ALL };
    Rules::new(&[ALL, named, flat, some])
}

#[track_caller]
fn check(config: VfsConfig, contents: RootContents) {
    let source = FakeSource::new(1).named("s");
    let new = || {
        let vfs = Vfs::of_servers(&[Arc::new(source.clone())], config);
        vfs.with_views(rules(), contents)
    };
    let vfs = new();
    let mut remembered = Vec::new();
    // Hashes do not follow the order of addition.
    for (at, id) in (0..).zip([3_u8, 1, 2, 5, 4]) {
        source.add(directory(id, "t", &[("d/a", 1), ("b", 2), ("d/b", 2)]));
        source.add(single_file(id + 10, "a", 3));
        let changes = update(&vfs, &source, SEEN_AT + at);
        remembered.extend(changes.added.into_iter().map(|(info_hash, name)| RestoredTorrent {
            info_hash,
            name,
            first_seen: SEEN_AT + at,
            finished_at: None,
        }));
    }
    let ranges: Vec<_> = remembered
        .iter()
        .filter_map(|it| Some((it.info_hash, vfs.numbers_of(ServerId::FIRST, it.info_hash)?)))
        .collect();
    let before = find(&vfs);
    let numbers: HashSet<_> = before.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers.len(), before.len(), "two nodes have one number");
    let again = new();
    again.remember(ServerId::FIRST, Some(vfs.changed_at(ServerId::FIRST)), remembered);
    again.remember_numbers(ServerId::FIRST, ranges);
    update(&again, &source, SEEN_AT + 100);
    let after = find(&again);
    if config.inode_numbers == InodeNumbers::Bits64 {
        assert_eq!(after, before);
    } else {
        // Numbers in views are allocated, and only those elsewhere are kept.
        assert!(after.iter().all(|(number, ..)| *number < 1 << 30));
        let numbers: HashSet<_> = after.iter().map(|(number, ..)| *number).collect();
        assert_eq!(numbers.len(), after.len());
        let names = |found: Vec<(u64, String, i64)>| {
            let mut names: Vec<_> = found.into_iter().map(|(_, path, at)| (path, at)).collect();
            names.sort();
            names
        };
        assert_eq!(names(after), names(before));
    }
}

#[test]
fn numbers_names_and_times_are_those_from_before() {
    for contents in [Both, Views] {
        for layout in [RootLayout::Union, RootLayout::ByServer] {
            for inode_numbers in [InodeNumbers::Bits64, InodeNumbers::Bits32] {
                check(VfsConfig { layout, inode_numbers, ..VfsConfig::default() }, contents);
            }
        }
    }
}
