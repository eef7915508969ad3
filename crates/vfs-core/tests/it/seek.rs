//! Seeks to holes and data: the requests to the source, and the answers without it.

use std::future::pending;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::child;
use tfs_testkit::fake::{FakeSource, FakeStream, directory, file_id};
use tokio::time::{Instant, advance};
use vfs_core::{
    Bitfield, ByteRange, FileId, HandleId, InfoHash, Ino, SeekTo, ServerId, SourceError,
    SourceLimits, TorrentDetails, TorrentSource, TorrentState, TorrentSummary, Vfs, VfsConfig,
    VfsError,
};

/// A source that does not answer bitfield requests.
struct Silent {
    fake: FakeSource,
    asked: AtomicUsize,
}

impl TorrentSource for Silent {
    type Stream = FakeStream;

    async fn list(&self) -> Result<Vec<TorrentSummary>, SourceError> {
        self.fake.list().await
    }

    async fn details(&self, torrent: InfoHash) -> Result<TorrentDetails, SourceError> {
        self.fake.details(torrent).await
    }

    async fn haves(&self, _: InfoHash) -> Result<Bitfield, SourceError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        pending().await
    }

    async fn open_at(
        &self,
        file: FileId,
        file_len: u64,
        range: ByteRange,
    ) -> Result<FakeStream, SourceError> {
        self.fake.open_at(file, file_len, range).await
    }

    fn limits(&self) -> SourceLimits {
        self.fake.limits()
    }
}

/// Returns a source of one torrent of ten pieces of ten bytes, half of which are present.
fn source() -> FakeSource {
    let source = FakeSource::new(4);
    let mut details = directory(1, "t", &[("a", 100)]);
    details.piece_len = NonZeroU32::new(10);
    let torrent = source.add(details);
    source.update(torrent, |summary| summary.file_progress = Some([50].into()));
    source.set_haves(torrent, Bitfield::from_fn(10, |piece_idx| piece_idx < 5).unwrap());
    source
}

fn open<S: TorrentSource>(vfs: &Vfs<S>, fake: &FakeSource) -> HandleId {
    vfs.apply(ServerId::FIRST, fake.listing(), fake.all_details(), 0);
    let top = vfs.lookup(Ino::ROOT, b"t").unwrap().attr.ino;
    vfs.open(vfs.lookup(top, b"a").unwrap().attr.ino).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_source_is_asked_once_a_second_at_most() {
    let source = source();
    let vfs = Vfs::new(Arc::new(source.clone()), VfsConfig::default());
    let handle = open(&vfs, &source);
    for _ in 0..3 {
        assert!(vfs.try_seek(handle, 0, SeekTo::Hole).is_none());
        assert_eq!(vfs.seek(handle, 0, SeekTo::Hole).await.unwrap(), 50);
        assert_eq!(vfs.seek(handle, 7, SeekTo::Data).await.unwrap(), 7);
        assert!(matches!(vfs.seek(handle, 50, SeekTo::Data).await, Err(VfsError::NothingThere)));
    }
    assert_eq!(source.bitfield_requests(), 1);
    let more = Bitfield::from_fn(10, |piece_idx| piece_idx != 2).unwrap();
    source.set_haves(file_id(1, 0).torrent, more);
    advance(Duration::from_secs(1)).await;
    assert_eq!(vfs.seek(handle, 0, SeekTo::Hole).await.unwrap(), 20);
    assert_eq!(source.bitfield_requests(), 2);
    // Reads and seeks share a request.
    assert_eq!(vfs.read(handle, 0, 10).await.unwrap().len(), 10);
    assert_eq!(source.bitfield_requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_silent_makes_it_all_data_within_two_seconds() {
    let fake = source();
    let silent = Silent { fake: fake.clone(), asked: AtomicUsize::new(0) };
    let vfs = Arc::new(Vfs::new(Arc::new(silent), VfsConfig::default()));
    let handle = open(&vfs, &fake);
    let start = Instant::now();
    let (hole, data) =
        tokio::join!(vfs.seek(handle, 0, SeekTo::Hole), vfs.seek(handle, 60, SeekTo::Data));
    assert_eq!((hole.unwrap(), data.unwrap()), (100, 60));
    assert_eq!(start.elapsed().as_secs(), 2);
    assert_eq!(vfs.source(ServerId::FIRST).unwrap().asked.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_listing_says_needs_no_question() {
    let source = source();
    let vfs = Vfs::new(Arc::new(source.clone()), VfsConfig::default());
    let handle = open(&vfs, &source);
    let seek = |offset, to| vfs.try_seek(handle, offset, to);
    assert!(matches!(seek(100, SeekTo::Hole), Some(Err(VfsError::NothingThere))));
    let torrent = file_id(1, 0).torrent;
    source.update(torrent, |summary| summary.file_progress = Some([100].into()));
    vfs.apply(ServerId::FIRST, source.listing(), Vec::new(), 0);
    assert!(matches!(seek(0, SeekTo::Hole), Some(Ok(100))));
    assert!(matches!(seek(99, SeekTo::Data), Some(Ok(99))));
    // Data that is being checked may turn out to be missing; until then its availability is
    // unknown.
    source.update(torrent, |summary| summary.state = TorrentState::Initializing);
    vfs.apply(ServerId::FIRST, source.listing(), Vec::new(), 0);
    assert_eq!(vfs.seek(handle, 0, SeekTo::Hole).await.unwrap(), 100);
    assert_eq!(source.bitfield_requests(), 1);
    source.remove(torrent);
    vfs.apply(ServerId::FIRST, source.listing(), Vec::new(), 0);
    assert!(matches!(seek(0, SeekTo::Hole), Some(Err(VfsError::Stale))));
    vfs.release(handle);
    assert!(matches!(seek(0, SeekTo::Hole), Some(Err(VfsError::BadHandle))));
    assert!(child(&vfs, Ino::ROOT, "t").is_err());
}

#[tokio::test(start_paused = true)]
async fn a_filesystem_that_ends_asks_nobody() {
    let source = source();
    let vfs = Vfs::new(Arc::new(source.clone()), VfsConfig::default());
    let handle = open(&vfs, &source);
    vfs.shut_down();
    assert_eq!(vfs.seek(handle, 0, SeekTo::Hole).await.unwrap(), 100);
    assert_eq!(source.bitfield_requests(), 0);
}
