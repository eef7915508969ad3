//! Files of views by other ways: reads, attributes, searches, hashes, preloads, numbers.

use std::sync::Arc;

use tfs_testkit::fake::{FakeSource, directory, single_file};
use vfs_core::RootContents::{Both, Views};
use vfs_core::{Attr, FileId, FileIndex, Ino, Query, Vfs, VfsConfig, VfsError};

use super::rules::{ALL, Rule, Rules, tags, update, vfs_with_views};
use crate::support::{SEEN_AT, child};

fn node(vfs: &Vfs<FakeSource>, path: &str) -> Attr {
    path.split('/')
        .fold(vfs.attr(Ino::ROOT).unwrap(), |dir, name| child(vfs, dir.ino, name).unwrap())
}

const FLAT: Rule = Rule { view: "Flat", ending: ".mkv", is_flat: true, ..ALL };
const NAMED: Rule = Rule { view: "Named", name: Some("N"), ..ALL };

fn library() -> FakeSource {
    let source = FakeSource::new(1);
    let hash = source.add(directory(1, "show", &[("s/a.nfo", 5), ("s/b.mkv", 9)]));
    source.add(single_file(2, "film.mkv", 7));
    source.update(hash, |summary| summary.file_progress = Some([5, 4].into()));
    source
}

#[tokio::test]
async fn all_places_of_a_file_are_one_file() {
    let source = library();
    let vfs = vfs_with_views(&source, &[FLAT, NAMED], Both);
    let id = FileId { torrent: vfs_core::InfoHash::from_bytes([1; 20]), index: FileIndex(1) };
    let paths = ["show/s/b.mkv", "Flat/b.mkv", "Named/N/s/b.mkv"];
    let nodes = paths.map(|path| node(&vfs, path));
    let mut numbers = nodes.map(|attr| attr.ino);
    numbers.sort();
    assert!(numbers.windows(2).all(|pair| pair[0] != pair[1]));
    for (attr, path) in nodes.iter().zip(paths) {
        assert_eq!((attr.size, attr.have_bytes, attr.nlink), (9, 4, 1));
        assert_eq!(vfs.xattr(attr.ino, b"user.tfs.progress").unwrap(), "44.44");
        assert_eq!(vfs.xattr(attr.ino, b"user.tfs.file_index").unwrap(), "1");
        let handle = vfs.open(attr.ino).unwrap();
        assert_eq!(vfs.readers()[0].path.as_deref(), Some(path));
        let read = vfs.read(handle, 2, 4).await.unwrap();
        assert_eq!(read, FakeSource::content(id, 9).bytes(2, 4));
        vfs.release(handle);
    }
    // A torrent counts once.
    assert_eq!((vfs.stats().total_bytes, vfs.counts().torrents), (21, 2));
    assert_eq!(node(&vfs, "Named/N").kind, vfs_core::NodeKind::Directory);
    assert_eq!(vfs.known_count(), 0);
}

#[tokio::test]
async fn an_open_file_that_leaves_its_view_stays_readable() {
    let source = library();
    let hash = vfs_core::InfoHash::from_bytes([2; 20]);
    let tagged = Rule { view: "Tagged", word: "tag", ..ALL };
    let vfs = vfs_with_views(&source, &[tagged, NAMED], Views);
    vfs.set_tags(hash, tags(&["tag"]), SEEN_AT);
    let handle = vfs.open(node(&vfs, "Tagged/film.mkv").ino).unwrap();
    vfs.set_tags(hash, tags(&[]), SEEN_AT + 1);
    let id = FileId { torrent: hash, index: FileIndex(0) };
    assert_eq!(vfs.read(handle, 0, 7).await.unwrap(), FakeSource::content(id, 7).bytes(0, 7));
    let path = vfs.readers()[0].path.clone();
    assert_eq!(path.as_deref(), Some("Named/N [02020202]/film.mkv"));
    source.remove(hash);
    update(&vfs, &source, SEEN_AT + 2);
    assert_eq!(vfs.readers()[0].path, None);
    vfs.release(handle);
}

#[test]
fn a_search_finds_a_file_once() {
    let source = library();
    let query = Query::words("mkv").unwrap();
    let search = |vfs: &Vfs<FakeSource>| {
        let hits = vfs.search(&query, 10).into_iter().map(|hit| hit.path);
        hits.collect::<Vec<_>>()
    };
    let both = vfs_with_views(&source, &[FLAT, NAMED], Both);
    assert_eq!(search(&both), ["show/s/b.mkv", "film.mkv"]);
    let views = vfs_with_views(&source, &[FLAT, NAMED], Views);
    assert_eq!(search(&views), ["Flat/b.mkv", "Flat/film.mkv"]);
    let nfo = vfs_with_views(&source, &[Rule { ending: ".nfo", ..ALL }, NAMED], Views);
    assert_eq!(search(&nfo), ["Named/N/s/b.mkv", "Named/N [02020202]/film.mkv"]);
    let hidden = vfs_with_views(&source, &[Rule { ending: ".nfo", ..ALL }], Views);
    assert_eq!(search(&hidden), [""; 0]);
    let links = |vfs: &Vfs<FakeSource>| {
        let control = child(vfs, Ino::ROOT, ".tfs").unwrap().ino;
        let search = child(vfs, control, "search").unwrap().ino;
        let words = vfs.lookup(search, b"mkv").unwrap().attr.ino;
        let mut targets = Vec::new();
        let mut numbers = Vec::new();
        vfs.read_dir(words, 2, |entry| {
            numbers.push(entry.attr.ino);
            true
        })
        .unwrap();
        targets.extend(numbers.into_iter().map(|ino| vfs.read_link(ino).unwrap()));
        targets
    };
    assert_eq!(links(&views), ["../../../Flat/b.mkv", "../../../Flat/film.mkv"]);
    assert_eq!(links(&both), ["../../../show/s/b.mkv", "../../../film.mkv"]);
}

#[test]
fn a_hash_leads_to_the_first_view_if_there_are_only_views() {
    let source = library();
    let links = |rules: &[Rule], contents| {
        let vfs = vfs_with_views(&source, rules, contents);
        let control = child(&vfs, Ino::ROOT, ".tfs").unwrap().ino;
        let hashes = child(&vfs, control, "by-hash").unwrap().ino;
        let mut numbers = Vec::new();
        vfs.read_dir(hashes, 2, |entry| {
            numbers.push(entry.attr.ino);
            true
        })
        .unwrap();
        let targets = numbers.into_iter().map(|ino| vfs.read_link(ino).unwrap());
        targets.collect::<Vec<_>>()
    };
    assert_eq!(links(&[NAMED], Both), ["../../show", "../../film.mkv"]);
    assert_eq!(links(&[NAMED], Views), ["../../Named/N", "../../Named/N [02020202]"]);
    let show = Rule { word: "show", ..NAMED };
    assert_eq!(links(&[show, FLAT], Views), ["../../Named/N", "../../Flat/film.mkv"]);
    assert_eq!(links(&[show], Views), ["../../Named/N"]);
}

#[test]
fn paths_of_views_lead_to_files() {
    let source = library();
    let below = |vfs: &Vfs<FakeSource>, path: &str| {
        let files = vfs.files_below(path).unwrap().into_iter().map(|file| file.path);
        files.collect::<Vec<_>>()
    };
    let both = vfs_with_views(&source, &[FLAT, NAMED], Both);
    assert_eq!(below(&both, ""), ["show/s/a.nfo", "show/s/b.mkv", "film.mkv"]);
    assert_eq!(below(&both, "Flat"), ["Flat/b.mkv", "Flat/film.mkv"]);
    assert_eq!(below(&both, "Flat/b.mkv"), ["Flat/b.mkv"]);
    assert_eq!(below(&both, "Named/N/s"), ["Named/N/s/a.nfo", "Named/N/s/b.mkv"]);
    let views = vfs_with_views(&source, &[FLAT, NAMED], Views);
    assert_eq!(below(&views, ""), ["Flat/b.mkv", "Flat/film.mkv", "Named/N/s/a.nfo"]);
    assert!(matches!(views.files_below("show"), Err(VfsError::NotFound)));
}

#[test]
fn a_file_handle_is_found_by_its_number() {
    let source = library();
    let vfs = vfs_with_views(&source, &[FLAT, NAMED], Views);
    let (file, view) = (node(&vfs, "Flat/b.mkv"), node(&vfs, "Flat"));
    assert_eq!(vfs.lookup(file.ino, b".").unwrap().attr, file);
    assert_eq!(vfs.lookup(file.ino, b"..").unwrap().attr, view);
    vfs.forget(file.ino, 1);
    let inner = node(&vfs, "Named/N/s");
    assert_eq!(vfs.lookup(inner.ino, b"..").unwrap().attr, node(&vfs, "Named/N"));
    // Before the views are known, the handle may be one of them.
    let vfs = Vfs::new(Arc::new(source.clone()), VfsConfig::default());
    let vfs = vfs.with_views(Rules::new(&[FLAT]), Views);
    assert!(matches!(vfs.lookup(file.ino, b"."), Err(VfsError::NoTree)));
    update(&vfs, &source, SEEN_AT);
    assert_eq!(vfs.lookup(file.ino, b".").unwrap().attr, file);
    assert!(matches!(vfs.lookup(inner.ino, b"."), Err(VfsError::NotFound)));
}
