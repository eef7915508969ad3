//! Changes that views follow at once, and the notices for the front end.

use std::sync::Arc;

use tfs_testkit::fake::{FakeSource, directory, single_file};
use vfs_core::RootContents::{Both, Views};
use vfs_core::{Attr, Bitfield, Ino, InvalidationSink, ServerId, Vfs, VfsConfig, VfsError};

use super::rules::{ALL, Rule, Rules, tags, update, vfs_with_views};
use crate::invalidation::NotifiedNames;
use crate::support::{SEEN_AT, child, render};

fn told(vfs: &Vfs<FakeSource>) -> Arc<NotifiedNames> {
    let told = Arc::<NotifiedNames>::default();
    let sink: Arc<dyn InvalidationSink> = Arc::<NotifiedNames>::clone(&told);
    vfs.set_sink(Some(sink));
    told
}

/// Returns the attributes of a node that the front end knows from now on.
fn known(vfs: &Vfs<FakeSource>, path: &str) -> Attr {
    let mut attr = vfs.attr(Ino::ROOT).unwrap();
    for name in path.split('/') {
        attr = vfs.lookup(attr.ino, name.as_bytes()).unwrap().attr;
    }
    attr
}

#[test]
fn a_tag_moves_a_torrent_at_once() {
    let source = FakeSource::new(1);
    let hash = source.add(single_file(1, "film.mkv", 1));
    let kids = Rule { view: "Kids", word: "kids", ..ALL };
    // The tag was known before the torrent.
    let vfs = Vfs::new(Arc::new(source.clone()), VfsConfig::default());
    let vfs = vfs.with_views(Rules::new(&[kids]), Views);
    vfs.set_tags(hash, tags(&["kids"]), SEEN_AT);
    assert!(matches!(child(&vfs, Ino::ROOT, "Kids").map(|it| it.mtime), Ok(0)));
    let view = child(&vfs, Ino::ROOT, "Kids").unwrap().ino;
    assert!(matches!(vfs.open_dir(view), Err(VfsError::NoTree)));
    update(&vfs, &source, SEEN_AT);
    assert_eq!(render(&vfs), "Kids/\n  film.mkv 1\n");

    let told = told(&vfs);
    let film = known(&vfs, "Kids/film.mkv");
    let number = film.ino.0;
    vfs.set_tags(hash, tags(&["other"]), SEEN_AT + 5);
    assert_eq!(render(&vfs), "Kids/\n");
    let lost = format!("{} lost film.mkv, File {number}", view.0);
    assert_eq!(told.take(), [format!("{number} in {}", view.0), lost]);
    assert_eq!(vfs.attr(view).unwrap().mtime, SEEN_AT + 5);
    assert_eq!(vfs.attr(film.ino).unwrap().nlink, 0);
    // The same tags again are no change.
    vfs.set_tags(hash, tags(&["other"]), SEEN_AT + 7);
    assert_eq!((told.take(), vfs.attr(view).unwrap().mtime), (vec![], SEEN_AT + 5));

    vfs.set_tags(hash, tags(&["other", "kids"]), SEEN_AT + 9);
    assert_eq!(told.take(), [format!("{} has film.mkv", view.0)]);
    assert_eq!(child(&vfs, view, "film.mkv").unwrap().ino, film.ino);
    vfs.forget(film.ino, 1);
}

#[test]
fn a_poll_without_changes_asks_no_rules() {
    let source = FakeSource::new(1);
    let hash = source.add(directory(1, "t", &[("a", 2)]));
    let rules = Rules::new(&[ALL]);
    let shared: Arc<Rules> = Arc::clone(&rules);
    let vfs = Vfs::new(Arc::new(source.clone()), VfsConfig::default()).with_views(shared, Both);
    update(&vfs, &source, SEEN_AT);
    assert_eq!(rules.asked(), [hash]);
    update(&vfs, &source, SEEN_AT + 1);
    // Neither does progress, which no rule is about.
    source.update(hash, |summary| summary.file_progress = Some([1].into()));
    update(&vfs, &source, SEEN_AT + 2);
    assert_eq!(rules.asked(), []);
    let other = source.add(directory(2, "u", &[("b", 2)]));
    update(&vfs, &source, SEEN_AT + 3);
    assert_eq!(rules.asked(), [other]);
}

#[test]
fn files_that_are_no_longer_downloaded_disappear() {
    let source = FakeSource::new(1);
    let hash = source.add(directory(1, "t", &[("d/a", 1), ("d/b", 2), ("e/c", 3)]));
    let selected = Rule { is_selected: true, ..ALL };
    let vfs = vfs_with_views(&source, &[selected], Views);
    let (dir, gone) = (known(&vfs, "All/t/e"), known(&vfs, "All/t/e/c"));
    let kept = known(&vfs, "All/t/d/a");
    let top = known(&vfs, "All/t");
    let told = told(&vfs);
    vfs.set_selection(ServerId::FIRST, hash, Bitfield::from_fn(3, |file| file < 2), SEEN_AT + 1);
    assert_eq!(render(&vfs), "All/\n  t/\n    d/\n      a 1\n      b 2\n");
    let (top_ino, dir_ino, gone_ino) = (top.ino.0, dir.ino.0, gone.ino.0);
    let mut got = told.take();
    got.retain(|notice| notice.contains("lost"));
    got.sort();
    let mut want = [
        format!("{dir_ino} lost c, File {gone_ino}"),
        format!("{top_ino} lost e, Directory {dir_ino}"),
    ];
    want.sort();
    assert_eq!(got, want);
    // What is open stays readable, and the rest keeps its numbers.
    assert_eq!(vfs.attr(gone.ino).unwrap().nlink, 0);
    assert_eq!(known(&vfs, "All/t/d/a").ino, kept.ino);
    vfs.set_selection(ServerId::FIRST, hash, None, SEEN_AT + 2);
    assert_eq!(known(&vfs, "All/t/e/c").ino, gone.ino);
}

#[test]
fn a_server_that_has_a_torrent_too_changes_its_places() {
    let sources = ["home", "away"].map(|name| FakeSource::new(1).named(name));
    let [home, away] = &sources;
    let details = single_file(1, "film.mkv", 4);
    let hash = home.add(details.clone());
    home.update(hash, |summary| summary.file_progress = Some([1].into()));
    let shared = sources.each_ref().map(|source| Arc::new(source.clone()));
    let vfs = Vfs::of_servers(&shared, VfsConfig::default());
    let rule = Rule { view: "Away", word: "away", ..ALL };
    let vfs = vfs.with_views(Rules::new(&[ALL, rule]), Views);
    let apply = |server: u16, at| {
        let source = &sources[usize::from(server)];
        vfs.apply(ServerId(server), source.listing(), source.all_details(), at);
    };
    apply(0, SEEN_AT);
    // The other server may have more.
    let view = child(&vfs, Ino::ROOT, "Away").unwrap().ino;
    assert!(matches!(vfs.open_dir(view), Err(VfsError::NoTree)));
    apply(1, SEEN_AT);
    assert_eq!(render(&vfs), "All/\n  film.mkv 4\nAway/\n");
    let told = told(&vfs);
    away.add(details);
    away.update(hash, |summary| summary.file_progress = Some([3].into()));
    apply(1, SEEN_AT + 1);
    assert_eq!(told.take(), [format!("{} has film.mkv", view.0)]);
    assert_eq!(child(&vfs, view, "film.mkv").unwrap().have_bytes, 3);
    away.remove(hash);
    apply(1, SEEN_AT + 2);
    assert_eq!(render(&vfs), "All/\n  film.mkv 4\nAway/\n");
}

#[test]
fn metadata_that_comes_later_is_that_of_views_too() {
    let source = FakeSource::new(1);
    let mut details = directory(1, "t", &[("a", 1), ("to a", 0)]);
    details.created = None;
    source.add(details.clone());
    let flat = Rule { view: "Flat", is_flat: true, ..ALL };
    let vfs = vfs_with_views(&source, &[ALL, flat], Both);
    let files = ["t/a", "All/t/a", "Flat/a"].map(|path| known(&vfs, path));
    assert!(files.iter().all(|file| file.mtime == SEEN_AT));
    details.created = Some(1_300_000_000);
    details.piece_len = std::num::NonZeroU32::new(16_384);
    details.files[1].kind = vfs_core::FileKind::Symlink { target: vec!["a".to_owned()] };
    let told = told(&vfs);
    assert_eq!(vfs.correct_metadata(ServerId::FIRST, &[details]), 1);
    for file in files {
        assert_eq!(vfs.attr(file.ino).unwrap(), Attr { mtime: 1_300_000_000, ..file });
    }
    let got = told.take();
    for file in files {
        let of_file = format!("{} in ", file.ino.0);
        assert!(got.iter().any(|notice| notice.starts_with(&of_file)), "{got:?}");
    }
    assert_eq!(
        render(&vfs),
        "All/\n  t/\n    a 1\n    to a -> a\nFlat/\n  a 1\nt/\n  a 1\n  to a -> a\n"
    );
}

#[test]
fn a_removed_torrent_leaves_all_views_and_gets_its_names_back() {
    let source = FakeSource::new(1);
    let first = directory(1, "t", &[("a", 1)]);
    source.add(first.clone());
    source.add(directory(2, "u", &[("a", 2)]));
    let named = Rule { view: "Named", name: Some("N"), ..ALL };
    let flat = Rule { view: "Flat", is_flat: true, ..ALL };
    let vfs = vfs_with_views(&source, &[named, flat], Views);
    let before = render(&vfs);
    assert_eq!(
        before,
        "Named/\n  N/\n    a 1\n  N [02020202]/\n    a 2\nFlat/\n  a 1\n  a [02020202] 2\n"
    );
    source.remove(first.info_hash);
    update(&vfs, &source, SEEN_AT + 1);
    // The other keeps the names that were shown.
    let kept = "Named/\n  N [02020202]/\n    a 2\nFlat/\n  a [02020202] 2\n";
    assert_eq!(render(&vfs), kept);
    source.add(first);
    update(&vfs, &source, SEEN_AT + 2);
    let again = "Named/\n  N [02020202]/\n    a 2\n  N/\n    a 1\n\
                 Flat/\n  a [02020202] 2\n  a 1\n";
    assert_eq!(render(&vfs), again);
}
