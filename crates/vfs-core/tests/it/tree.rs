//! The tree for a front end: names, collisions, links, attributes, added and removed entries.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use crate::support::{SEEN_AT, child, render, vfs_of};
use expect_test::{Expect, expect};
use tfs_testkit::fake::{FakeSource, directory, file_id, single_file};
use vfs_core::{
    FileKind, InfoHash, Ino, InodeNumbers, NodeKind, NumberRange, RestoredTorrent, ServerId,
    TorrentDetails, Validity, Vfs, VfsConfig, VfsError,
};

#[track_caller]
fn check(torrents: Vec<TorrentDetails>, want: &Expect) {
    let source = FakeSource::new(4);
    for details in torrents {
        source.add(details);
    }
    want.assert_eq(&render(&vfs_of(&source)));
}

#[test]
fn torrents_are_directories_and_files() {
    check(
        vec![
            directory(1, "Big Buck Bunny", &[("bbb.mkv", 1000), ("subs/en.srt", 10)]),
            single_file(2, "debian-13.iso", 5000),
            directory(3, "empty", &[]),
        ],
        &expect![[r#"
            Big Buck Bunny/
              bbb.mkv 1000
              subs/
                en.srt 10
            debian-13.iso 5000
            empty/
        "#]],
    );
}

#[test]
fn torrents_of_one_name_are_told_apart_by_their_hashes() {
    check(
        vec![
            single_file(3, "a.iso", 3),
            single_file(2, "a.iso", 2),
            directory(1, "a.iso", &[("x", 1)]),
            single_file(4, "a [02020202].iso", 4),
            single_file(5, ".tfs", 5),
        ],
        &expect![[r#"
            a.iso 3
            a [02020202].iso 2
            a.iso [01010101]/
              x 1
            a [02020202] [04040404].iso 4
            .tfs [05050505] 5
        "#]],
    );
}

#[test]
fn files_of_one_name_are_told_apart_by_their_numbers() {
    check(
        vec![directory(
            1,
            "t",
            &[
                ("a", 1),
                ("a", 2),
                ("a/b", 3),
                ("a/c", 4),
                ("x/y", 5),
                ("x", 6),
                ("a [#1]", 7),
                ("..", 8),
                ("../../etc/passwd", 9),
                ("", 10),
                ("x//z", 11),
            ],
        )],
        &expect![[r#"
            t/
              %2E%2E 8
              %2E%2E [#8]/
                %2E%2E/
                  etc/
                    passwd 9
              %empty 10
              a 1
              a [#1] 2
              a [#1] [#6] 7
              a [#2]/
                b 3
                c 4
              x/
                %empty/
                  z 11
                y 5
              x [#5] 6
        "#]],
    );
}

#[test]
fn hostile_torrents_stay_inside() {
    let mut unlisted = directory(2, "../..", &[("a", 1)]);
    unlisted.files[0].path.clear();
    check(
        vec![
            directory(1, "/etc\u{0}", &[("\u{1b}[31m", 1), ("a%2Fb", 2)]),
            unlisted,
            single_file(3, "", 3),
            single_file(4, "", 4),
        ],
        &expect![[r#"
            %2Fetc%00/
              %1B[31m 1
              a%252Fb 2
            ..%2F../
              %empty 1
            %empty 3
            %empty [04040404] 4
        "#]],
    );
}

#[test]
fn padding_is_hidden_and_numbers_of_files_stay() {
    let mut details = directory(1, "t", &[("a", 10), (".pad/6", 6), ("b", 3)]);
    details.files[1].kind = FileKind::Padding;
    let source = FakeSource::new(4);
    source.add(details);
    let vfs = vfs_of(&source);
    expect![[r#"
        t/
          a 10
          b 3
    "#]]
    .assert_eq(&render(&vfs));
    let top = child(&vfs, Ino::ROOT, "t").unwrap();
    let handle = vfs.open(child(&vfs, top.ino, "b").unwrap().ino).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bytes = runtime.block_on(vfs.read(handle, 0, 100)).unwrap();
    FakeSource::content(file_id(1, 2), 3).check(0, &bytes).unwrap();
}

// https://github.com/transmission/transmission/issues/579
#[test]
fn padding_without_an_attribute_is_hidden_by_its_name() {
    let bitcomet = "if you see this file, please update to BitComet 0.85 or above____";
    check(
        vec![directory(
            1,
            "t",
            &[
                ("a.mkv", 10),
                (".pad/6384", 6384),
                (&format!("_____padding_file_0_{bitcomet}"), 6),
                (&format!("extras/_____padding_file_12_{bitcomet}"), 6),
                ("b.mkv", 3),
                // A name that is only similar is shown.
                (".pad/readme", 1),
                ("_____padding_file_x_y", 2),
                ("_____padding_file_7", 3),
                ("pad/7", 4),
            ],
        )],
        &expect![[r#"
            t/
              .pad/
                readme 1
              _____padding_file_7 3
              _____padding_file_x_y 2
              a.mkv 10
              b.mkv 3
              pad/
                7 4
        "#]],
    );
}

#[test]
fn a_torrent_whose_only_file_cannot_be_shown_is_not_in_the_root() {
    let source = FakeSource::new(4);
    let with = |id, kind| {
        let mut details = single_file(id, &format!("only {id}"), 16384);
        details.files[0].kind = kind;
        details
    };
    let padding = source.add(with(1, FileKind::Padding));
    source.add(with(2, FileKind::Symlink { target: vec!["x".to_owned()] }));
    source.add(single_file(3, "too long", 1 << 63));
    source.add(single_file(4, "film.mkv", 16384));
    let vfs = vfs_of(&source);
    assert_eq!(render(&vfs), "film.mkv 16384\n");
    let stats = vfs.stats();
    assert_eq!((stats.total_bytes, stats.inode_count), (16384, 2));
    // It is known nevertheless, so that its details are not requested again, and can be removed.
    assert_eq!(vfs.unknown_torrents(ServerId::FIRST, &source.listing()), []);
    source.remove(padding);
    let changes = vfs.apply(ServerId::FIRST, source.listing(), Vec::new(), 1);
    assert!(changes.added.is_empty() && changes.removed.is_empty());
    assert_eq!(vfs.summaries_not_in(ServerId::FIRST, &[]).len(), 3);
    source.add(with(1, FileKind::Padding));
    assert_eq!(vfs.unknown_torrents(ServerId::FIRST, &source.listing()), [padding]);
}

#[test]
fn attributes_tell_what_is_there() {
    let source = FakeSource::new(4);
    let hash = source.add(directory(7, "t", &[("a", 1000), ("d/b", 10), ("e/c", 0)]));
    source.update(hash, |summary| summary.file_progress = Some([300, 99, 0].into()));
    let vfs = vfs_of(&source);

    let top = child(&vfs, Ino::ROOT, "t").unwrap();
    assert_eq!((top.kind, top.nlink, top.mtime), (NodeKind::Directory, 4, 1_000_000_007));
    let a = child(&vfs, top.ino, "a").unwrap();
    assert_eq!((a.size, a.have_bytes, a.validity), (1000, 300, Validity::Announced));
    let d = child(&vfs, top.ino, "d").unwrap();
    let b = child(&vfs, d.ino, "b").unwrap();
    assert_eq!((b.size, b.have_bytes, b.validity), (10, 10, Validity::Fixed));
    let root = vfs.attr(Ino::ROOT).unwrap();
    assert_eq!((root.nlink, root.mtime), (3, 1_000_000_007));

    let stats = vfs.stats();
    assert_eq!((stats.total_bytes, stats.have_bytes, stats.inode_count), (1010, 310, 7));
    // Totals follow added and removed torrents.
    source.update(hash, |summary| summary.file_progress = Some([1000, 0, 0].into()));
    source.add(single_file(8, "u", 5));
    vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), SEEN_AT);
    let stats = vfs.stats();
    assert_eq!((stats.total_bytes, stats.have_bytes, stats.inode_count), (1015, 1005, 8));
    source.remove(hash);
    vfs.apply(ServerId::FIRST, source.listing(), Vec::new(), SEEN_AT);
    let stats = vfs.stats();
    assert_eq!((stats.total_bytes, stats.have_bytes, stats.inode_count), (5, 5, 2));
}

#[test]
fn nothing_is_known_before_the_first_listing() {
    let vfs = Vfs::new(Arc::new(FakeSource::new(4)), VfsConfig::default());
    assert!(matches!(vfs.open_dir(Ino::ROOT), Err(VfsError::NoTree)));
    assert!(matches!(vfs.lookup(Ino::ROOT, b"x"), Err(VfsError::NoTree)));
    assert!(matches!(vfs.read_dir(Ino::ROOT, 0, |_| true), Err(VfsError::NoTree)));
    // The root exists nevertheless: the path to `.tfs` leads through it.
    assert!(vfs.attr(Ino::ROOT).is_ok());
    vfs.apply(ServerId::FIRST, Vec::new(), Vec::new(), 0);
    assert!(vfs.open_dir(Ino::ROOT).is_ok());
}

#[test]
fn torrents_come_and_go_and_keep_their_names() {
    let source = FakeSource::new(4);
    let first = source.add(single_file(1, "a.iso", 1));
    source.add(single_file(2, "a.iso", 2));
    let vfs = vfs_of(&source);
    let second = child(&vfs, Ino::ROOT, "a [02020202].iso").unwrap();

    source.remove(first);
    let changes = vfs.apply(ServerId::FIRST, source.listing(), Vec::new(), 1);
    assert_eq!(changes.removed, [(first, "a.iso".to_owned())]);
    assert_eq!(render(&vfs), "a [02020202].iso 2\n");

    // Unresolved torrents are requested once they are resolved, and shown once their details are
    // known.
    let third = source.add(single_file(3, "b", 3));
    source.update(third, |summary| summary.is_resolved = false);
    assert_eq!(vfs.unknown_torrents(ServerId::FIRST, &source.listing()), []);
    source.update(third, |summary| summary.is_resolved = true);
    assert_eq!(vfs.unknown_torrents(ServerId::FIRST, &source.listing()), [third]);
    assert_eq!(vfs.apply(ServerId::FIRST, source.listing(), Vec::new(), 2).added, []);
    assert_eq!(
        vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), 3).added.len(),
        1
    );
    assert_eq!(child(&vfs, Ino::ROOT, "a [02020202].iso").unwrap().ino, second.ino);
}

#[test]
fn what_is_gone_is_stale_until_it_is_forgotten() {
    let source = FakeSource::new(4);
    let hash = source.add(directory(1, "t", &[("a", 10)]));
    let vfs = vfs_of(&source);
    let top = vfs.lookup(Ino::ROOT, b"t").unwrap().attr.ino;
    let file = vfs.lookup(top, b"a").unwrap().attr.ino;

    source.remove(hash);
    vfs.apply(ServerId::FIRST, source.listing(), Vec::new(), 1);
    assert!(matches!(vfs.lookup(Ino::ROOT, b"t"), Err(VfsError::NotFound)));
    assert!(matches!(vfs.lookup(top, b"a"), Err(VfsError::Stale)));
    assert!(matches!(vfs.read_dir(top, 0, |_| true), Err(VfsError::Stale)));
    assert!(matches!(vfs.open(file), Err(VfsError::Stale)));
    assert_eq!(vfs.attr(file).unwrap().nlink, 0);

    [file, top].into_iter().for_each(|ino| vfs.forget(ino, 1));
    assert!(matches!(vfs.attr(file), Err(VfsError::NotFound)));
}

// https://github.com/trapexit/mergerfs/issues/576
// https://github.com/hanwen/go-fuse/issues/620
#[test]
fn file_handles_are_found_by_number_before_and_after_a_remount() {
    let source = FakeSource::new(4);
    let hash = source.add(directory(1, "t", &[("d/a", 10), ("b", 3)]));
    source.add(single_file(2, "single", 5));
    let vfs = vfs_of(&source);
    let lookup = |vfs: &Vfs<FakeSource>, ino, name: &str| {
        let entry = vfs.lookup(ino, name.as_bytes())?;
        vfs.forget(entry.attr.ino, 1);
        Ok::<_, VfsError>((entry.attr.ino, entry.attr.generation))
    };
    let (t, _) = lookup(&vfs, Ino::ROOT, "t").unwrap();
    let (d, _) = lookup(&vfs, t, "d").unwrap();
    let names = [(Ino::ROOT, "t"), (Ino::ROOT, "single"), (t, "d"), (t, "b"), (d, "a")];
    let handles = names.map(|(parent, name)| (parent, lookup(&vfs, parent, name).unwrap()));
    let unknown = Vfs::new(Arc::new(source.clone()), VfsConfig::default());
    let remounted = vfs_of(&source);
    for (parent, handle) in handles {
        for vfs in [&vfs, &remounted] {
            assert_eq!(lookup(vfs, handle.0, ".").unwrap(), handle);
            assert_eq!(lookup(vfs, handle.0, "..").unwrap().0, parent);
        }
        // Before the first listing it is unknown whether it is gone.
        assert!(matches!(lookup(&unknown, handle.0, "."), Err(VfsError::NoTree)));
    }
    for vfs in [&vfs, &unknown] {
        assert_eq!(lookup(vfs, Ino::ROOT, ".").unwrap(), (Ino::ROOT, 0));
        assert_eq!(lookup(vfs, Ino::ROOT, "..").unwrap(), (Ino::ROOT, 0));
    }
    assert!(matches!(lookup(&vfs, Ino(77), "."), Err(VfsError::NotFound)));
    assert_eq!(vfs.known_count(), 0);

    // A node that the kernel knows is stale when its torrent is gone; any other is not found.
    vfs.lookup(d, b"a").unwrap();
    source.remove(hash);
    vfs.apply(ServerId::FIRST, source.listing(), Vec::new(), SEEN_AT);
    assert!(matches!(lookup(&vfs, handles[4].1.0, "."), Err(VfsError::Stale)));
    assert!(matches!(lookup(&vfs, handles[4].1.0, ".."), Err(VfsError::Stale)));
    assert!(matches!(lookup(&vfs, handles[3].1.0, "."), Err(VfsError::NotFound)));
}

/// Returns a filesystem with numbers below 2^32, and with the given ranges from an earlier run.
fn vfs_of_32(source: &FakeSource, ranges: &[(InfoHash, NumberRange)]) -> Vfs<FakeSource> {
    let config = VfsConfig {
        inode_numbers: InodeNumbers::Bits32,
        show_control: true,
        ..VfsConfig::default()
    };
    let vfs = Vfs::new(Arc::new(source.clone()), config);
    vfs.remember_numbers(ServerId::FIRST, ranges.iter().copied());
    vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), SEEN_AT);
    vfs
}

/// Adds the number of each path below a directory.
fn add_numbers(vfs: &Vfs<FakeSource>, dir: Ino, path: &str, numbers: &mut BTreeMap<String, u64>) {
    let mut entries = Vec::new();
    vfs.read_dir(dir, 2, |entry| {
        entries.push((format!("{path}/{}", entry.name), entry.attr));
        true
    })
    .unwrap();
    for (path, attr) in entries {
        if attr.kind == NodeKind::Directory {
            add_numbers(vfs, attr.ino, &path, numbers);
        }
        assert_eq!(numbers.insert(path, attr.ino.0), None);
    }
}

// https://github.com/trapexit/mergerfs/issues/485
// https://github.com/epoupon/lms/issues/9
#[test]
fn numbers_below_2_to_the_32_are_allocated_and_stay_if_they_are_kept() {
    let numbers_of = |vfs: &Vfs<FakeSource>| {
        let mut numbers = BTreeMap::new();
        add_numbers(vfs, Ino::ROOT, "", &mut numbers);
        let distinct: BTreeSet<_> = numbers.values().collect();
        assert_eq!(distinct.len(), numbers.len());
        assert!(distinct.iter().all(|number| **number < 1 << 32), "{numbers:?}");
        numbers
    };
    let source = FakeSource::new(4);
    let mut linked = directory(1, "t", &[("d/a", 1), (".pad/7", 7), ("l/m", 0), ("e/b", 2)]);
    // Its target arrives with the metadata.
    linked.files[2].kind = FileKind::Symlink { target: Vec::new() };
    source.add(linked.clone());
    for id in 2..100 {
        source.add(directory(id, &format!("t{id}"), &[("d/a", 1), ("b", 2)]));
    }
    let hash = |id| InfoHash::from_bytes([id; 20]);
    let vfs = vfs_of_32(&source, &[]);
    let first = numbers_of(&vfs);
    assert_eq!(vfs.numbers_of(ServerId::FIRST, hash(1)).unwrap().count, 8);
    let mut ranges: Vec<_> =
        (1..100).map(|id| (hash(id), vfs.numbers_of(ServerId::FIRST, hash(id)).unwrap())).collect();

    // The control directory is below 2^32 too.
    let control = vfs.lookup(Ino::ROOT, b".tfs").unwrap().attr.ino;
    let by_hash = vfs.lookup(control, b"by-hash").unwrap().attr.ino;
    let link = vfs.lookup(by_hash, hash(99).to_string().as_bytes()).unwrap().attr.ino;
    let search = vfs.lookup(control, b"search").unwrap().attr.ino;
    let words = vfs.lookup(search, b"t99 a").unwrap().attr.ino;
    let found = vfs.lookup(words, b"a").unwrap().attr.ino;
    for ino in [control, by_hash, link, search, words, found] {
        assert!(ino.0 < 1 << 32 && vfs.is_view(ino), "{ino:?}");
    }
    assert_eq!(vfs.read_link(link).unwrap(), "../../t99");
    assert_eq!(vfs.read_link(found).unwrap(), "../../../t99/d/a");

    // After a restart they are the same, for any order of torrents, also if a link is shown and one
    // torrent has gone meanwhile, whose numbers stay reserved.
    let other = FakeSource::new(4);
    for id in (3..100).rev() {
        other.add(directory(id, &format!("t{id}"), &[("d/a", 1), ("b", 2)]));
    }
    linked.files[2].kind = FileKind::Symlink { target: vec!["d".to_owned(), "a".to_owned()] };
    other.add(linked);
    other.add(directory(200, "new", &[("a", 1)]));
    ranges.reverse();
    let vfs = vfs_of_32(&other, &ranges);
    let again = numbers_of(&vfs);
    for (path, number) in &again {
        match first.get(path) {
            Some(known) => assert_eq!(number, known, "{path}"),
            None => assert!(!first.values().any(|known| known == number), "{path}"),
        }
    }
    assert!(again.contains_key("/t/l/m") && !first.contains_key("/t/l/m"));
    // It returns with its former numbers.
    other.add(directory(2, "t2", &[("d/a", 1), ("b", 2)]));
    vfs.apply(ServerId::FIRST, other.listing(), other.all_details(), SEEN_AT);
    assert_eq!(numbers_of(&vfs)["/t2/d/a"], first["/t2/d/a"]);
}

#[test]
fn wrong_kinds_are_refused() {
    let source = FakeSource::new(4);
    source.add(directory(1, "t", &[("a", 10)]));
    let vfs = vfs_of(&source);
    let top = child(&vfs, Ino::ROOT, "t").unwrap().ino;
    let file = child(&vfs, top, "a").unwrap().ino;
    assert!(matches!(vfs.lookup(file, b"x"), Err(VfsError::NotDirectory)));
    assert!(matches!(vfs.lookup(top, b"\xff"), Err(VfsError::NotFound)));
    assert!(matches!(vfs.read_dir(file, 0, |_| true), Err(VfsError::NotDirectory)));
    assert!(matches!(vfs.read_link(file), Err(VfsError::NotSymlink)));
    assert!(matches!(vfs.open(top), Err(VfsError::IsDirectory)));
    assert!(matches!(vfs.open(Ino::ROOT), Err(VfsError::IsDirectory)));
    assert!(matches!(vfs.open(Ino(77)), Err(VfsError::NotFound)));
}

#[test]
fn names_that_were_shown_are_kept() {
    let source = FakeSource::new(4);
    for id in 1..=6 {
        source.add(single_file(id, "same", id.into()));
    }
    source.add(single_file(7, "torrent-content", 7));
    source.add(single_file(8, "torrent-content", 8));
    let had = |id: u8, name: &str| RestoredTorrent {
        info_hash: InfoHash::from_bytes([id; 20]),
        name: name.to_owned(),
        first_seen: SEEN_AT,
        finished_at: None,
    };
    let vfs = Vfs::new(Arc::new(source.clone()), VfsConfig::default());
    let remembered = [
        // Gone, so the torrent that had the name before may use it.
        had(9, "same [02020202]"),
        had(2, "same [02020202]"),
        had(3, "same"),
        // Names that tfs would never assign to these torrents.
        had(4, "../../etc/passwd"),
        had(5, ".tfs"),
        had(6, "other"),
        // From 0.1.0, for a torrent without a name.
        had(7, "%empty"),
        had(8, "%empty [08080808]"),
    ];
    vfs.remember(ServerId::FIRST, Some(7), remembered);
    assert!(matches!(vfs.open_dir(Ino::ROOT), Err(VfsError::NoTree)));
    // The details of 3 arrive late, and its name is reserved for it.
    let third = |details: &TorrentDetails| details.info_hash == InfoHash::from_bytes([3; 20]);
    let (late, early): (Vec<_>, Vec<_>) = source.all_details().into_iter().partition(third);
    vfs.apply(ServerId::FIRST, source.listing(), early, SEEN_AT);
    vfs.apply(ServerId::FIRST, source.listing(), late, SEEN_AT);
    expect![[r#"
        same [01010101] 1
        same [02020202] 2
        same [04040404] 4
        same [05050505] 5
        same [06060606] 6
        %empty 7
        %empty [08080808] 8
        same 3
    "#]]
    .assert_eq(&render(&vfs));
}

#[test]
fn times_are_those_of_the_first_sight_and_of_the_last_change() {
    const DAY: i64 = 24 * 60 * 60;
    let source = FakeSource::new(4);
    let now = SEEN_AT + 1000 * DAY;
    let cases = [
        (1, Some(SEEN_AT), SEEN_AT),
        (2, None, now - 5),
        (3, Some(now - 5 + DAY), now - 5 + DAY),
        (4, Some(now - 5 + DAY + 1), now - 5),
        (5, None, now),
    ];
    for (id, created, _) in cases {
        source.add(TorrentDetails { created, ..single_file(id, &format!("t{id}"), 1) });
    }
    let vfs = Vfs::new(Arc::new(source.clone()), VfsConfig::default());
    let remembered = (1..=4).map(|id| RestoredTorrent {
        info_hash: InfoHash::from_bytes([id; 20]),
        name: format!("t{id}"),
        first_seen: now - 5,
        finished_at: None,
    });
    vfs.remember(ServerId::FIRST, Some(now - 3), remembered);
    vfs.apply(ServerId::FIRST, Vec::new(), Vec::new(), now - 2);
    assert_eq!(vfs.attr(Ino::ROOT).unwrap().mtime, now - 3);
    vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), now);
    assert_eq!(vfs.attr(Ino::ROOT).unwrap().mtime, now);
    vfs.apply(ServerId::FIRST, source.listing(), Vec::new(), now + 1);
    assert_eq!(vfs.attr(Ino::ROOT).unwrap().mtime, now);
    for (id, _, want) in cases {
        assert_eq!(child(&vfs, Ino::ROOT, &format!("t{id}")).unwrap().mtime, want, "{id}");
    }
    // A clock that was never set does not distort dates.
    let vfs = Vfs::new(Arc::new(source.clone()), VfsConfig::default());
    vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), 0);
    assert_eq!(child(&vfs, Ino::ROOT, "t1").unwrap().mtime, SEEN_AT);
    assert_eq!(child(&vfs, Ino::ROOT, "t2").unwrap().mtime, 0);
}

#[test]
fn what_was_last_listed_can_be_asked_for() {
    let source = FakeSource::new(4);
    for id in 1..=3 {
        source.add(single_file(id, &format!("t{id}"), 1));
    }
    let vfs = vfs_of(&source);
    let all = source.listing();
    assert_eq!(vfs.summaries_not_in(ServerId::FIRST, &[]), all);
    assert_eq!(vfs.summaries_not_in(ServerId::FIRST, &all[..2]), all[2..]);
    assert_eq!(vfs.summaries_not_in(ServerId::FIRST, &all), []);
}

#[test]
fn a_listing_that_says_nothing_new_waits_for_nobody_and_holds_up_nobody() {
    let source = FakeSource::new(4);
    for id in 1..50 {
        source.add(single_file(id, "a.iso", u64::from(id)));
    }
    let vfs = Arc::new(vfs_of(&source));
    let (sender, applied) = mpsc::channel();
    // Each entry is passed on under the lock of the tree.
    vfs.read_dir(Ino::ROOT, 0, |_entry| {
        let (vfs, listing) = (Arc::clone(&vfs), source.listing());
        let sender = sender.clone();
        thread::spawn(move || {
            let changes = vfs.apply(ServerId::FIRST, listing, Vec::new(), SEEN_AT + 9);
            sender.send(changes).is_ok()
        });
        let changes = applied.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(changes.added.is_empty() && changes.removed.is_empty());
        false
    })
    .unwrap();
}
