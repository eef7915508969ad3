//! Tags and selections of torrents.

use std::sync::Arc;

use tfs_testkit::fake::{FakeSource, directory};
use vfs_core::{Bitfield, FileId, FileIndex, InfoHash, ServerId};

use crate::support::vfs_of;

fn tags(names: &[&str]) -> Arc<[String]> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn tags_are_kept_before_a_torrent_comes_and_after_it_goes() {
    let vfs = vfs_of(&FakeSource::new(1));
    let hash = InfoHash::from_bytes([1; 20]);
    assert_eq!(vfs.tags(hash), tags(&[]));
    vfs.set_tags(hash, tags(&["kids", "4k"]), 1);
    assert_eq!(vfs.tags(hash), tags(&["kids", "4k"]));
    vfs.set_tags(hash, tags(&[]), 2);
    assert_eq!(vfs.tags(hash), tags(&[]));
}

#[test]
fn a_file_counts_as_selected_unless_its_server_says_otherwise() {
    let source = FakeSource::new(1);
    let hash = source.add(directory(1, "t", &[("a", 1), ("b", 1)]));
    let vfs = vfs_of(&source);
    let is_selected =
        || [0, 1].map(|index| vfs.is_selected(FileId { torrent: hash, index: FileIndex(index) }));
    assert_eq!(is_selected(), [true, true]);
    let only_second = Bitfield::from_fn(2, |file| file == 1);
    vfs.set_selection(ServerId::FIRST, hash, only_second.clone(), 1);
    assert_eq!(is_selected(), [false, true]);
    vfs.set_selection(ServerId::FIRST, hash, None, 2);
    assert_eq!(is_selected(), [true, true]);
    // An unknown server changes nothing.
    vfs.set_selection(ServerId(9), hash, only_second, 3);
    assert_eq!(is_selected(), [true, true]);
}
