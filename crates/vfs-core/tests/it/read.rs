//! Reads: the right bytes or an error by the deadline, within the budget of streams.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{child, vfs_with};
use tfs_testkit::fake::{FakeSource, Misbehaviour, directory, file_id, single_file};
use tokio::task::JoinSet;
use tokio::time::Instant;
use vfs_core::{HandleId, Ino, ReadPolicy, ServerId, SourceErrorKind, Vfs, VfsError};

const FILE_LEN: u64 = 10_000;
const TIMEOUT: Duration = Duration::from_secs(60);

struct ReadFixture {
    source: FakeSource,
    vfs: Arc<Vfs<FakeSource>>,
    handle: HandleId,
}

fn mounted(streams_max: usize) -> ReadFixture {
    let source = FakeSource::new(streams_max);
    source.add(single_file(1, "file", FILE_LEN));
    source.add(single_file(2, "other", FILE_LEN));
    let vfs = Arc::new(vfs_with(&source, ReadPolicy { timeout: TIMEOUT, ..ReadPolicy::default() }));
    let handle = open(&vfs, "file");
    ReadFixture { source, vfs, handle }
}

fn open(vfs: &Vfs<FakeSource>, name: &str) -> HandleId {
    vfs.open(child(vfs, Ino::ROOT, name).unwrap().ino).unwrap()
}

/// Waits until no stream is open. The test runner kills a test that hangs here.
async fn all_closed(source: &FakeSource) {
    while source.open_now() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn every_range_gives_its_bytes() {
    let ReadFixture { source, vfs, handle } = mounted(4);
    let content = FakeSource::content(file_id(1, 0), FILE_LEN);
    for chunk_bytes in [1, 7, 1000, 100_000] {
        source.set_chunk_bytes(chunk_bytes);
        for (offset, len) in [(0, 1), (0, 10_000), (5, 2000), (9_999, 1), (1000, 1000), (3, 0)] {
            let bytes = vfs.read(handle, offset, len).await.unwrap();
            assert_eq!(bytes.len(), len as usize);
            content.check(offset, &bytes).unwrap();
        }
    }
    assert_eq!(source.violations(), [] as [String; 0]);
}

#[tokio::test]
async fn reads_end_with_the_file() {
    let ReadFixture { source, vfs, handle } = mounted(4);
    assert_eq!(vfs.read(handle, 9_990, 100).await.unwrap().len(), 10);
    assert_eq!(vfs.read(handle, 10_000, 100).await.unwrap().len(), 0);
    assert_eq!(vfs.read(handle, u64::MAX, u32::MAX).await.unwrap().len(), 0);
    assert_eq!(source.opened().len(), 1);
}

#[tokio::test]
async fn empty_files_cost_no_request() {
    let source = FakeSource::new(4);
    source.add(directory(1, "t", &[("empty", 0)]));
    let vfs = vfs_with(&source, ReadPolicy::default());
    let top = child(&vfs, Ino::ROOT, "t").unwrap().ino;
    let handle = vfs.open(child(&vfs, top, "empty").unwrap().ino).unwrap();
    assert_eq!(vfs.read(handle, 0, 4096).await.unwrap().len(), 0);
    assert_eq!(source.opened(), []);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_lies_never_becomes_an_answer() {
    let ReadFixture { source, vfs, handle } = mounted(4);
    for (misbehaviour, kind) in [
        (Misbehaviour::WrongOffset, Some(SourceErrorKind::Protocol)),
        (Misbehaviour::EndsEarly, Some(SourceErrorKind::Protocol)),
        (Misbehaviour::GoesOn, Some(SourceErrorKind::Protocol)),
        (Misbehaviour::Breaks, None),
    ] {
        source.misbehave(Some(misbehaviour));
        for len in [500, 1000, 2500] {
            // A new handle: a sequential reader would get a stream with a distant end.
            let handle = open(&vfs, "file");
            // A stream that breaks is reopened at its position.
            match vfs.read(handle, 0, len).await {
                Err(VfsError::Source(error)) => {
                    assert_eq!(Some(error.kind), kind, "{misbehaviour:?}");
                }
                Ok(bytes) => {
                    assert_eq!(kind, None, "{misbehaviour:?}");
                    FakeSource::content(file_id(1, 0), FILE_LEN).check(0, &bytes).unwrap();
                }
                other => panic!("{misbehaviour:?} {len}: {other:?}"),
            }
        }
    }
    source.misbehave(None);
    assert!(vfs.read(handle, 0, 2500).await.is_ok());
    all_closed(&source).await;
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_source_are_told_apart() {
    let ReadFixture { source, vfs, handle } = mounted(4);
    source.fail_opens(file_id(1, 0), Some(SourceErrorKind::NotFound));
    assert!(matches!(vfs.read(handle, 0, 1).await, Err(VfsError::Stale)));
    source.fail_opens(file_id(1, 0), Some(SourceErrorKind::TimedOut));
    assert!(matches!(vfs.read(handle, 0, 1).await, Err(VfsError::TimedOut)));
    source.fail_opens(file_id(1, 0), Some(SourceErrorKind::Denied));
    assert!(matches!(vfs.read(handle, 0, 1).await, Err(VfsError::Source(_))));
}

#[tokio::test(start_paused = true)]
async fn a_read_ends_by_its_deadline() {
    let ReadFixture { source, vfs, handle } = mounted(1);
    source.hold(file_id(1, 0));
    let start = Instant::now();
    let (one, two) = tokio::join!(vfs.read(handle, 0, 1), vfs.read(handle, 5, 1));
    assert!(matches!((one, two), (Err(VfsError::TimedOut), Err(VfsError::TimedOut))));
    assert!(start.elapsed() - TIMEOUT < Duration::from_millis(5), "{:?}", start.elapsed());
    all_closed(&source).await;
}

#[tokio::test]
async fn open_streams_never_exceed_the_budget() {
    let ReadFixture { source, vfs, handle } = mounted(3);
    source.hold(file_id(1, 0));
    let mut reads = JoinSet::new();
    for n in 0..100 {
        let vfs = Arc::clone(&vfs);
        reads.spawn(async move { (n * 7, vfs.read(handle, n * 7, 2500).await) });
    }
    while source.open_now() < 3 {
        tokio::task::yield_now().await;
    }
    source.let_go(file_id(1, 0));
    let content = FakeSource::content(file_id(1, 0), FILE_LEN);
    while let Some(read) = reads.join_next().await {
        let (offset, bytes) = read.unwrap();
        content.check(offset, &bytes.unwrap()).unwrap();
    }
    assert_eq!(source.violations(), [] as [String; 0]);
    assert!(source.opened().len() <= 100);
    all_closed(&source).await;
}

#[tokio::test]
async fn dropping_a_read_frees_its_stream_and_its_turn() {
    let ReadFixture { source, vfs, handle } = mounted(1);
    source.hold(file_id(1, 0));
    let stuck = {
        let vfs = Arc::clone(&vfs);
        tokio::spawn(async move { vfs.read(handle, 0, 1).await })
    };
    while source.open_now() < 1 {
        tokio::task::yield_now().await;
    }
    stuck.abort();
    assert!(stuck.await.unwrap_err().is_cancelled());
    all_closed(&source).await;
    assert!(vfs.read(open(&vfs, "other"), 0, 1).await.is_ok());
}

#[tokio::test]
async fn a_shutdown_ends_reads_under_way_and_those_to_come() {
    let ReadFixture { source, vfs, handle } = mounted(1);
    source.hold(file_id(1, 0));
    let reads: Vec<_> = (0..3)
        .map(|n| {
            let vfs = Arc::clone(&vfs);
            tokio::spawn(async move { vfs.read(handle, n, 1).await })
        })
        .collect();
    while source.open_now() < 1 {
        tokio::task::yield_now().await;
    }
    vfs.shut_down();
    for read in reads {
        assert!(matches!(read.await.unwrap(), Err(VfsError::ShuttingDown)));
    }
    assert!(matches!(vfs.read(handle, 0, 1).await, Err(VfsError::ShuttingDown)));
    all_closed(&source).await;
}

#[tokio::test]
async fn handles_follow_the_torrent_not_the_tree() {
    let ReadFixture { source, vfs, handle } = mounted(1);
    source.remove(file_id(1, 0).torrent);
    vfs.apply(ServerId::FIRST, source.listing(), Vec::new(), 1);
    assert!(matches!(vfs.read(handle, 0, 1).await, Err(VfsError::Stale)));
    source.add(single_file(1, "file", FILE_LEN));
    assert!(vfs.read(handle, 0, 1).await.is_ok());

    assert_eq!(vfs.open_count(), 1);
    vfs.release(handle);
    assert_eq!(vfs.open_count(), 0);
    assert!(matches!(vfs.read(handle, 0, 1).await, Err(VfsError::BadHandle)));
}
