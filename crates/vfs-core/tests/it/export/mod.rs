//! Exports: the tree for front ends without lookup counts.

mod links;
mod pool;

use std::sync::Arc;

use tfs_testkit::fake::{FakeSource, directory, file_id, single_file};
use vfs_core::{
    Attr, ControlFile, Export, ExportFile, Ino, ReaderOrigin, RootContents, RootLayout, ServerId,
    Vfs, VfsConfig, VfsError,
};

use crate::support::{SEEN_AT, vfs_of};
use crate::views::rules::{ALL, Rule, vfs_with_views};

/// Returns an export of all torrents of the source.
fn export_of(source: &FakeSource) -> Export<FakeSource> {
    Export::new(Arc::new(vfs_of(source)))
}

fn apply(export: &Export<FakeSource>, source: &FakeSource) {
    export.vfs().apply(ServerId::FIRST, source.listing(), source.all_details(), SEEN_AT);
}

/// Returns the names of a path.
fn path(text: &str) -> impl Iterator<Item = &[u8]> {
    text.split('/').filter(|name| !name.is_empty()).map(str::as_bytes)
}

fn origin(peer: &str) -> Arc<ReaderOrigin> {
    let agent = Some("VLC/3.0".to_owned());
    Arc::new(ReaderOrigin { front: "webdav", peer: peer.to_owned(), agent })
}

/// Lists a directory in pages.
fn list(export: &Export<FakeSource>, dir: Ino, page_len: usize) -> Vec<(String, Attr)> {
    let (mut entries, mut cookie) = (Vec::new(), 0);
    loop {
        let page = export.list(dir, cookie, page_len).unwrap();
        assert!(page.entries.len() <= page_len.max(1));
        assert!(!page.entries.is_empty() || page.is_end, "a page without entries is the last");
        cookie = page.entries.last().map_or(cookie, |entry| entry.cookie);
        entries.extend(page.entries.into_iter().map(|entry| (entry.name, entry.attr)));
        if page.is_end {
            return entries;
        }
    }
}

fn names(export: &Export<FakeSource>, dir: Ino) -> Vec<String> {
    list(export, dir, 500).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn nodes_are_found_by_path_and_name_without_counts() {
    let source = FakeSource::new(4);
    source.add(directory(1, "t", &[("d/e/film.mkv", 7), ("d/ü", 1)]));
    let export = export_of(&source);
    let film = export.find(path("t/d/e/film.mkv")).unwrap();
    assert_eq!((film.size, export.attr(film.ino).unwrap()), (7, film));
    assert_eq!(export.find(path("")).unwrap().ino, Ino::ROOT);
    assert!(export.find(path("t/d/ü")).is_ok());
    let [top, d, e] = ["t", "t/d", "t/d/e"].map(|dir| export.find(path(dir)).unwrap());
    assert_eq!(export.child(e.ino, b".").unwrap(), e);
    assert_eq!(export.child(e.ino, b"..").unwrap(), d);
    assert_eq!(export.child(top.ino, b"..").unwrap().ino, Ino::ROOT);
    assert_eq!(export.child(Ino::ROOT, b"..").unwrap().ino, Ino::ROOT);
    assert_eq!(export.parent(film.ino).unwrap(), e);
    assert_eq!(export.file_id(film.ino).unwrap(), file_id(1, 0));
    for missing in ["t/d/.", "t/..", ".", "t/D", "x"] {
        assert!(matches!(export.find(path(missing)), Err(VfsError::NotFound)), "{missing}");
    }
    for name in [&b"."[..], b"..", b"x"] {
        assert!(matches!(export.child(film.ino, name), Err(VfsError::NotDirectory)));
    }
    assert!(matches!(export.find(path("t/d/e/film.mkv/x")), Err(VfsError::NotDirectory)));
    assert!(matches!(export.list(film.ino, 0, 1), Err(VfsError::NotDirectory)));
    assert!(matches!(export.child(d.ino, b"\xff\xfc"), Err(VfsError::NotFound)));
    assert!(matches!(export.child(d.ino, b""), Err(VfsError::NotFound)));
    assert!(matches!(export.file_id(d.ino), Err(VfsError::IsDirectory)));
    assert!(matches!(export.open(d.ino, &origin("a")), Err(VfsError::IsDirectory)));
    assert!(matches!(export.attr(Ino(0)), Err(VfsError::NotFound)));
    assert!(matches!(export.attr(Ino(u64::MAX)), Err(VfsError::NotFound)));
    assert_eq!(export.vfs().known_count(), 0);
}

#[test]
fn pages_of_any_length_are_the_listing() {
    let source = FakeSource::new(4);
    let files: Vec<_> = (0..1201).map(|n| format!("f{n:04}")).collect();
    let files: Vec<_> = files.iter().map(|name| (name.as_str(), 1)).collect();
    source.add(directory(1, "t", &files));
    source.add(single_file(2, "film.mkv", 3));
    let export = export_of(&source);
    let top = export.find(path("t")).unwrap().ino;
    let whole = list(&export, top, usize::MAX);
    assert_eq!(whole.len(), 1201);
    for page_len in [0, 1, 500, 1201] {
        assert_eq!(list(&export, top, page_len), whole, "{page_len}");
    }
    assert_eq!(list(&export, Ino::ROOT, 1), list(&export, Ino::ROOT, 500));
    assert_eq!(names(&export, Ino::ROOT), ["t", "film.mkv"]);
    for cookie in [u64::MAX, 1 << 40] {
        let past = export.list(top, cookie, 500).unwrap();
        assert!(past.is_end && past.entries.is_empty());
    }
    for (name, attr) in whole {
        assert_eq!(export.child(top, name.as_bytes()).unwrap(), attr);
    }
}

#[test]
fn pages_continue_after_changes() {
    let source = FakeSource::new(4);
    let hashes = (1..=6).map(|id| source.add(single_file(id, &format!("t{id}"), 1)));
    let hashes: Vec<_> = hashes.collect();
    let export = export_of(&source);
    for page_len in [1, 3] {
        let begun = export.list(Ino::ROOT, 0, page_len).unwrap();
        assert_eq!((begun.entries.len(), begun.is_end), (page_len, false));
    }
    let begun = export.list(Ino::ROOT, 0, 3).unwrap();
    for gone in [hashes[0], hashes[2], hashes[4]] {
        source.remove(gone);
    }
    source.add(single_file(7, "t7", 1));
    apply(&export, &source);
    let rest = export.list(Ino::ROOT, begun.entries[2].cookie, 500).unwrap();
    let rest: Vec<_> = rest.entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(rest, ["t4", "t6", "t7"]);
    assert_eq!(names(&export, Ino::ROOT), ["t2", "t4", "t6", "t7"]);
}

#[test]
fn the_control_directory_is_not_exported() {
    let source = FakeSource::new(4);
    let hash = source.add(directory(1, "t", &[("film.mkv", 7)]));
    let config = VfsConfig { show_control: true, ..VfsConfig::default() };
    let vfs = Vfs::new(Arc::new(source.clone()), config);
    let render = Arc::new(|| "http://user@server/".into());
    let text = ControlFile { name: "servers", render };
    let export = Export::new(Arc::new(vfs.with_control_files(vec![text])));
    apply(&export, &source);

    let control = export.vfs().lookup(Ino::ROOT, b".tfs").unwrap().attr.ino;
    let [file, by_hash] = [&b"servers"[..], b"by-hash"]
        .map(|name| export.vfs().lookup(control, name).unwrap().attr.ino);
    let hash = hash.to_string();
    let link = export.vfs().lookup(by_hash, hash.as_bytes()).unwrap().attr.ino;
    let film = export.find(path("t/film.mkv")).unwrap();
    assert_eq!(names(&export, Ino::ROOT), ["t"]);
    for hidden in [".tfs", ".tfs/servers", ".tfs/by-hash"] {
        assert!(matches!(export.find(path(hidden)), Err(VfsError::NotFound)), "{hidden}");
        assert!(matches!(export.resolve(path(hidden)), Err(VfsError::NotFound)), "{hidden}");
    }
    for ino in [control, file, by_hash, link] {
        assert!(matches!(export.attr(ino), Err(VfsError::NotFound)));
        assert!(matches!(export.parent(ino), Err(VfsError::NotFound)));
        assert!(matches!(export.child(ino, b"."), Err(VfsError::NotFound)));
        assert!(matches!(export.child(ino, b".."), Err(VfsError::NotFound)));
        assert!(matches!(export.list(ino, 0, 9), Err(VfsError::NotFound)));
        assert!(matches!(export.open(ino, &origin("a")), Err(VfsError::NotFound)));
        assert!(matches!(export.file_id(ino), Err(VfsError::NotFound)));
        assert!(matches!(export.read_link(ino), Err(VfsError::NotFound)));
        assert!(matches!(export.follow(ino), Err(VfsError::NotFound)));
    }
    assert_eq!(export.follow(film.ino).unwrap(), film);
}

#[tokio::test]
async fn numbers_of_removed_torrents_are_stale_and_open_files_stay() {
    let source = FakeSource::new(4);
    let hash = source.add(directory(1, "t", &[("film.mkv", 7)]));
    source.add(single_file(2, "other", 1));
    let export = export_of(&source);
    let [top, film] = ["t", "t/film.mkv"].map(|it| export.find(path(it)).unwrap());
    let open = export.open(film.ino, &origin("a")).unwrap();
    assert_eq!((open.id(), open.len(), open.is_empty()), (file_id(1, 0), 7, false));
    let want = FakeSource::content(open.id(), 7).bytes(0, 7);
    assert_eq!(open.read(0, 100).await.unwrap(), want);

    source.remove(hash);
    apply(&export, &source);
    for ino in [top.ino, film.ino] {
        assert!(matches!(export.attr(ino), Err(VfsError::Stale)));
        assert!(matches!(export.parent(ino), Err(VfsError::Stale)));
        assert!(matches!(export.child(ino, b"film.mkv"), Err(VfsError::Stale)));
        assert!(matches!(export.list(ino, 0, 9), Err(VfsError::Stale)));
        assert!(matches!(export.open(ino, &origin("a")), Err(VfsError::Stale)));
        assert!(matches!(export.file_id(ino), Err(VfsError::Stale)));
        assert!(matches!(export.read_link(ino), Err(VfsError::Stale)));
    }
    assert!(matches!(export.find(path("t/film.mkv")), Err(VfsError::NotFound)));
    assert_eq!(open.len(), 7);
    let [reader] = &export.vfs().readers()[..] else { panic!("one reader") };
    assert_eq!((reader.handle, reader.path.as_deref()), (open.handle(), None));

    // The torrent is back, with its numbers.
    source.add(directory(1, "t", &[("film.mkv", 7)]));
    apply(&export, &source);
    assert_eq!(export.attr(film.ino).unwrap().ino, film.ino);
    drop(open);
    assert_eq!(export.vfs().open_count(), 0);
}

#[test]
fn nothing_is_missing_before_the_torrents_are_known() {
    let source = FakeSource::new(4);
    source.add(directory(1, "t", &[("film.mkv", 7)]));
    let known = export_of(&source).find(path("t/film.mkv")).unwrap().ino;
    let export = Export::new(Arc::new(Vfs::new(Arc::new(source), VfsConfig::default())));
    assert!(export.attr(Ino::ROOT).is_ok());
    for error in [
        export.attr(known).err(),
        export.find(path("t")).err(),
        export.child(known, b"x").err(),
        export.list(Ino::ROOT, 0, 9).err(),
        export.list(known, 0, 9).err(),
        export.file_id(known).err(),
        export.open(known, &origin("a")).err(),
        export.read_link(known).err(),
    ] {
        assert!(matches!(error, Some(VfsError::NoTree)), "{error:?}");
    }
}

#[test]
fn directories_of_servers_are_exported() {
    let (home, away) = (FakeSource::new(4).named("home"), FakeSource::new(2).named("away"));
    home.add(single_file(1, "film.mkv", 5));
    away.add(single_file(2, "other.mkv", 6));
    let sources = [&home, &away].map(|source| Arc::new(source.clone()));
    let config = VfsConfig { layout: RootLayout::ByServer, ..VfsConfig::default() };
    let export = Export::new(Arc::new(Vfs::of_servers(&sources, config)));
    let hear = |server, source: &FakeSource| {
        export.vfs().apply(server, source.listing(), source.all_details(), SEEN_AT);
    };
    hear(ServerId(0), &home);
    let film = export.find(path("home/film.mkv")).unwrap();
    assert_eq!(film.size, 5);
    assert!(matches!(export.find(path("away/other.mkv")), Err(VfsError::NoTree)));
    hear(ServerId(1), &away);
    assert_eq!(names(&export, Ino::ROOT), ["home", "away"]);
    assert_eq!(export.find(path("away/other.mkv")).unwrap().size, 6);
    let dir = export.parent(film.ino).unwrap();
    assert_eq!(dir, export.find(path("home")).unwrap());
    assert_eq!(export.child(dir.ino, b"..").unwrap().ino, Ino::ROOT);
    assert_eq!(export.open(film.ino, &origin("a")).map(|file| file.len()).ok(), Some(5));
}

#[test]
fn views_are_exported() {
    let source = FakeSource::new(4);
    source.add(directory(1, "Show.S01", &[("S01/E1.mkv", 3), ("a.nfo", 1)]));
    source.add(single_file(2, "Film.2020.mkv", 7));
    let films = Rule { view: "Films", word: "Film", ..ALL };
    let shows = Rule { view: "Shows", word: "Show", ending: ".mkv", ..ALL };
    let vfs = vfs_with_views(&source, &[films, shows], RootContents::Both);
    let export = Export::new(Arc::new(vfs));
    assert_eq!(names(&export, Ino::ROOT), ["Films", "Shows", "Show.S01", "Film.2020.mkv"]);
    let [in_view, in_root] = ["Shows/Show.S01/S01/E1.mkv", "Show.S01/S01/E1.mkv"]
        .map(|it| export.find(path(it)).unwrap().ino);
    assert_eq!(export.file_id(in_view).unwrap(), export.file_id(in_root).unwrap());
    assert!(matches!(export.find(path("Shows/Show.S01/a.nfo")), Err(VfsError::NotFound)));
    let show = export.find(path("Shows/Show.S01")).unwrap();
    assert_eq!(names(&export, show.ino), ["S01"]);
    assert_eq!(export.parent(show.ino).unwrap(), export.find(path("Shows")).unwrap());
}

/// A reader of an NFS client must not stop while a listing is read.
#[test]
fn no_call_waits_for_the_write_lock_of_the_tree() {
    let source = FakeSource::new(4);
    source.add(directory(1, "t", &[("film.mkv", 7)]));
    let export = export_of(&source);
    let film = export.find(path("t/film.mkv")).unwrap();
    // The callback runs under the read lock: a call that wanted the write lock would never return.
    let mut seen = None;
    export
        .vfs()
        .read_dir(Ino::ROOT, 2, |_| {
            std::thread::scope(|scope| {
                let calls = scope.spawn(|| {
                    let open = export.open(film.ino, &origin("a")).map(|file| file.len());
                    let listed = export.list(Ino::ROOT, 0, 9).map(|page| page.entries.len());
                    let found = export.resolve(path("t/film.mkv")).map(|attr| attr.ino);
                    (open.unwrap(), listed.unwrap(), found.unwrap())
                });
                seen = calls.join().ok();
            });
            true
        })
        .unwrap();
    assert_eq!(seen, Some((7, 1, film.ino)));
}
