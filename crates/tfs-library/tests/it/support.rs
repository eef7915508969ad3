//! Servers and libraries of the tests.

use std::time::Duration;

use tfs_library::{Library, LibraryBuilder, LibraryChange, LibraryChanges};
use tfs_testkit::content::Content;
use tfs_testkit::rqbit::{FakeRqbit, FakeTorrent};

pub(crate) const PIECE_BYTES: u32 = 16 << 10;

/// The content of file `nth`.
pub(crate) fn content(nth: u64, len: u64) -> Content {
    Content::new(nth, len)
}

/// Returns a complete torrent with a file of 100 kB and an empty one.
pub(crate) fn complete(nth: u8, name: &str) -> FakeTorrent {
    FakeTorrent { is_complete: true, ..missing(nth, name) }
}

/// Returns the same torrent without any piece.
pub(crate) fn missing(nth: u8, name: &str) -> FakeTorrent {
    let files = [("film.mkv", content(nth.into(), 100_000)), ("empty.txt", content(0, 0))];
    FakeTorrent::folder(nth, name, PIECE_BYTES, &files)
}

pub(crate) fn server(torrents: Vec<FakeTorrent>) -> FakeRqbit {
    FakeRqbit::start(torrents).unwrap()
}

/// Returns options of a library that polls only by request.
pub(crate) fn builder(server: &FakeRqbit) -> LibraryBuilder {
    Library::builder().server(server.url()).poll_interval(Duration::from_secs(3600))
}

pub(crate) async fn connect(server: &FakeRqbit) -> Library {
    builder(server).connect().await.unwrap()
}

/// Returns the names in a directory.
pub(crate) fn names(library: &Library, path: &str) -> Vec<String> {
    library.entries(path).unwrap().into_iter().map(|entry| entry.name).collect()
}

/// Returns the next change as text.
pub(crate) async fn next(changes: &mut LibraryChanges) -> String {
    match changes.next().await {
        Some(LibraryChange::Added { path }) => format!("+ {path}"),
        Some(LibraryChange::Removed { path }) => format!("- {path}"),
        Some(LibraryChange::Finished { path }) => format!("= {path}"),
        Some(LibraryChange::Missed { count }) => format!("missed {count}"),
        None => "end".to_owned(),
    }
}
