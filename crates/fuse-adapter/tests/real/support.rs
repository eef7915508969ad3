//! A mount over a fake source, with helpers for tests.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fuse_adapter::{FsName, FuseMount, MountOptions, mount};
use tfs_sys::mountinfo::MountTable;
use tfs_testkit::fake::{FakeSource, FakeStream, file_id};
use tfs_testkit::isolate;
use tfs_testkit::skip;
use tfs_testkit::until::until;
use tokio::runtime::Runtime;
use vfs_core::{
    Arrangement, Bitfield, ByteRange, ControlFile, FileId, InfoHash, ReadPolicy, RootContents,
    ServerId, SourceError, SourceLimits, TorrentDetails, TorrentSource, TorrentSummary, Vfs,
    VfsConfig,
};

/// Maximum time of a test; most take well under a second.
const TEST_TIME_MAX: Duration = Duration::from_secs(60);

/// Maximum time of a call that must not hang.
pub(crate) const CALL_TIME_MAX: Duration = Duration::from_secs(8);

/// Runs a test of mounts.
pub(crate) fn run(test: &str, body: impl FnOnce(&Path)) {
    isolate::run_with_fuse(test, TEST_TIME_MAX, body);
}

/// Runs a test of mounts that starts many programs and so takes longer.
pub(crate) fn run_long(test: &str, body: impl FnOnce(&Path)) {
    isolate::run_with_fuse(test, TEST_TIME_MAX * 3, body);
}

/// Runs a test of mounts that needs root, and skips it for other users.
pub(crate) fn run_as_root(test: &str, body: impl FnOnce(&Path)) {
    if rustix::process::geteuid().is_root() {
        run(test, body);
    } else {
        skip::test(test, "only root may do this");
    }
}

/// A fake source that can also panic.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) fake: FakeSource,
    /// Files whose open panics.
    panics: Arc<Mutex<HashSet<FileId>>>,
}

impl Source {
    pub(crate) fn panic_at(&self, file: FileId) {
        self.panics.lock().unwrap().insert(file);
    }
}

impl TorrentSource for Source {
    type Stream = FakeStream;

    async fn list(&self) -> Result<Vec<TorrentSummary>, SourceError> {
        self.fake.list().await
    }

    async fn details(&self, torrent: InfoHash) -> Result<TorrentDetails, SourceError> {
        self.fake.details(torrent).await
    }

    async fn haves(&self, torrent: InfoHash) -> Result<Bitfield, SourceError> {
        self.fake.haves(torrent).await
    }

    async fn open_at(
        &self,
        file: FileId,
        file_len: u64,
        range: ByteRange,
    ) -> Result<FakeStream, SourceError> {
        assert!(!self.panics.lock().unwrap().contains(&file), "the panic of a test");
        self.fake.open_at(file, file_len, range).await
    }

    fn name(&self) -> Option<Arc<str>> {
        Some("the fake".into())
    }

    fn limits(&self) -> SourceLimits {
        self.fake.limits()
    }
}

/// A filesystem and the runtime that its reads need.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) source: Source,
    pub(crate) vfs: Arc<Vfs<Source>>,
    pub(crate) runtime: Runtime,
}

impl Fixture {
    /// Returns a filesystem of these torrents, which are complete.
    pub(crate) fn new(torrents: impl IntoIterator<Item = TorrentDetails>) -> Self {
        // Longer than any test: only the test itself ends a read.
        Self::with(torrents, 16, TEST_TIME_MAX * 2)
    }

    /// Returns a filesystem of these torrents, which are complete, with files in `.tfs/`.
    pub(crate) fn with_control_files(
        torrents: impl IntoIterator<Item = TorrentDetails>,
        files: Vec<ControlFile>,
    ) -> Self {
        let source = source_of(torrents, 16);
        let vfs = Vfs::new(Arc::new(source.clone()), VfsConfig::default());
        Self::of(source, vfs.with_control_files(files))
    }

    /// Returns a filesystem of these torrents, which are complete, with views.
    pub(crate) fn with_views(
        torrents: impl IntoIterator<Item = TorrentDetails>,
        arrangement: Arc<dyn Arrangement>,
        contents: RootContents,
    ) -> Self {
        let source = source_of(torrents, 16);
        let vfs = Vfs::new(Arc::new(source.clone()), VfsConfig::default());
        Self::of(source, vfs.with_views(arrangement, contents))
    }

    /// Returns a filesystem whose source permits this many streams, and whose reads time out.
    pub(crate) fn with(
        torrents: impl IntoIterator<Item = TorrentDetails>,
        streams_max: usize,
        timeout: Duration,
    ) -> Self {
        let source = source_of(torrents, streams_max);
        let read = ReadPolicy { timeout, ..ReadPolicy::default() };
        let vfs = Vfs::new(Arc::new(source.clone()), VfsConfig { read, ..VfsConfig::default() });
        Self::of(source, vfs)
    }

    /// Returns a filesystem without a known list of torrents, with files in `.tfs/`.
    pub(crate) fn unknown(files: Vec<ControlFile>) -> Self {
        let source = source_of([], 16);
        let vfs = Vfs::new(Arc::new(source.clone()), VfsConfig::default());
        let vfs = Arc::new(vfs.with_control_files(files));
        Self { source, vfs, runtime: Runtime::new().unwrap() }
    }

    fn of(source: Source, vfs: Vfs<Source>) -> Self {
        let fixture = Self { source, vfs: Arc::new(vfs), runtime: Runtime::new().unwrap() };
        fixture.apply();
        fixture
    }

    /// Applies the torrents of the source.
    pub(crate) fn apply(&self) {
        self.vfs.apply(
            ServerId::FIRST,
            self.source.fake.listing(),
            self.source.fake.all_details(),
            1_500_000_000,
        );
    }

    /// Mounts at a new directory `mnt` in `dir`.
    pub(crate) fn mount(&self, dir: &Path) -> FuseMount {
        let path = dir.join("mnt");
        fs::create_dir_all(&path).unwrap();
        self.mount_at(&path, &options())
    }

    #[track_caller]
    pub(crate) fn mount_at(&self, path: &Path, options: &MountOptions) -> FuseMount {
        mount(Arc::clone(&self.vfs), self.runtime.handle().clone(), path, options).unwrap()
    }

    /// Ends the mount and checks that no internal error occurred.
    #[track_caller]
    pub(crate) fn finish(&self, mount: FuseMount) {
        assert_eq!(mount.counters().faults, 0);
        let path = mount.mountpoint().to_owned();
        self.runtime.block_on(mount.unmount()).unwrap();
        assert_eq!(mounts_at(&path), [""; 0]);
        assert_eq!(self.source.fake.violations(), [""; 0]);
    }
}

fn source_of(torrents: impl IntoIterator<Item = TorrentDetails>, streams_max: usize) -> Source {
    let fake = FakeSource::new(streams_max);
    fake.set_chunk_bytes(100_000);
    torrents.into_iter().for_each(|details| _ = fake.add(details));
    Source { fake, panics: Arc::default() }
}

pub(crate) fn options() -> MountOptions {
    MountOptions::new(FsName::new("http://127.0.0.1:3030, a b"))
}

/// Checks a file of the mount against its expected content.
#[track_caller]
pub(crate) fn check_file(path: &Path, file: FileId) {
    let bytes = fs::read(path).unwrap();
    FakeSource::content(file, bytes.len() as u64).check(0, &bytes).unwrap();
    assert_eq!(bytes.len() as u64, fs::metadata(path).unwrap().len());
}

/// Returns the filesystem types mounted at `path`.
pub(crate) fn mounts_at(path: &Path) -> Vec<String> {
    let table = fs::read("/proc/self/mountinfo").unwrap();
    let lines = table.split_inclusive(|byte| *byte == b'\n');
    // Line by line, so that covered mounts are included.
    let tables = lines.map(MountTable::parse);
    tables.filter_map(|table| Some(table.at(path)?.fs_type.clone())).collect()
}

/// Returns the errno of a call that must fail.
#[track_caller]
pub(crate) fn errno<T: std::fmt::Debug>(result: io::Result<T>) -> rustix::io::Errno {
    rustix::io::Errno::from_io_error(&result.unwrap_err()).unwrap()
}

/// Waits for an effect in the kernel or in another process.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    until(what, || is_so().then_some(()));
}

/// Checks that a call returns in time.
#[track_caller]
pub(crate) fn quickly<T>(call: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = call();
    let took = start.elapsed();
    assert!(took < CALL_TIME_MAX, "took {took:?}");
    result
}

/// Another process that reads a file until it ends or fails.
#[derive(Debug)]
pub(crate) struct TestReader {
    child: Child,
}

impl TestReader {
    /// Starts to read a file that is held, and returns once the read has reached the source.
    pub(crate) fn start(fixture: &Fixture, path: &PathBuf, file: FileId) -> Self {
        fixture.source.fake.hold(file);
        let child = Command::new("cat")
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        eventually("the read reaches the source", || {
            fixture.source.fake.opened().iter().any(|(opened, _)| *opened == file)
        });
        Self { child }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, and waits for its end.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end, and returns the process's error output.
    #[track_caller]
    pub(crate) fn complaint(self) -> String {
        let output = self.child.wait_with_output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }
}

/// The identity of the first file of the first torrent.
pub(crate) fn first_file() -> FileId {
    file_id(1, 0)
}
