//! Open files: reads, seeks, cancelled reads, the end of the library.

use std::future::poll_fn;
use std::io::{ErrorKind, SeekFrom};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tfs_library::{LibraryErrorKind, LibraryFile};
use tfs_testkit::rqbit::FakeTorrent;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead as _, AsyncReadExt as _, AsyncSeekExt as _, BufReader, ReadBuf,
};

use crate::support::{PIECE_BYTES, builder, complete, connect, content, missing, names, server};

const LEN: u64 = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_from_any_position() {
    let server = server(vec![complete(1, "A film")]);
    let library = connect(&server).await;
    let mut film = library.open("A film/film.mkv").unwrap();
    assert_eq!((film.len(), film.is_empty(), film.path()), (LEN, false, "A film/film.mkv"));
    let mut bytes = Vec::new();
    film.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes.len() as u64, LEN);
    content(1, LEN).check(0, &bytes).unwrap();

    let mut buffer = [0; 100];
    for (seek, want) in [
        (SeekFrom::Start(50_000), 50_000),
        (SeekFrom::Current(-100), 50_000),
        (SeekFrom::Current(1000), 51_100),
        (SeekFrom::End(-100), 99_900),
        (SeekFrom::Start(0), 0),
    ] {
        assert_eq!(film.seek(seek).await.unwrap(), want);
        film.read_exact(&mut buffer).await.unwrap();
        content(1, LEN).check(want, &buffer).unwrap();
    }
    let middle = film.read_at(60_000, 10).await.unwrap();
    content(1, LEN).check(60_000, &middle).unwrap();
    assert_eq!(film.stream_position().await.unwrap(), 100, "the position stays");
    assert_eq!(film.read_at(LEN - 5, 10).await.unwrap().len(), 5);
    assert_eq!(film.read_at(LEN, 10).await.unwrap().len(), 0);
    assert_eq!(film.read_at(u64::MAX, usize::MAX).await.unwrap().len(), 0);
    assert_eq!(film.read_at(0, 0).await.unwrap().len(), 0);

    let mut empty = library.open("A film/empty.txt").unwrap();
    assert_eq!(empty.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    assert_eq!(server.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_past_the_end_read_nothing() {
    let server = server(vec![complete(1, "A film")]);
    let library = connect(&server).await;
    let mut film = library.open("A film/film.mkv").unwrap();
    for past in [SeekFrom::Start(LEN), SeekFrom::End(7), SeekFrom::Start(u64::MAX)] {
        film.seek(past).await.unwrap();
        assert_eq!(film.read(&mut [0; 10]).await.unwrap(), 0, "{past:?}");
    }
    for invalid in [SeekFrom::Current(1), SeekFrom::End(-100_001), SeekFrom::Current(i64::MIN)] {
        let at = film.seek(SeekFrom::Start(u64::MAX)).await.unwrap();
        let is_valid = matches!(invalid, SeekFrom::Current(i64::MIN));
        assert_eq!(film.seek(invalid).await.is_ok(), is_valid, "{invalid:?}");
        if !is_valid {
            assert_eq!(film.stream_position().await.unwrap(), at);
        }
    }
    film.rewind().await.unwrap();
    assert_eq!(film.seek(SeekFrom::Current(-1)).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(film.read(&mut [0; 10]).await.unwrap(), 10);
}

/// A file serves several tasks at once by positioned reads.
#[tokio::test(flavor = "multi_thread")]
async fn positioned_reads_run_at_once() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    let server = server(vec![complete(1, "A film")]);
    let library = connect(&server).await;
    let film = library.open("A film/film.mkv").unwrap();
    is_shared(&film);
    let reads = (0..20).map(|nth| film.read_at(nth * 4_500, 5_000));
    let answers = futures_util::future::join_all(reads).await;
    for (nth, bytes) in (0..).zip(answers) {
        let bytes = bytes.unwrap();
        assert_eq!(bytes.len(), 5_000);
        content(1, LEN).check(nth * 4_500, &bytes).unwrap();
    }
}

/// A caller may poll again with a shorter buffer than the one that began a read. On one thread, no
/// byte arrives during a poll.
#[tokio::test]
async fn shorter_buffers_get_the_rest_later() {
    let server = server(vec![complete(1, "A film")]);
    let library = connect(&server).await;
    let mut film = library.open("A film/film.mkv").unwrap();
    let read = async |film: &mut LibraryFile, len: usize| {
        let mut bytes = vec![0; len];
        let mut buffer = ReadBuf::new(&mut bytes);
        poll_fn(|context| Pin::new(&mut *film).poll_read(context, &mut buffer)).await.unwrap();
        buffer.filled().to_vec()
    };
    // Begins a read of 1,000 bytes, and does not poll it again with this buffer.
    let mut bytes = [0; 1000];
    let mut buffer = ReadBuf::new(&mut bytes);
    let begun = poll_fn(|context| {
        Poll::Ready(Pin::new(&mut film).poll_read(context, &mut buffer).is_pending())
    });
    assert!(begun.await);
    let mut all = Vec::new();
    for len in [1, 10, 500, 0, 489, 200] {
        all.extend(read(&mut film, len).await);
    }
    assert_eq!(all.len(), 1200);
    content(1, LEN).check(0, &all).unwrap();
    // A seek drops the rest.
    film.seek(SeekFrom::Start(70_000)).await.unwrap();
    content(1, LEN).check(70_000, &read(&mut film, 50).await).unwrap();

    let mut lines = BufReader::new(library.open("A film/film.mkv").unwrap());
    let mut line = Vec::new();
    let count = lines.read_until(b'\n', &mut line).await.unwrap();
    content(1, LEN).check(0, &line[..count]).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_read_ends_its_request() {
    let server = server(vec![missing(1, "A film")]);
    let library = connect(&server).await;
    let mut film = library.open("A film/film.mkv").unwrap();
    let mut buffer = [0; 100];
    tokio::select! {
        read = film.read(&mut buffer) => unreachable!("{read:?}"),
        () = server.wait_until(|census| census.waiting == 1) => {}
    }
    tokio::select! {
        read = film.read_at(5, 10) => unreachable!("{read:?}"),
        () = server.wait_until(|census| census.waiting == 1) => {}
    }
    // The read of the reader itself is kept until it is sought or dropped.
    film.seek(SeekFrom::Start(1)).await.unwrap();
    drop(film);
    server.wait_until(|census| census.open == 0).await;
    assert_eq!(server.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_waits_for_missing_bytes() {
    let server = server(vec![missing(1, "A film")]);
    let library = connect(&server).await;
    let mut film = library.open("A film/film.mkv").unwrap();
    let mut buffer = [0; 100];
    let serve = async {
        server.wait_until(|census| census.waiting == 1).await;
        server.step();
        std::future::pending::<()>().await;
    };
    film.seek(SeekFrom::Start(u64::from(PIECE_BYTES) + 5)).await.unwrap();
    tokio::select! {
        read = film.read_exact(&mut buffer) => assert_eq!(read.unwrap(), 100),
        () = serve => {}
    }
    content(1, LEN).check(u64::from(PIECE_BYTES) + 5, &buffer).unwrap();
}

/// Neither blocks a reader for ever: not a missing piece, and not a paused torrent.
#[tokio::test(flavor = "multi_thread")]
async fn reads_that_cannot_be_answered_fail() {
    let paused = FakeTorrent { state: "paused", ..missing(2, "Paused") };
    let server = server(vec![missing(1, "A film"), paused]);
    let options = builder(&server).read_timeout(Duration::from_millis(200));
    let library = options.connect().await.unwrap();
    for (path, kind, io_kind) in [
        ("A film/film.mkv", LibraryErrorKind::TimedOut, ErrorKind::TimedOut),
        ("Paused/film.mkv", LibraryErrorKind::Missing, ErrorKind::Other),
    ] {
        let mut film = library.open(path).unwrap();
        assert_eq!(film.read_at(0, 10).await.unwrap_err().kind(), kind, "{path}");
        assert_eq!(film.read(&mut [0; 10]).await.unwrap_err().kind(), io_kind, "{path}");
    }
    server.wait_until(|census| census.open == 0).await;
}

/// A program may drop its runtime first.
#[test]
fn libraries_and_files_outlive_their_runtime() {
    let server = server(vec![complete(1, "A film"), missing(2, "Other")]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (library, film, other) = runtime.block_on(async {
        let library = connect(&server).await;
        let film = library.open("A film/film.mkv").unwrap();
        film.read_at(0, 10).await.unwrap();
        let mut other = library.open("Other/film.mkv").unwrap();
        let mut buffer = [0; 10];
        tokio::select! {
            read = other.read(&mut buffer) => unreachable!("{read:?}"),
            () = server.wait_until(|census| census.waiting == 1) => {}
        }
        (library, film, other)
    });
    drop(runtime);
    assert_eq!(names(&library, "").len(), 2);
    drop((film, other, library));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_ends_reads_that_wait() {
    let server = server(vec![missing(1, "A film")]);
    let library = connect(&server).await;
    let mut changes = library.changes();
    let mut film = library.open("A film/film.mkv").unwrap();
    let other = library.open("A film/film.mkv").unwrap();
    let shut_down = async {
        server.wait_until(|census| census.waiting >= 1).await;
        library.shutdown().await;
    };
    let mut buffer = [0; 10];
    let (read, at, ()) = tokio::join!(film.read(&mut buffer), other.read_at(50_000, 10), shut_down);
    assert_eq!(
        read.unwrap_err().to_string(),
        "read \"A film/film.mkv\" at 0: the library was shut down"
    );
    assert_eq!(at.unwrap_err().kind(), LibraryErrorKind::ShutDown);
    server.wait_until(|census| census.open == 0).await;
    // Again, and what is asked later.
    library.shutdown().await;
    assert_eq!(library.refresh().await.unwrap_err().kind(), LibraryErrorKind::ShutDown);
    assert_eq!(changes.next().await, None);
    assert_eq!(library.changes().next().await, None);
    assert_eq!(other.read_at(0, 10).await.unwrap_err().kind(), LibraryErrorKind::ShutDown);
    assert_eq!(names(&library, ""), ["A film"], "the tree stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_outlive_the_library() {
    let server = server(vec![complete(1, "A film")]);
    let library = connect(&server).await;
    let mut changes = library.changes();
    let film = library.open("A film/film.mkv").unwrap();
    let clone = library.clone();
    drop(library);
    assert!(clone.refresh().await.is_ok());
    drop(clone);
    assert_eq!(changes.next().await, None, "the last clone ends the polls");
    let bytes = film.read_at(0, 1000).await.unwrap();
    content(1, LEN).check(0, &bytes).unwrap();
}
