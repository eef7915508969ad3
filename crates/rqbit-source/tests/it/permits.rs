//! Permit exhaustion of rqbit, without real time: a server that stops when all its permits are
//! held.

use std::sync::Arc;
use std::time::Duration;

use rqbit_client::{Client, ClientConfig, RangeStream, RequestedRange, Timeouts, TorrentRef};
use rqbit_source::{RqbitSource, STREAMS_MAX_DEFAULT};
use tfs_testkit::content::Content;
use tfs_testkit::rqbit::{FakeRqbit, FakeTorrent, PermitStep, RqbitSetup};
use tokio::task::JoinSet;
use tokio::time::timeout;
use vfs_core::{HandleId, Ino, ServerId, TorrentSource as _, Vfs, VfsConfig};

/// Number of rqbit's permits.
const PERMITS: usize = 8;

const READERS: u64 = 64;

const PIECE_BYTES: u32 = 32 * 1024;

/// Distance between readers: more than the engine skips or merges.
const DISTANCE_BYTES: u64 = 2 * 1024 * 1024;

/// Within a piece, so that each reader needs one.
const READ_BYTES: u32 = 20_000;

const FILM: Content = Content::new(1, READERS * DISTANCE_BYTES);

/// Time limit of operations that end within milliseconds unless one hangs.
const TEST_MAX: Duration = Duration::from_secs(60);

fn film() -> FakeTorrent {
    FakeTorrent::folder(1, "film", PIECE_BYTES, &[("film.mkv", FILM)])
}

/// Returns a server of the film and of a torrent without readers.
fn start_server() -> FakeRqbit {
    let content = Content::new(2, DISTANCE_BYTES);
    let other = FakeTorrent::folder(2, "other", PIECE_BYTES, &[("other.mkv", content)]);
    let setup = RqbitSetup { permits: Some(PERMITS), ..vec![film(), other].into() };
    FakeRqbit::start(setup).unwrap()
}

/// Returns a client without time-outs shorter than the test.
fn patient_client(server: &FakeRqbit) -> Client {
    let mut config = ClientConfig::new(server.url().parse().unwrap());
    let never = TEST_MAX * 10;
    config.timeouts = Timeouts { headers: never, chunk: never, ..Timeouts::default() };
    Client::new(config).unwrap()
}

/// Returns a filesystem over the server, and one open handle of its file for each reader.
async fn open_film(server: &FakeRqbit, streams_max: usize) -> (Vfs<RqbitSource>, Vec<HandleId>) {
    let source = RqbitSource::new(patient_client(server), streams_max);
    let vfs = Vfs::new(Arc::new(source), VfsConfig::default());
    let listing = vfs.source(ServerId::FIRST).unwrap().list().await.unwrap();
    let mut details = Vec::new();
    for torrent in vfs.unknown_torrents(ServerId::FIRST, &listing) {
        details.push(vfs.source(ServerId::FIRST).unwrap().details(torrent).await.unwrap());
    }
    vfs.apply(ServerId::FIRST, listing, details, 0);
    let dir = vfs.lookup(Ino::ROOT, b"film").unwrap().attr;
    let file = vfs.lookup(dir.ino, b"film.mkv").unwrap().attr;
    let handles = (0..READERS).map(|_| vfs.open(file.ino).unwrap()).collect();
    (vfs, handles)
}

async fn check_readers(streams_max: usize) {
    let server = start_server();
    let (vfs, handles) = open_film(&server, streams_max).await;
    let vfs = Arc::new(vfs);
    let mut reads = JoinSet::new();
    for (handle, offset) in handles.into_iter().zip((0..).map(|nth| nth * DISTANCE_BYTES)) {
        let vfs = Arc::clone(&vfs);
        reads.spawn(async move {
            let bytes = vfs.read(handle, offset, READ_BYTES).await.unwrap();
            assert_eq!(bytes.len(), usize::try_from(READ_BYTES).unwrap());
            FILM.check(offset, &bytes).unwrap();
        });
    }
    let mut steps = 0;
    while !reads.is_empty() {
        tokio::select! {
            biased;
            Some(read) = reads.join_next() => read.unwrap(),
            () = server.wait_until(|census| census.waiting > 0) => match server.step() {
                PermitStep::Wrote { info_hash, .. } => {
                    assert_eq!(info_hash, film().info_hash);
                    steps += 1;
                }
                PermitStep::Frozen | PermitStep::Complete => {
                    panic!("after {steps}: {:?}", server.census());
                }
            },
        }
    }
    server.wait_until(|census| (census.open, census.queued) == (0, 0)).await;
    let census = server.census();
    assert!(census.open_max <= streams_max, "{census:?}");
    assert_eq!(steps, READERS, "each reader needs one piece, and nothing more was fetched");
    assert_eq!(server.violations(), Vec::<String>::new());
    // A torrent without readers is downloaded too.
    let pieces = (FILM.len() + DISTANCE_BYTES) / u64::from(PIECE_BYTES);
    for _ in steps..pieces {
        assert!(matches!(server.step(), PermitStep::Wrote { .. }));
    }
    assert_eq!(server.step(), PermitStep::Complete);
}

/// The server writes a piece only while a permit is free, and only for a waiting stream. If readers
/// held all permits, or one permanently, none of them would end.
#[tokio::test]
async fn many_readers_of_missing_data_all_end_and_leave_the_server_its_permits() {
    for streams_max in [STREAMS_MAX_DEFAULT, 1, PERMITS - 1] {
        timeout(TEST_MAX, check_readers(streams_max)).await.unwrap();
    }
}

async fn stream_at(client: &Client, offset: u64) -> RangeStream {
    let torrent = TorrentRef::from(film().info_hash);
    let range = RequestedRange::new(offset, offset + u64::from(READ_BYTES));
    client.stream(torrent, 0, range, Some(FILM.len())).await.unwrap()
}

async fn check_trap() {
    let server = start_server();
    let client = patient_client(&server);
    let mut streams = Vec::new();
    assert!(matches!(server.step(), PermitStep::Wrote { piece: 0, .. }));
    for nth in 1..=8 {
        streams.push(stream_at(&client, nth * DISTANCE_BYTES).await);
    }
    server.wait_until(|census| census.waiting == PERMITS).await;
    let mut ninth = Box::pin(stream_at(&client, 9 * DISTANCE_BYTES));
    tokio::select! {
        biased;
        _ = &mut ninth => panic!("the ninth stream has headers"),
        () = server.wait_until(|census| census.queued == 1) => {}
    }
    for _ in 0..1000 {
        assert_eq!(server.step(), PermitStep::Frozen);
    }
    assert_eq!(server.census().open, PERMITS);

    // A dropped stream frees a permit for the one that waits for its headers, which does not help.
    drop(streams.pop());
    let mut ninth = ninth.await;
    assert_eq!(server.step(), PermitStep::Frozen);
    // One more, and the server continues.
    drop(streams.pop());
    server.wait_until(|census| census.open < PERMITS).await;
    while server.census().waiting > 0 {
        assert!(matches!(server.step(), PermitStep::Wrote { .. }));
    }
    let chunk = ninth.next_chunk().await.unwrap().unwrap();
    FILM.check(9 * DISTANCE_BYTES, &chunk).unwrap();
    assert_eq!(server.violations(), Vec::<String>::new());
}

/// Effect of a mount without a budget on rqbit.
#[tokio::test]
async fn eight_plain_streams_at_missing_data_stop_the_server() {
    timeout(TEST_MAX, check_trap()).await.unwrap();
}
