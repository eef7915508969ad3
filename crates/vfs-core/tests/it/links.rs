//! Symbolic links of torrents (BEP 47): which are shown, and what their targets are.

use expect_test::{Expect, expect};
use tfs_testkit::fake::{FakeSource, directory};
use vfs_core::{FileKind, TorrentDetails};

use crate::support::{render, vfs_of};

/// Returns a torrent with files and, after `->`, links with their targets in the torrent. Each
/// entry keeps its position in the order.
pub(crate) fn torrent(entries: &[&str]) -> TorrentDetails {
    let split: Vec<_> = entries.iter().map(|entry| entry.split_once(" -> ")).collect();
    let paths = split.iter().zip(entries).map(|(link, entry)| link.map_or(*entry, |link| link.0));
    let files: Vec<_> = paths.map(|path| (path, 1)).collect();
    let mut details = directory(1, "t", &files);
    for (file, link) in details.files.iter_mut().zip(split) {
        if let Some((_, target)) = link {
            let target = target.split('/').map(str::to_owned).collect();
            (file.kind, file.len) = (FileKind::Symlink { target }, 0);
        }
    }
    details
}

#[track_caller]
fn check(entries: &[&str], want: &Expect) {
    let source = FakeSource::new(4);
    source.add(torrent(entries));
    want.assert_eq(&render(&vfs_of(&source)));
}

#[test]
fn links_are_shown_only_if_they_stay_inside() {
    check(
        &[
            "film.mkv",
            "deep/er/a -> film.mkv",
            "up -> deep/er/a",
            "out -> ../../etc/passwd",
            "folder -> deep/er",
            "gone -> deep/nothing",
            "absolute -> /etc/passwd",
            "absolute 2 -> /film.mkv",
            "below a file -> film.mkv/x",
            "out and in -> ../t/film.mkv",
        ],
        &expect![[r#"
            t/
              deep/
                er/
                  a -> ../../film.mkv
              film.mkv 1
              folder -> deep/er
              up -> deep/er/a
        "#]],
    );
}

/// Every macOS framework has these links, and every application has frameworks.
#[test]
fn links_that_lead_through_links_are_shown() {
    check(
        &[
            "App/X.framework/Headers -> App/X.framework/Versions/Current/Headers",
            "App/X.framework/Resources -> Versions/Current/Resources",
            "App/X.framework/X -> App/X.framework/Versions/Current/X",
            "App/X.framework/Versions/Current -> A",
            "App/X.framework/Versions/A/X",
            "App/X.framework/Versions/A/Headers/X.h",
            "App/X.framework/Versions/A/Resources/Info.plist",
        ],
        &expect![[r#"
            t/
              App/
                X.framework/
                  Headers -> Versions/Current/Headers
                  Resources -> Versions/Current/Resources
                  Versions/
                    A/
                      Headers/
                        X.h 1
                      Resources/
                        Info.plist 1
                      X 1
                    Current -> A
                  X -> Versions/Current/X
        "#]],
    );
}

#[test]
fn targets_are_found_from_the_top_and_else_from_the_folder_of_the_link() {
    check(
        &[
            "lib/libx.so -> libx.so.1",
            "lib/libx.so.1 -> libx.so.1.2",
            "lib/libx.so.1.2",
            "lib/up -> ../bin/x",
            "lib/dots -> ././../lib/./libx.so",
            "bin/x",
            "bin/same -> x",
            "x",
            "bin/own -> ./x",
        ],
        &expect![[r#"
            t/
              bin/
                own -> ../x
                same -> ../x
                x 1
              lib/
                dots -> libx.so
                libx.so -> libx.so.1
                libx.so.1 -> libx.so.1.2
                libx.so.1.2 1
                up -> ../bin/x
              x 1
        "#]],
    );
}

#[test]
fn links_that_never_end_are_hidden() {
    check(
        &[
            "a -> b",
            "b -> c",
            "c -> a",
            "self -> self",
            "into the loop -> d/self/x",
            "d/self -> d/self",
            "d/x",
            "through -> self/film.mkv",
            "film.mkv",
        ],
        &expect![[r#"
            t/
              d/
                x 1
              film.mkv 1
        "#]],
    );
}

// https://github.com/jellyfin/jellyfin/issues/10687
#[test]
fn links_to_folders_above_them_are_hidden() {
    check(
        &[
            "d/film.mkv",
            "d/loop -> d",
            "d/e/top -> .",
            "d/e/here -> d/e",
            "d/e/parent -> ..",
            // It passes through a hidden link.
            "f/other -> d/loop/film.mkv",
            "f/film.mkv",
        ],
        &expect![[r#"
            t/
              d/
                e/
                film.mkv 1
              f/
                film.mkv 1
                other -> ../d/film.mkv
        "#]],
    );
}

// https://github.com/jellyfin/jellyfin/issues/10687
#[test]
fn folders_that_link_into_each_other_do_so_no_more() {
    check(
        &[
            "d/1",
            "e/2",
            "d/l -> e",
            "e/l -> d",
            // Three links, and one in a subfolder.
            "x/deep/y -> y",
            "y/z -> z",
            "z/x -> x",
            "y/3",
            // Links that lead into the cycle and not back are shown, and so are links to files.
            "into -> d",
            "x/file -> y/3",
            "y/file -> z/file",
            "z/file -> d/1",
        ],
        &expect![[r#"
            t/
              d/
                1 1
              e/
                2 1
              into -> d
              x/
                deep/
                file -> ../y/3
              y/
                3 1
                file -> ../z/file
              z/
                file -> ../d/1
        "#]],
    );
}

/// The kernel follows at most 40 links, and a path may pass through several.
#[test]
fn long_chains_of_links_are_cut_short() {
    let mut entries: Vec<_> = (0..60).map(|n| format!("l{n:02} -> l{:02}", n + 1)).collect();
    entries.push("l60".to_owned());
    let entries: Vec<_> = entries.iter().map(String::as_str).collect();
    let source = FakeSource::new(4);
    source.add(torrent(&entries));
    let rendered = render(&vfs_of(&source));
    assert_eq!(rendered.lines().count(), 62);
    let mut longest = 0;
    for first in 0..60 {
        let (mut name, mut hops) = (format!("l{first:02}"), 0);
        while let Some(target) = rendered
            .lines()
            .find_map(|line| line.trim().strip_prefix(&format!("{name} -> ")).map(str::to_owned))
        {
            (name, hops) = (target, hops + 1);
        }
        assert_eq!(name, "l60");
        longest = longest.max(hops);
    }
    assert!((10..=20).contains(&longest), "{longest}");
}

#[test]
fn many_links_do_not_take_for_ever() {
    const COUNT: u64 = 50_000;
    let mut entries: Vec<_> = (0..COUNT).map(|n| format!("d/{n} -> d/{}", n + 1)).collect();
    entries.extend((0..COUNT).map(|n| format!("e{n}/l -> e{}", n + 1)));
    entries.push(format!("d/{COUNT}"));
    entries.push(format!("e{COUNT}/f"));
    let entries: Vec<_> = entries.iter().map(String::as_str).collect();
    let source = FakeSource::new(4);
    source.add(torrent(&entries));
    let vfs = vfs_of(&source);
    assert_eq!(vfs.stats().inode_count, 3 * COUNT + 6);
}
