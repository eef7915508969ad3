//! What views show: names, files, and the root around them.

use expect_test::{Expect, expect};
use tfs_testkit::fake::{FakeSource, directory, single_file};
use vfs_core::RootContents::{Both, Flat, Views};
use vfs_core::{Ino, RootContents, VfsError};

use super::rules::{ALL, Rule, vfs_with_views};
use crate::support::{child, render};

#[track_caller]
fn check(source: &FakeSource, rules: &[Rule], contents: RootContents, want: &Expect) {
    let vfs = vfs_with_views(source, rules, contents);
    want.assert_eq(&render(&vfs));
}

fn library() -> FakeSource {
    let source = FakeSource::new(1);
    source.add(directory(1, "Show.S01", &[("S01/E1.mkv", 3), ("S01/E2.mkv", 4), ("a.nfo", 1)]));
    source.add(single_file(2, "Film.2020.mkv", 7));
    source
}

#[test]
fn views_stand_before_the_torrents_or_in_their_place() {
    let films = Rule { view: "Films", word: "Film", ..ALL };
    let shows = Rule { view: "Shows", word: "Show", ..ALL };
    let rules = [films, shows];
    check(
        &library(),
        &rules,
        Both,
        &expect![[r#"
        Films/
          Film.2020.mkv 7
        Shows/
          Show.S01/
            S01/
              E1.mkv 3
              E2.mkv 4
            a.nfo 1
        Show.S01/
          S01/
            E1.mkv 3
            E2.mkv 4
          a.nfo 1
        Film.2020.mkv 7
    "#]],
    );
    check(
        &library(),
        &rules,
        Views,
        &expect![[r#"
        Films/
          Film.2020.mkv 7
        Shows/
          Show.S01/
            S01/
              E1.mkv 3
              E2.mkv 4
            a.nfo 1
    "#]],
    );
    check(
        &library(),
        &rules,
        Flat,
        &expect![[r#"
        Show.S01/
          S01/
            E1.mkv 3
            E2.mkv 4
          a.nfo 1
        Film.2020.mkv 7
    "#]],
    );
    check(
        &library(),
        &[],
        Both,
        &expect![[r#"
        Show.S01/
          S01/
            E1.mkv 3
            E2.mkv 4
          a.nfo 1
        Film.2020.mkv 7
    "#]],
    );
}

#[test]
fn a_view_shows_some_files_under_other_names() {
    let videos = Rule { view: "Videos", ending: ".mkv", ..ALL };
    let flat = Rule { view: "Flat", ending: ".mkv", is_flat: true, ..ALL };
    let renamed = Rule { view: "Renamed", name: Some("A/B (2020)"), ..ALL };
    let nothing = Rule { view: "Nothing", ending: ".iso", ..ALL };
    check(
        &library(),
        &[videos, flat, renamed, nothing],
        Views,
        &expect![[r#"
        Videos/
          Show.S01/
            S01/
              E1.mkv 3
              E2.mkv 4
          Film.2020.mkv 7
        Flat/
          E1.mkv 3
          E2.mkv 4
          Film.2020.mkv 7
        Renamed/
          A%2FB (2020)/
            S01/
              E1.mkv 3
              E2.mkv 4
            a.nfo 1
          A%2FB (2020) [02020202]/
            Film.2020.mkv 7
        Nothing/
    "#]],
    );
}

#[test]
fn names_that_collide_get_marks() {
    let source = FakeSource::new(1);
    // Names of a view, of the control directory, and of one another.
    source.add(directory(1, "All", &[("x/a.mkv", 1), ("y/a.mkv", 2), ("z/a.mkv", 3)]));
    source.add(directory(2, ".tfs", &[("a.mkv", 4), ("b/a.mkv", 5)]));
    source.add(single_file(3, "a.mkv", 6));
    let flat = Rule { view: "Flat", is_flat: true, ..ALL };
    let control = Rule { view: ".tfs", word: "?", ..ALL };
    let again = Rule { word: "?", ..ALL };
    check(
        &source,
        &[ALL, flat, control, again],
        Both,
        &expect![[r#"
        All/
          All [01010101]/
            x/
              a.mkv 1
            y/
              a.mkv 2
            z/
              a.mkv 3
          .tfs [02020202]/
            a.mkv 4
            b/
              a.mkv 5
          a.mkv 6
        Flat/
          a.mkv 1
          a [#1].mkv 2
          a [#2].mkv 3
          a [02020202].mkv 4
          a [02020202 #1].mkv 5
          a [03030303].mkv 6
        .tfs [#2]/
        All [#3]/
        All [01010101]/
          x/
            a.mkv 1
          y/
            a.mkv 2
          z/
            a.mkv 3
        .tfs [02020202]/
          a.mkv 4
          b/
            a.mkv 5
        a.mkv 6
    "#]],
    );
}

#[test]
fn a_link_is_shown_where_its_target_is() {
    let source = FakeSource::new(1);
    let mut details = directory(
        1,
        "t",
        &[("a.mkv", 1), ("b.nfo", 2), ("to a.mkv", 0), ("to b.mkv", 0), ("to to a.mkv", 0)],
    );
    let targets = [(2, "a.mkv"), (3, "b.nfo"), (4, "to a.mkv")];
    for (at, target) in targets {
        details.files[at].kind = vfs_core::FileKind::Symlink { target: vec![target.to_owned()] };
    }
    source.add(details);
    let videos = Rule { view: "Videos", ending: ".mkv", ..ALL };
    let flat = Rule { view: "Flat", is_flat: true, ..ALL };
    check(
        &source,
        &[videos, flat],
        Views,
        &expect![[r#"
        Videos/
          t/
            a.mkv 1
            to a.mkv -> a.mkv
            to to a.mkv -> to a.mkv
        Flat/
          a.mkv 1
          b.nfo 2
    "#]],
    );
}

#[test]
fn what_a_view_does_not_show_is_not_there() {
    let videos = Rule { view: "Videos", ending: ".mkv", ..ALL };
    let vfs = vfs_with_views(&library(), &[videos], Views);
    assert!(matches!(child(&vfs, Ino::ROOT, "Film.2020.mkv"), Err(VfsError::NotFound)));
    let view = child(&vfs, Ino::ROOT, "Videos").unwrap();
    let show = child(&vfs, view.ino, "Show.S01").unwrap();
    assert!(matches!(child(&vfs, show.ino, "a.nfo"), Err(VfsError::NotFound)));
    assert!(matches!(child(&vfs, view.ino, "Other"), Err(VfsError::NotFound)));
}
