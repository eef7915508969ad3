//! Torrents of unusual shapes and states.

use expect_test::{Expect, expect};
use tfs_testkit::edge_cases::{DEEP_LEVELS, MANY_FILES, PIECE_BYTES, edge_case_torrents};
use tfs_testkit::fake::{FakeSource, single_file};
use vfs_core::{
    Attr, Bitfield, DirEntry, FileId, FileIndex, Ino, MissingPolicy, NodeKind, ReadPolicy,
    ServerId, TorrentState, Vfs, VfsError,
};

use crate::support::{child, render_below, vfs_of, vfs_with};

fn source() -> FakeSource {
    let source = FakeSource::new(4);
    edge_case_torrents().into_iter().for_each(|details| _ = source.add(details));
    source
}

#[track_caller]
fn check(vfs: &Vfs<FakeSource>, name: &str, want: &Expect) {
    let top = child(vfs, Ino::ROOT, name).unwrap();
    want.assert_eq(&render_below(vfs, top.ino));
}

#[test]
fn odd_sizes_are_shown_as_far_as_they_can_be() {
    let vfs = vfs_of(&source());
    check(&vfs, "no files", &expect![""]);
    check(
        &vfs,
        "only empty files",
        &expect![[r#"
        a 0
        b/
          c 0
    "#]],
    );
    check(&vfs, "only padding", &expect![""]);
    check(
        &vfs,
        "a file of 4 TiB",
        &expect![[r#"
        after 40
        sparse.img 4398046511104
    "#]],
    );
    check(
        &vfs,
        "the longest files of all",
        &expect![[r#"
        after 40
        max 9223372036854775807
        max 2 9223372036854775807
    "#]],
    );
    check(
        &vfs,
        "files that Linux cannot show",
        &expect![[r#"
        after 40
        before 40
    "#]],
    );
}

#[test]
fn odd_paths_are_shown_as_far_as_they_can_be() {
    let vfs = vfs_of(&source());
    check(
        &vfs,
        "padding in the middle",
        &expect![[r#"
        first 21
        second 33
        third 40
    "#]],
    );
    check(
        &vfs,
        "links of all kinds",
        &expect![[r#"
        dir/
          file 40
          up and down -> file
        to the file -> dir/file
        to the folder -> dir
    "#]],
    );
    check(
        &vfs,
        "one path twice",
        &expect![[r#"
        d/
          a 40
          a [#1] 41
    "#]],
    );
    check(
        &vfs,
        "a path below a file",
        &expect![[r#"
        a 40
        a [#1]/
          b/
            c 41
    "#]],
    );
    check(
        &vfs,
        "empty names",
        &expect![[r#"
        %empty 40
        %empty [#1] 41
        %empty [#2]/
          %empty/
            a 42
    "#]],
    );
}

#[test]
fn sums_that_no_number_holds_stay_at_the_largest() {
    let stats = vfs_of(&source()).stats();
    assert_eq!((stats.total_bytes, stats.have_bytes), (u64::MAX, u64::MAX));
}

#[test]
fn many_files_are_all_listed() {
    let vfs = vfs_of(&source());
    let top = child(&vfs, Ino::ROOT, "many files").unwrap();
    let mut count = 0;
    vfs.read_dir(top.ino, 2, |_| {
        count += 1;
        true
    })
    .unwrap();
    assert_eq!(count, MANY_FILES);
}

#[test]
fn the_deepest_file_is_reached_step_by_step() {
    let vfs = vfs_of(&source());
    let mut at = child(&vfs, Ino::ROOT, "very deep").unwrap();
    for level in 0..DEEP_LEVELS {
        at = child(&vfs, at.ino, &format!("d{level:04}")).unwrap();
    }
    assert_eq!(child(&vfs, at.ino, "file").unwrap().kind, NodeKind::File);
}

#[tokio::test(start_paused = true)]
async fn pieces_of_files_after_padding_and_after_giants_are_the_right_ones() {
    let read = ReadPolicy { missing: MissingPolicy::Fail, ..ReadPolicy::default() };
    let source = source();
    // Padding ends with a piece: 21 + 11 bytes are two pieces, 33 + 15 three, 40 two and a half.
    let details = edge_case_torrents();
    let torrent = details.iter().find(|it| it.name == "padding in the middle").unwrap();
    source.update(torrent.info_hash, |it| it.file_progress = Some([0, 0, 16, 0, 16].into()));
    let haves = Bitfield::from_fn(8, |piece| [2, 5].contains(&piece)).unwrap();
    source.set_haves(torrent.info_hash, haves);
    let vfs = vfs_with(&source, read);
    let top = child(&vfs, Ino::ROOT, &torrent.name).unwrap().ino;
    for (name, index) in [("second", 2), ("third", 4)] {
        let file = child(&vfs, top, name).unwrap();
        let handle = vfs.open(file.ino).unwrap();
        let bytes = vfs.read(handle, 0, PIECE_BYTES).await.unwrap();
        let id = FileId { torrent: torrent.info_hash, index: FileIndex(index) };
        FakeSource::content(id, file.size).check(0, &bytes).unwrap();
        assert_eq!(bytes.len(), PIECE_BYTES as usize);
        let after = vfs.read(handle, u64::from(PIECE_BYTES), 1).await;
        assert!(matches!(after, Err(VfsError::WouldBlock)), "{name}: {after:?}");
    }
    let first = vfs.open(child(&vfs, top, "first").unwrap().ino).unwrap();
    assert!(matches!(vfs.read(first, 0, 1).await, Err(VfsError::WouldBlock)));

    // File ends that exceed the range of an offset in the torrent.
    for (torrent, name) in [
        ("a file of 4 TiB", "sparse.img"),
        ("a file of 4 TiB", "after"),
        ("the longest files of all", "max"),
        ("the longest files of all", "after"),
        ("files that Linux cannot show", "before"),
        ("files that Linux cannot show", "after"),
    ] {
        let details = details.iter().find(|it| it.name == torrent).unwrap();
        let index = details.files.iter().position(|file| file.path == [name]).unwrap();
        let top = child(&vfs, Ino::ROOT, torrent).unwrap().ino;
        let file = child(&vfs, top, name).unwrap();
        let handle = vfs.open(file.ino).unwrap();
        let bytes = vfs.read(handle, file.size - 9, 100).await.unwrap();
        assert_eq!(bytes.len(), 9);
        let index = FileIndex(u32::try_from(index).unwrap());
        let id = FileId { torrent: details.info_hash, index };
        FakeSource::content(id, file.size).check(file.size - 9, &bytes).unwrap();
        assert!(vfs.read(handle, u64::MAX, 100).await.unwrap().is_empty());
    }
}

#[test]
fn only_what_is_resolved_is_shown_whatever_its_state() {
    let source = FakeSource::new(4);
    let states = [
        TorrentState::Initializing,
        TorrentState::Live,
        TorrentState::Paused,
        TorrentState::Failed,
    ];
    for (id, state) in (1..).zip(states) {
        let hash = source.add(single_file(id, &format!("{state:?}"), 10));
        source.update(hash, |summary| {
            summary.state = state;
            // Progress of more files than there are, or of none.
            summary.file_progress = (id % 2 == 0).then(|| [u64::MAX, 7].into());
        });
        let magnet = source.add(single_file(id + 100, "magnet", 10));
        source.update(magnet, |summary| {
            summary.state = state;
            summary.is_resolved = false;
        });
    }
    let vfs = Vfs::new(std::sync::Arc::new(source.clone()), vfs_core::VfsConfig::default());
    let listing = source.listing();
    let unknown = vfs.unknown_torrents(ServerId::FIRST, &listing);
    assert_eq!(unknown.len(), states.len());
    let details = source.all_details().into_iter().filter(|it| unknown.contains(&it.info_hash));
    vfs.apply(ServerId::FIRST, listing, details.collect(), 1);
    let mut seen: Vec<(String, Attr)> = Vec::new();
    let each = |entry: &DirEntry<'_>| {
        seen.push((entry.name.to_owned(), entry.attr));
        true
    };
    vfs.read_dir(Ino::ROOT, 2, each).unwrap();
    let seen: Vec<_> =
        seen.into_iter().map(|(name, attr)| format!("{name} {}", attr.have_bytes)).collect();
    assert_eq!(seen, ["Initializing 0", "Live 10", "Paused 0", "Failed 10"]);
}
