//! Inline reads, from the core to a server with rqbit's permits.

use std::sync::Arc;
use std::time::Duration;

use rqbit_client::{Client, ClientConfig};
use rqbit_source::{RqbitSource, STREAMS_MAX_DEFAULT};
use tfs_testkit::content::Content;
use tfs_testkit::rqbit::{FakeRqbit, FakeTorrent, PermitStep, RqbitSetup};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use vfs_core::{HandleId, Ino, ServerId, TorrentSource as _, Vfs, VfsConfig};

const FILE: Content = Content::new(3, 1 << 20);

const PIECE_BYTES: u32 = 64 * 1024;

const READ_BYTES: u32 = 4096;

/// Time limit of operations that end within milliseconds unless one hangs.
const TEST_MAX: Duration = Duration::from_secs(60);

async fn open(server: &FakeRqbit) -> (Arc<Vfs<RqbitSource>>, HandleId) {
    let client = Client::new(ClientConfig::new(server.url().parse().unwrap())).unwrap();
    let source = Arc::new(RqbitSource::new(client, STREAMS_MAX_DEFAULT));
    assert!(!source.can_read_now(), "the server was not reached yet");
    let vfs = Vfs::new(source, VfsConfig::default());
    let listing = vfs.source(ServerId::FIRST).unwrap().list().await.unwrap();
    let mut details = Vec::new();
    for torrent in vfs.unknown_torrents(ServerId::FIRST, &listing) {
        details.push(vfs.source(ServerId::FIRST).unwrap().details(torrent).await.unwrap());
    }
    vfs.apply(ServerId::FIRST, listing, details, 0);
    let dir = vfs.lookup(Ino::ROOT, b"file").unwrap().attr;
    let file = vfs.lookup(dir.ino, b"file.bin").unwrap().attr;
    let handle = vfs.open(file.ino).unwrap();
    (Arc::new(vfs), handle)
}

async fn read_inline(vfs: &Arc<Vfs<RqbitSource>>, handle: HandleId, offset: u64) -> bool {
    let vfs = Arc::clone(vfs);
    let read = spawn_blocking(move || vfs.read_inline(handle, offset, READ_BYTES));
    let Some(bytes) = read.await.unwrap() else { return false };
    assert_eq!(bytes.len() as u64, u64::from(READ_BYTES));
    FILE.check(offset, &bytes).unwrap();
    true
}

async fn check() {
    let torrent = FakeTorrent::folder(3, "file", PIECE_BYTES, &[("file.bin", FILE)]);
    let setup = RqbitSetup { permits: Some(8), ..vec![torrent].into() };
    let server = FakeRqbit::start(setup).unwrap();
    let (vfs, handle) = open(&server).await;
    assert!(vfs.source(ServerId::FIRST).unwrap().can_read_now());
    // No piece is present.
    assert!(!read_inline(&vfs, handle, 0).await);
    assert_eq!((vfs.counters().total.direct_misses, server.census().open_max), (0, 0));

    while server.step() != PermitStep::Complete {}
    let listing = vfs.source(ServerId::FIRST).unwrap().list().await.unwrap();
    vfs.apply(ServerId::FIRST, listing, Vec::new(), 0);
    assert!(!vfs.may_read_inline(1 << 20), "that is long");
    assert!(vfs.may_read_inline(READ_BYTES));
    // On a busy machine it may be late, and falls back to a stream.
    let offsets = (0..).map(|nth| nth * 7 * u64::from(READ_BYTES) % (FILE.len() / 2));
    for offset in offsets {
        if read_inline(&vfs, handle, offset).await {
            break;
        }
        let bytes = vfs.read(handle, offset, READ_BYTES).await.unwrap();
        FILE.check(offset, &bytes).unwrap();
    }
    let total = vfs.counters().total;
    assert_eq!(total.direct_reads, 1);
    assert!(total.opens > total.direct_misses);
    assert!(server.census().open_max <= STREAMS_MAX_DEFAULT);
    assert_eq!(server.violations(), Vec::<String>::new());

    vfs.shut_down();
    assert!(!read_inline(&vfs, handle, 0).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_has_is_read_by_the_thread_that_asks() {
    timeout(TEST_MAX, check()).await.unwrap();
}
