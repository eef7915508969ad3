//! Pools of open files.

use std::sync::Arc;
use std::time::Duration;

use tfs_testkit::fake::{FakeSource, directory, file_id, single_file};
use vfs_core::{Export, FilePool, Ino, VfsError};

use super::{ExportFile, export_of, origin, path};

const IDLE_MAX: Duration = Duration::from_secs(10);
const FILE_LEN: u64 = 4000;

struct PoolStage {
    source: FakeSource,
    export: Export<FakeSource>,
    pool: FilePool<FakeSource>,
    files: Vec<Ino>,
}

impl PoolStage {
    fn new(files_max: usize) -> Self {
        let source = FakeSource::new(4);
        source.add(directory(1, "t", &["a", "b", "c", "d"].map(|name| (name, FILE_LEN))));
        let export = export_of(&source);
        let files =
            ["a", "b", "c", "d"].map(|name| export.find(path(&format!("t/{name}"))).unwrap().ino);
        let pool = FilePool::new(export.clone(), IDLE_MAX, files_max);
        Self { source, export, pool, files: files.to_vec() }
    }

    fn file(&self, file: usize) -> Ino {
        self.files.iter().copied().nth(file).unwrap()
    }

    fn open(&self, file: usize, peer: &str) -> Arc<ExportFile<FakeSource>> {
        self.pool.open(self.file(file), &origin(peer)).unwrap()
    }

    /// Returns the numbers of files that the pool and the filesystem have open.
    fn counts(&self) -> (usize, usize) {
        (self.pool.open_count(), self.export.vfs().open_count())
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_has_a_file_open_once() {
    let stage = PoolStage::new(10);
    let first = stage.open(0, "10.0.0.1").handle();
    assert_eq!(stage.open(0, "10.0.0.1").handle(), first);
    let other = stage.open(0, "10.0.0.2").handle();
    assert_ne!(other, first);
    assert_eq!(stage.counts(), (2, 2));
    let readers = stage.export.vfs().readers();
    let shown: Vec<_> = readers.iter().map(|it| (it.handle, it.origin.clone().unwrap())).collect();
    assert_eq!(shown, [(first, origin("10.0.0.1")), (other, origin("10.0.0.2"))]);
    assert_eq!(readers[0].path.as_deref(), Some("t/a"));

    let gone = stage.pool.open(Ino(1 << 40), &origin("a"));
    assert!(matches!(gone, Err(VfsError::NotFound)));
}

/// Each call of a protocol without opens is one read.
#[tokio::test(start_paused = true)]
async fn sequential_reads_through_the_pool_share_streams() {
    const READ_LEN: u32 = 32 << 10;
    const READ_COUNT: u64 = 200;
    const FILM_LEN: u64 = (32 << 10) * READ_COUNT;
    let source = FakeSource::new(4);
    source.set_chunk_bytes(16 << 10);
    source.add(single_file(1, "film.mkv", FILM_LEN));
    let export = export_of(&source);
    let film = export.find(path("film.mkv")).unwrap().ino;
    let pool = FilePool::new(export, IDLE_MAX, 10);
    let content = FakeSource::content(file_id(1, 0), FILM_LEN);
    for read in 0..READ_COUNT {
        let file = pool.open(film, &origin("a")).unwrap();
        let bytes = file.read(read * u64::from(READ_LEN), READ_LEN).await.unwrap();
        content.check(read * u64::from(READ_LEN), &bytes).unwrap();
        drop(file);
        pool.close_idle();
    }
    let opened = source.opened().len();
    assert!(opened <= 5, "{opened} streams for {READ_COUNT} reads");
    assert_eq!(source.violations(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn files_close_when_they_are_idle() {
    let stage = PoolStage::new(10);
    let used = stage.open(0, "a");
    stage.open(1, "a");
    tokio::time::advance(IDLE_MAX - Duration::from_millis(1)).await;
    stage.pool.close_idle();
    assert_eq!(stage.counts(), (2, 2));
    tokio::time::advance(Duration::from_millis(1)).await;
    stage.pool.close_idle();
    assert_eq!(stage.counts(), (1, 1), "the file in use stays");
    drop(used);
    tokio::time::advance(IDLE_MAX - Duration::from_millis(1)).await;
    stage.pool.close_idle();
    assert_eq!(stage.counts(), (1, 1), "its time began at the last check");
    stage.open(0, "a");
    tokio::time::advance(IDLE_MAX).await;
    stage.pool.close_idle();
    assert_eq!(stage.counts(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_pool_without_idle_time_keeps_files_in_use() {
    let stage = PoolStage::new(10);
    let pool = FilePool::new(stage.export.clone(), Duration::ZERO, 10);
    let used = pool.open(stage.files[0], &origin("a")).unwrap();
    pool.close_idle();
    assert_eq!(pool.open_count(), 1);
    assert_eq!(pool.open(stage.files[0], &origin("a")).unwrap().handle(), used.handle());
    drop(used);
    pool.close_idle();
    assert_eq!((pool.open_count(), stage.export.vfs().open_count()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_files_of_a_reader_close_with_it() {
    let stage = PoolStage::new(10);
    let used = stage.open(0, "a");
    stage.open(1, "a");
    stage.open(0, "b");
    stage.pool.close_reader(&origin("a"));
    assert_eq!(stage.counts(), (1, 2));
    let want = FakeSource::content(file_id(1, 0), FILE_LEN).bytes(5, 10);
    assert_eq!(used.read(5, 10).await.unwrap(), want, "a read in flight ends");
    drop(used);
    assert_eq!(stage.counts(), (1, 1));
    stage.pool.close_reader(&origin("nobody"));
    assert_eq!(stage.counts(), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_file_unused_for_longest_makes_room() {
    let stage = PoolStage::new(2);
    let [a, b] = [0, 1].map(|file| stage.open(file, "a").handle());
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(stage.open(0, "a").handle(), a);
    stage.open(2, "a");
    assert_eq!(stage.counts(), (2, 2));
    assert_eq!(stage.open(0, "a").handle(), a);
    assert_ne!(stage.open(1, "a").handle(), b);

    // Files in use exceed the limit, and the next open brings the number back.
    let stage = PoolStage::new(2);
    let used: Vec<_> = (0..4).map(|file| stage.open(file, "a")).collect();
    assert_eq!(stage.counts(), (4, 4));
    let handle = used[3].handle();
    assert_eq!(stage.open(3, "a").handle(), handle);
    drop(used);
    stage.open(0, "b");
    assert_eq!(stage.counts(), (2, 2));

    let one = PoolStage::new(0);
    one.open(0, "a");
    one.open(1, "a");
    assert_eq!(one.counts(), (1, 1));
}

/// A client that reads again in the moment its file is closed gets another handle, never one that
/// is closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opens_that_race_with_closes_get_open_files() {
    let stage = PoolStage::new(1);
    let pool = Arc::new(FilePool::new(stage.export.clone(), Duration::ZERO, 1));
    let readers = (0..4).map(|reader| {
        let (pool, ino) = (Arc::clone(&pool), stage.files[reader]);
        tokio::spawn(async move {
            for round in 0..200_u64 {
                let file = pool.open(ino, &origin("a")).unwrap();
                let offset = round * 7 % 3000;
                let id = file.id();
                let want = FakeSource::content(id, FILE_LEN).bytes(offset, 100);
                assert_eq!(file.read(offset, 100).await.unwrap(), want);
                drop(file);
                match round % 3 {
                    0 => pool.close_idle(),
                    1 => pool.close_reader(&origin("a")),
                    _ => {}
                }
            }
        })
    });
    for reader in readers.collect::<Vec<_>>() {
        reader.await.unwrap();
    }
    pool.close_idle();
    assert_eq!((pool.open_count(), stage.export.vfs().open_count()), (0, 0));
    assert_eq!(stage.source.violations(), Vec::<String>::new());
}
