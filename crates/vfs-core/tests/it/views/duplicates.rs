//! Torrents with the same files, of which a view shows the one that was added first.

use tfs_testkit::fake::{FakeSource, directory, single_file};
use vfs_core::RootContents::Views;
use vfs_core::Vfs;

use super::rules::{ALL, Rule, tags, update, vfs_with_views};
use crate::support::{SEEN_AT, render};

const ONCE: Rule = Rule { view: "Once", hides_duplicates: true, ..ALL };

/// Returns the names in a view of everything.
fn names(vfs: &Vfs<FakeSource>) -> Vec<String> {
    let text = render(vfs);
    let names = text.lines().filter_map(|line| line.strip_prefix("  "));
    names.filter(|name| !name.starts_with(' ')).map(str::to_owned).collect()
}

#[test]
fn the_one_that_was_added_first_is_shown() {
    let source = FakeSource::new(1);
    // The order of the files and the name of the torrent make no difference.
    let first = source.add(directory(5, "first", &[("a", 1), ("b", 2)]));
    let vfs = vfs_with_views(&source, &[ONCE], Views);
    let second = source.add(directory(2, "second", &[("b", 2), ("a", 1)]));
    source.add(directory(3, "longer", &[("b", 2), ("a", 2)]));
    source.add(directory(4, "more", &[("b", 2), ("a", 1), ("c", 0)]));
    update(&vfs, &source, SEEN_AT + 1);
    let third = source.add(directory(1, "third", &[("a", 1), ("b", 2)]));
    update(&vfs, &source, SEEN_AT + 2);
    assert_eq!(names(&vfs), ["first/", "longer/", "more/"]);
    source.remove(first);
    update(&vfs, &source, SEEN_AT + 3);
    assert_eq!(names(&vfs), ["longer/", "more/", "second/"]);
    source.remove(second);
    update(&vfs, &source, SEEN_AT + 4);
    assert_eq!(names(&vfs), ["longer/", "more/", "third/"]);
    source.remove(third);
    update(&vfs, &source, SEEN_AT + 5);
    assert_eq!(names(&vfs), ["longer/", "more/"]);
}

#[test]
fn only_torrents_of_the_same_view_hide_one_another() {
    let source = FakeSource::new(1);
    let first = source.add(single_file(1, "film", 3));
    source.add(directory(2, "other", &[("film", 3)]));
    let tagged = Rule { word: "tag", view: "Tagged", hides_duplicates: true, ..ALL };
    let vfs = vfs_with_views(&source, &[tagged, ALL], Views);
    let second = vfs_core::InfoHash::from_bytes([2; 20]);
    vfs.set_tags(second, tags(&["tag"]), SEEN_AT + 1);
    let all = "All/\n  film 3\n  other/\n    film 3\n";
    assert_eq!(render(&vfs), format!("Tagged/\n  other/\n    film 3\n{all}"));
    vfs.set_tags(first, tags(&["tag"]), SEEN_AT + 2);
    assert_eq!(render(&vfs), format!("Tagged/\n  film 3\n{all}"));
    vfs.set_tags(first, tags(&[]), SEEN_AT + 3);
    assert_eq!(render(&vfs), format!("Tagged/\n  other/\n    film 3\n{all}"));
}
