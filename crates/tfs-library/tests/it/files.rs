//! The tree: entries, metadata, searches.

use tfs_library::{Library, LibraryErrorKind, LibraryKind};
use tfs_testkit::rqbit::LargeLibrary;

use crate::support::{complete, connect, missing, names, server};

#[track_caller]
fn kind<T: std::fmt::Debug>(
    result: Result<T, tfs_library::LibraryError>,
) -> (LibraryErrorKind, String) {
    let error = result.unwrap_err();
    (error.kind(), error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_and_metadata_are_those_of_the_tree() {
    let server = server(vec![complete(1, "A film"), missing(2, "Other")]);
    let library = connect(&server).await;
    assert_eq!(names(&library, ""), ["A film", "Other"]);
    for same in ["A film", "/A film/", "./A film", "A film//."] {
        assert_eq!(names(&library, same), ["empty.txt", "film.mkv"], "{same}");
    }
    let film = library.metadata("A film/film.mkv").unwrap();
    assert_eq!((film.kind, film.len, film.is_complete()), (LibraryKind::File, 100_000, true));
    let other = library.metadata("Other/film.mkv").unwrap();
    assert_eq!((other.have_bytes, other.is_complete(), other.is_file()), (0, false, true));
    assert!(library.metadata("").unwrap().is_directory());
    assert!(library.metadata("A film").unwrap().is_directory());
    assert_eq!(library.entries("A film").unwrap().last().unwrap().metadata, film);

    assert_eq!(
        kind(library.metadata("A film/x")),
        (LibraryErrorKind::NotFound, "find \"A film/x\": no such file or directory".to_owned())
    );
    assert_eq!(kind(library.metadata("A film/..")).0, LibraryErrorKind::NotFound);
    assert_eq!(kind(library.metadata(".tfs")).0, LibraryErrorKind::NotFound);
    assert_eq!(kind(library.entries("A film/film.mkv")).0, LibraryErrorKind::NotDirectory);
    assert_eq!(kind(library.entries("A film/film.mkv/x")).0, LibraryErrorKind::NotDirectory);
    assert_eq!(kind(library.open("A film")).0, LibraryErrorKind::IsDirectory);
    assert_eq!(kind(library.open("")).0, LibraryErrorKind::IsDirectory);
    assert_eq!(kind(library.open("x\0y")).0, LibraryErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_find_files() {
    let server = server(vec![complete(1, "A film"), missing(2, "Other")]);
    let library = connect(&server).await;
    let paths = |hits: Vec<tfs_library::LibraryHit>| {
        hits.into_iter().map(|hit| (hit.path, hit.have_bytes)).collect::<Vec<_>>()
    };
    let found = paths(library.search("FILM mkv", 10).unwrap());
    let want = [("A film/film.mkv", 100_000), ("Other/film.mkv", 0)];
    assert_eq!(found, want.map(|(path, have)| (path.to_owned(), have)));
    assert_eq!(library.search("film", 1).unwrap().len(), 1);
    assert_eq!(library.search("film mkv", usize::MAX).unwrap().len(), 2);
    assert_eq!(library.search("film", 0).unwrap(), []);
    assert_eq!(paths(library.glob("*.MKV", 10).unwrap()), found);
    assert_eq!(library.glob("A*/*", 10).unwrap().len(), 2);
    assert_eq!(kind(library.search(" ", 10)).0, LibraryErrorKind::Query);
    assert_eq!(kind(library.glob("[", 10)).0, LibraryErrorKind::Query);
}

/// More torrents than a page of a listing has entries, and than details are requested at a time.
#[tokio::test(flavor = "multi_thread")]
async fn long_listings_are_whole() {
    let server = tfs_testkit::rqbit::FakeRqbit::start(LargeLibrary { torrent_count: 1500 });
    let server = server.unwrap();
    let library = Library::connect(&server.url()).await.unwrap();
    let mut listed = names(&library, "");
    assert_eq!(listed.len(), 1500);
    listed.sort();
    listed.dedup();
    assert_eq!(listed.len(), 1500);
    library.shutdown().await;
}
