//! `.tfs/`: control files, torrents by their info hashes, and searches, without a kernel.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use expect_test::expect;
use tfs_testkit::fake::{FakeSource, directory, file_id, single_file};
use vfs_core::{
    Attr, ControlFile, Ino, NodeKind, Query, SearchHit, ServerId, Vfs, VfsConfig, VfsError,
};

use crate::support::{SEEN_AT, child};

/// Returns a filesystem with one control file that counts how often it was generated.
fn vfs_of(source: &FakeSource, show_control: bool) -> Vfs<FakeSource> {
    let made = AtomicU64::new(0);
    let render = move || format!("made {}\n", made.fetch_add(1, Ordering::Relaxed)).into();
    let files = vec![
        ControlFile { name: "status", render: Arc::new(render) },
        ControlFile { name: "search", render: Arc::new(|| "its name is taken".into()) },
    ];
    let config = VfsConfig { show_control, ..VfsConfig::default() };
    Vfs::new(Arc::new(source.clone()), config).with_control_files(files)
}

fn apply(vfs: &Vfs<FakeSource>) {
    vfs.apply(
        ServerId::FIRST,
        vfs.source(ServerId::FIRST).unwrap().listing(),
        vfs.source(ServerId::FIRST).unwrap().all_details(),
        SEEN_AT,
    );
}

fn sample() -> (FakeSource, Vfs<FakeSource>) {
    let source = FakeSource::new(4);
    source.add(directory(1, "Film", &[("film.mkv", 10), ("subs/en.srt", 2), ("subs/de.srt", 3)]));
    source.add(single_file(2, "film.mkv", 20));
    source.add(directory(3, "Other", &[("Film.MKV", 30), ("film.mkv", 40), ("d/film.mkv", 50)]));
    let vfs = vfs_of(&source, false);
    apply(&vfs);
    (source, vfs)
}

#[track_caller]
fn root_mtime(vfs: &Vfs<FakeSource>) -> i64 {
    vfs.attr(Ino::ROOT).unwrap().mtime
}

fn walk(vfs: &Vfs<FakeSource>, path: &str) -> Result<Attr, VfsError> {
    let names = path.split('/').filter(|name| !name.is_empty());
    let root = vfs.attr(Ino::ROOT)?;
    names.into_iter().try_fold(root, |dir, name| Ok(vfs.lookup(dir.ino, name.as_bytes())?.attr))
}

/// Lists a directory below `.tfs` page by page, and checks that lookups and attributes agree.
#[track_caller]
fn list(vfs: &Vfs<FakeSource>, path: &str) -> String {
    let dir = walk(vfs, path).unwrap().ino;
    let (mut cookie, mut lines) = (0, Vec::new());
    loop {
        let mut page = Vec::new();
        let after = cookie;
        vfs.read_dir(dir, after, |entry| {
            let is_taken = page.len() < 2;
            if is_taken {
                cookie = entry.cookie;
                page.push((entry.name.to_owned(), entry.attr));
            }
            is_taken
        })
        .unwrap();
        if page.is_empty() {
            return lines.join("\n");
        }
        for (name, attr) in page.iter().filter(|(name, _)| name != "." && name != "..") {
            assert_eq!(child(vfs, dir, name).unwrap(), *attr, "{name}");
            lines.push(match attr.kind {
                NodeKind::Directory => format!("{name}/"),
                NodeKind::File => name.clone(),
                NodeKind::Symlink => {
                    let target = vfs.read_link(attr.ino).unwrap();
                    assert_eq!(attr.size, target.len() as u64);
                    assert_leads_somewhere(vfs, path, &target);
                    format!("{name} -> {target}")
                }
            });
        }
    }
}

#[track_caller]
fn assert_leads_somewhere(vfs: &Vfs<FakeSource>, dir: &str, target: &str) {
    let mut names: Vec<_> = dir.split('/').collect();
    for name in target.split('/') {
        if name == ".." { _ = names.pop() } else { names.push(name) }
    }
    assert!(walk(vfs, &names.join("/")).is_ok(), "{dir} {target}");
}

#[test]
fn the_control_directory_is_there_but_not_listed() {
    let (_, vfs) = sample();
    assert_eq!(list(&vfs, ""), "Film/\nfilm.mkv\nOther/");
    expect![[r"
        by-hash/
        search/
        status"]]
    .assert_eq(&list(&vfs, ".tfs"));
    let control = walk(&vfs, ".tfs").unwrap();
    assert_eq!(
        (control.kind, control.nlink, control.mtime),
        (NodeKind::Directory, 4, root_mtime(&vfs))
    );
    assert_eq!(vfs.attr(control.ino).unwrap(), control);
    assert!(matches!(walk(&vfs, ".tfs/nothing"), Err(VfsError::NotFound)));
    assert!(matches!(walk(&vfs, ".tfs/status/x"), Err(VfsError::NotDirectory)));
    assert!(matches!(vfs.open(control.ino), Err(VfsError::IsDirectory)));
}

#[test]
fn the_control_directory_is_listed_where_it_is_asked_for() {
    let source = FakeSource::new(4);
    let vfs = vfs_of(&source, true);
    apply(&vfs);
    assert_eq!(list(&vfs, ""), ".tfs/");
    source.add(single_file(1, "a", 1));
    source.add(single_file(2, ".tfs", 1));
    apply(&vfs);
    assert_eq!(list(&vfs, ""), ".tfs/\na\n.tfs [02020202]");
    let last = walk(&vfs, "a").unwrap();
    assert_eq!((last.kind, last.size), (NodeKind::File, 1));
}

#[tokio::test]
async fn a_control_file_is_made_when_it_is_opened_and_stays_for_its_reader() {
    let (_, vfs) = sample();
    let status = walk(&vfs, ".tfs/status").unwrap();
    assert_eq!((status.kind, status.size, status.mtime), (NodeKind::File, 0, root_mtime(&vfs)));
    let (first, second) = (vfs.open(status.ino).unwrap(), vfs.open(status.ino).unwrap());
    for (handle, want) in [(first, "made 0\n"), (second, "made 1\n")] {
        let head = vfs.read(handle, 0, 3).await.unwrap();
        let tail = vfs.try_read(handle, 3, 1 << 20).unwrap().unwrap();
        assert_eq!([head, tail].concat(), want.as_bytes());
        assert_eq!(vfs.read(handle, 7, 10).await.unwrap(), "");
        assert_eq!(vfs.read(handle, u64::MAX, 10).await.unwrap(), "");
    }
    assert_eq!(vfs.open_count(), 0);
    vfs.release(first);
    assert!(matches!(vfs.read(first, 0, 1).await, Err(VfsError::BadHandle)));
}

#[test]
fn torrents_are_found_by_their_info_hashes() {
    let (source, vfs) = sample();
    expect![[r"
        0101010101010101010101010101010101010101 -> ../../Film
        0202020202020202020202020202020202020202 -> ../../film.mkv
        0303030303030303030303030303030303030303 -> ../../Other"]]
    .assert_eq(&list(&vfs, ".tfs/by-hash"));
    let hash = source.add(single_file(0xab, "x", 1));
    apply(&vfs);
    let path = |name: &str| format!(".tfs/by-hash/{name}");
    let link = walk(&vfs, &path(&hash.to_string())).unwrap();
    assert_eq!(walk(&vfs, &path(&hash.to_string().to_uppercase())).unwrap(), link);
    assert_eq!((link.mtime, link.nlink), (1_000_000_000 + 0xab, 1));
    for none in ["abab", &"cd".repeat(20), "search"] {
        assert!(matches!(walk(&vfs, &path(none)), Err(VfsError::NotFound)), "{none}");
    }
    source.remove(hash);
    apply(&vfs);
    assert!(matches!(walk(&vfs, &path(&hash.to_string())), Err(VfsError::NotFound)));
    assert!(vfs.attr(link.ino).is_err() && vfs.read_link(link.ino).is_err());
}

#[test]
fn a_search_is_a_directory_of_links_with_names_of_their_own() {
    let (_, vfs) = sample();
    assert_eq!(list(&vfs, ".tfs/search"), "");
    expect![[r"
        film.mkv -> ../../../Film/film.mkv
        film [02020202].mkv -> ../../../film.mkv
        Film.MKV -> ../../../Other/Film.MKV
        film [03030303].mkv -> ../../../Other/film.mkv
        film [03030303 #2].mkv -> ../../../Other/d/film.mkv"]]
    .assert_eq(&list(&vfs, ".tfs/search/MKV film"));
    expect![[r"
        en.srt -> ../../../Film/subs/en.srt"]]
    .assert_eq(&list(&vfs, ".tfs/search/subs en"));
    assert_eq!(list(&vfs, ".tfs/search/nowhere"), "");
    // These are not names of searches; the second has a control character.
    for none in ["   ", "a\u{7}"] {
        let found = walk(&vfs, &format!(".tfs/search/{none}"));
        assert!(matches!(found, Err(VfsError::NotFound)), "{none:?}");
    }
    let none = vfs.lookup(walk(&vfs, ".tfs/search").unwrap().ino, b"\xff");
    assert!(matches!(none, Err(VfsError::NotFound)));
}

#[test]
fn a_search_follows_the_torrents_and_keeps_the_names_it_has() {
    let (source, vfs) = sample();
    // A listing keeps the search alive; it would be forgotten otherwise.
    let dir = walk(&vfs, ".tfs/search/mkv").unwrap().ino;
    let mut cookie = 0;
    vfs.read_dir(dir, 0, |entry| {
        cookie = entry.cookie;
        entry.name != "film [02020202].mkv"
    })
    .unwrap();

    source.remove(file_id(1, 0).torrent);
    source.add(directory(4, "New", &[("film.mkv", 1)]));
    apply(&vfs);
    expect![[r"
        film [02020202].mkv -> ../../../film.mkv
        Film.MKV -> ../../../Other/Film.MKV
        film [03030303].mkv -> ../../../Other/film.mkv
        film [03030303 #2].mkv -> ../../../Other/d/film.mkv
        film.mkv -> ../../../New/film.mkv"]]
    .assert_eq(&list(&vfs, ".tfs/search/mkv"));
    // The listing continues at its position.
    let mut rest = Vec::new();
    vfs.read_dir(dir, cookie, |entry| {
        rest.push(entry.name.to_owned());
        true
    })
    .unwrap();
    assert_eq!(rest, ["Film.MKV", "film [03030303].mkv", "film [03030303 #2].mkv", "film.mkv"]);
}

#[test]
fn a_forgotten_search_is_gone_and_its_number_never_comes_back() {
    let (_, vfs) = sample();
    let dir = walk(&vfs, ".tfs/search/film").unwrap().ino;
    vfs.forget(dir, 1);
    assert!(matches!(vfs.attr(dir), Err(VfsError::Stale)));
    assert!(matches!(vfs.open_dir(dir), Err(VfsError::Stale)));
    assert!(matches!(vfs.lookup(dir, b"film.mkv"), Err(VfsError::Stale)));
    assert_ne!(walk(&vfs, ".tfs/search/film").unwrap().ino, dir);
}

#[test]
fn without_a_tree_there_is_control_but_nothing_else() {
    let vfs = vfs_of(&FakeSource::new(4), true);
    assert!(vfs.open(walk(&vfs, ".tfs/status").unwrap().ino).is_ok());
    assert_eq!(list(&vfs, ".tfs").lines().count(), 3);
    for dir in [".tfs/by-hash", ".tfs/search/film"] {
        let dir = walk(&vfs, dir).unwrap().ino;
        assert!(matches!(vfs.read_dir(dir, 0, |_| true), Err(VfsError::NoTree)));
        assert!(matches!(vfs.open_dir(dir), Err(VfsError::NoTree)));
        assert!(matches!(vfs.lookup(dir, b"x"), Err(VfsError::NoTree)));
    }
    assert!(matches!(vfs.read_dir(Ino::ROOT, 0, |_| true), Err(VfsError::NoTree)));
}

#[test]
fn a_search_tells_where_a_file_is_and_how_much_of_it() {
    let (source, vfs) = sample();
    source.update(file_id(1, 0).torrent, |summary| {
        summary.file_progress = Some(vec![10, 1, 0].into());
    });
    apply(&vfs);
    let hits = vfs.search(&Query::words("EN.srt").unwrap(), 9);
    let hit = SearchHit {
        path: "Film/subs/en.srt".to_owned(),
        file: file_id(1, 1),
        size: 2,
        have_bytes: 1,
    };
    assert_eq!(hits, [hit]);
    assert_eq!(vfs.search(&Query::glob("*.mkv").unwrap(), 2).len(), 2);
    let counts = vfs.counts();
    assert_eq!((counts.is_known, counts.torrents, counts.files), (true, 3, 7));
}

#[test]
fn nodes_are_found_by_number_and_searches_only_in_their_run() {
    let source = FakeSource::new(4);
    source.add(single_file(1, "film.mkv", 5));
    let vfs = vfs_of(&source, false);
    vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), SEEN_AT);
    let by_number = |ino, name: &[u8]| vfs.lookup(ino, name).map(|entry| entry.attr);
    let control = by_number(Ino::ROOT, b".tfs").unwrap();
    let search = by_number(control.ino, b"search").unwrap();
    let words = by_number(search.ino, b"film").unwrap();
    let link = by_number(words.ino, b"film.mkv").unwrap();
    for (attr, parent) in [(control, Ino::ROOT), (search, control.ino), (words, search.ino)] {
        assert_eq!(by_number(attr.ino, b".").unwrap(), attr);
        assert_eq!(by_number(attr.ino, b"..").unwrap().ino, parent);
    }
    assert_eq!(by_number(link.ino, b".").unwrap(), link);
    assert!(matches!(by_number(link.ino, b".."), Err(VfsError::NotFound)));
    // The lookup of the name and the one by number.
    vfs.forget(words.ino, 1);
    assert!(vfs.attr(words.ino).is_ok());
    vfs.forget(words.ino, 1);
    assert!(matches!(by_number(words.ino, b"."), Err(VfsError::Stale)));

    // Another run has other searches under the same numbers.
    let other = vfs_of(&source, false);
    other.apply(ServerId::FIRST, source.listing(), source.all_details(), SEEN_AT);
    let search = other.lookup(search.ino, b"mkv").unwrap().attr;
    assert_eq!(search.ino, words.ino);
    assert_ne!(search.generation, words.generation);
}

/// A search typed on Linux finds names from a Mac, and the reverse.
#[test]
fn searches_find_accents_however_they_are_encoded() {
    let source = FakeSource::new(4);
    source.add(single_file(1, "Cafe\u{301} Mu\u{308}ller.mkv", 5));
    source.add(single_file(2, "caf\u{e9} m\u{fc}ller.mkv", 6));
    source.add(single_file(3, "\u{39f}\u{394}\u{39f}\u{3a3}.mkv", 7));
    let vfs = vfs_of(&source, false);
    vfs.apply(ServerId::FIRST, source.listing(), source.all_details(), SEEN_AT);
    let search = |words: &str| {
        let control = vfs.lookup(Ino::ROOT, b".tfs").unwrap().attr.ino;
        let search = vfs.lookup(control, b"search").unwrap().attr.ino;
        let words = vfs.lookup(search, words.as_bytes()).unwrap().attr.ino;
        let mut count = 0;
        vfs.read_dir(words, 2, |_| {
            count += 1;
            true
        })
        .unwrap();
        count
    };
    assert_eq!(search("CAF\u{c9} m\u{fc}"), 2);
    assert_eq!(search("cafe\u{301} MU\u{308}LLER"), 2);
    assert_eq!(search("\u{3bf}\u{3b4}\u{3bf}\u{3c2}"), 1);
}
