//! Listings: cookies stay valid while entries are added and removed, and every lookup is counted
//! once.

use crate::support::{child, vfs_of};
use tfs_testkit::fake::{FakeSource, directory, single_file};
use vfs_core::{Ino, ServerId, Vfs, VfsError};

/// Returns up to `count` names after the cookie, each with its own cookie.
fn page(vfs: &Vfs<FakeSource>, dir: Ino, cookie: u64, count: usize) -> Vec<(String, u64)> {
    let mut names = Vec::new();
    vfs.read_dir(dir, cookie, |entry| {
        if names.len() == count {
            return false;
        }
        names.push((entry.name.to_owned(), entry.cookie));
        true
    })
    .unwrap();
    names
}

fn names(page: &[(String, u64)]) -> Vec<&str> {
    page.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_listing_goes_on_at_any_cookie() {
    let source = FakeSource::new(4);
    let files: Vec<_> = (0..100).map(|n| format!("f{n:03}")).collect();
    let files: Vec<_> = files.iter().map(|name| (name.as_str(), 1)).collect();
    source.add(directory(1, "t", &files));
    let vfs = vfs_of(&source);
    let top = child(&vfs, Ino::ROOT, "t").unwrap().ino;

    let whole = page(&vfs, top, 0, usize::MAX);
    assert_eq!(whole.len(), 102);
    for page_len in [1, 2, 3, 50] {
        let mut cookie = 0;
        let mut paged = Vec::new();
        loop {
            let next = page(&vfs, top, cookie, page_len);
            let Some((_, last)) = next.last() else { break };
            cookie = *last;
            paged.extend(next);
        }
        assert_eq!(paged, whole);
    }
    for (position, (_, cookie)) in whole.iter().enumerate() {
        assert_eq!(page(&vfs, top, *cookie, 200), whole[position + 1..]);
    }
    assert_eq!(page(&vfs, top, u64::MAX, 200), []);
}

#[test]
fn a_listing_under_way_neither_repeats_nor_loses_an_entry() {
    let source = FakeSource::new(4);
    let hashes: Vec<_> =
        (1..=6).map(|id| source.add(single_file(id, &format!("t{id}"), 1))).collect();
    let vfs = vfs_of(&source);
    let begun = page(&vfs, Ino::ROOT, 0, 5);
    assert_eq!(names(&begun), [".", "..", "t1", "t2", "t3"]);

    // A listed entry, the one at the cookie, and one that is still to be listed are removed.
    for gone in [hashes[0], hashes[2], hashes[4]] {
        source.remove(gone);
    }
    source.add(single_file(7, "t7", 1));
    vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), 1);
    assert_eq!(names(&page(&vfs, Ino::ROOT, begun[4].1, 9)), ["t4", "t6", "t7"]);
    // Rewinding shows the present entries.
    assert_eq!(names(&page(&vfs, Ino::ROOT, 0, 9)), [".", "..", "t2", "t4", "t6", "t7"]);
}

#[test]
fn only_entries_that_were_taken_count_as_lookups() {
    let source = FakeSource::new(4);
    let hash = source.add(directory(1, "t", &[("a", 1), ("b", 1)]));
    let vfs = vfs_of(&source);
    let top = child(&vfs, Ino::ROOT, "t").unwrap().ino;
    let mut taken = Vec::new();
    vfs.read_dir_plus(top, 0, |entry| {
        let is_taken = entry.name != "b";
        if is_taken {
            taken.push(entry.attr.ino);
        }
        is_taken
    })
    .unwrap();
    let [_, _, a] = taken[..] else { panic!("{taken:?}") };
    vfs.lookup(top, b"b").map(|entry| vfs.forget(entry.attr.ino, 1)).unwrap();

    source.remove(hash);
    vfs.apply(ServerId::FIRST, source.listing(), Vec::new(), 1);
    assert!(vfs.attr(a).is_ok());
    assert!(matches!(vfs.attr(top), Err(VfsError::NotFound)));
    vfs.forget(a, 1);
    assert!(matches!(vfs.attr(a), Err(VfsError::NotFound)));
}
