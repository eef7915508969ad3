//! Links of exports: they are followed inside the tree only.

use tfs_testkit::fake::FakeSource;
use vfs_core::{Export, NodeKind, VfsError};

use super::{export_of, path};
use crate::links::torrent;

/// Returns an export of one torrent with files, and links as in `name -> target`.
fn export_with(entries: &[&str]) -> Export<FakeSource> {
    let source = FakeSource::new(4);
    source.add(torrent(entries));
    export_of(&source)
}

#[test]
fn links_lead_to_files_and_directories() {
    let export = export_with(&[
        "film.mkv",
        "deep/er/a -> film.mkv",
        "up -> deep/er/a",
        "X/Current -> A",
        "X/A/Headers/x.h",
        "X/Headers -> X/Current/Headers",
    ]);
    let film = export.find(path("t/film.mkv")).unwrap();
    for way in ["t/up", "t/deep/er/a", "t/film.mkv"] {
        assert_eq!(export.resolve(path(way)).unwrap(), film, "{way}");
        let found = export.find(path(way)).unwrap();
        assert_eq!(export.follow(found.ino).unwrap(), film, "{way}");
    }
    let header = export.find(path("t/X/A/Headers/x.h")).unwrap();
    assert_eq!(export.resolve(path("t/X/Headers/x.h")).unwrap(), header);
    assert_eq!(export.resolve(path("t/X/Current/Headers/x.h")).unwrap(), header);
    assert_eq!(export.resolve(path("t/X/Headers")).unwrap().kind, NodeKind::Directory);

    let link = export.find(path("t/up")).unwrap();
    assert_eq!(link.kind, NodeKind::Symlink);
    assert_eq!(export.read_link(link.ino).unwrap(), "deep/er/a");
    assert!(matches!(export.file_id(link.ino), Err(VfsError::NotFound)));
    assert!(matches!(export.read_link(film.ino), Err(VfsError::NotSymlink)));
    assert!(matches!(export.find(path("t/X/Headers/x.h")), Err(VfsError::NotDirectory)));
    for outside in ["t/..", "..", "t/up/..", "t/X/Headers/../../film.mkv", "t/gone"] {
        assert!(export.resolve(path(outside)).is_err(), "{outside}");
    }
    assert_eq!(export.vfs().known_count(), 0);
}

/// One link of the tree leads through at most 16 others, so a path can exceed the limit only with
/// several of them.
#[test]
fn paths_through_too_many_links_are_not_found() {
    let entries = (0..50).map(|n| format!("{}l -> {}d", "d/".repeat(n), "d/".repeat(n)));
    let mut entries: Vec<_> = entries.collect();
    entries.push(format!("{}film.mkv", "d/".repeat(50)));
    let entries: Vec<_> = entries.iter().map(String::as_str).collect();
    let export = export_with(&entries);
    let way = |links: usize| format!("t/{}{}film.mkv", "l/".repeat(links), "d/".repeat(50 - links));
    assert!(export.resolve(path(&way(40))).is_ok());
    assert!(matches!(export.resolve(path(&way(41))), Err(VfsError::NotFound)));
}
