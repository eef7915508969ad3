//! Walks over many files: the mount, a minimal fuser filesystem, and a tmpfs.

use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use tfs_testkit::baseline_fs::BaselineFs;
use tfs_testkit::rqbit::{FakeRqbit, LargeLibrary};
use tfs_testkit::until::until;

use super::programs::quiet;
use super::samples::SampleRecorder;
use super::ways::CEILING;
use crate::caches::forget_names;
use crate::mount::TfsMount;

const SHAPE: LargeLibrary = LargeLibrary { torrent_count: 10_000 };

/// The name of this comparison.
pub(crate) const GROUP: &str = "walk";

pub(crate) const TFS: &str = "tfs";
pub(crate) const TMPFS: &str = "tmpfs";
const UNIT: &str = "s";

/// The walks, as command lines.
pub(crate) const WALKS: [&str; 2] = ["find", "ls -lR"];

pub(crate) fn run(recorder: &mut SampleRecorder, dir: &Path, rounds: usize) {
    let library = FakeRqbit::start(SHAPE).unwrap();
    let mount = TfsMount::unhurried(&dir.join("tfs"), &library.url(), &[]);
    let ceiling_path = dir.join("ceiling");
    fs::create_dir_all(&ceiling_path).unwrap();
    let files = SHAPE.files().map(|file| (file.path, file.content.len()));
    let _ceiling = BaselineFs::new(files).mount(&ceiling_path).unwrap();
    let tmpfs_path = dir.join("tmpfs");
    let tmpfs = Tmpfs::new(&tmpfs_path);
    until("all torrents are there", || {
        let entries = fs::read_dir(&mount.path).ok()?;
        (entries.count() == SHAPE.torrent_count as usize).then_some(())
    });
    for round in 0..rounds {
        for walk in WALKS {
            // Each is walked cold and then warm; the order alternates.
            let mut mounts = [(TFS, mount.path.as_path()), (CEILING, &ceiling_path)];
            mounts.rotate_left(round % 2);
            for (name, path) in mounts {
                forget_names();
                recorder.add(&cold(walk), name, UNIT, time(walk, path));
                recorder.add(&warm(walk), name, UNIT, time(walk, path));
            }
            recorder.add(&warm(walk), TMPFS, UNIT, time(walk, tmpfs.0));
        }
    }
}

pub(crate) fn cold(walk: &str) -> String {
    format!("{walk}, cold")
}

pub(crate) fn warm(walk: &str) -> String {
    format!("{walk}, again")
}

/// A tmpfs with the same names. Unmounted on drop.
struct Tmpfs<'a>(&'a Path);

impl<'a> Tmpfs<'a> {
    fn new(dir: &'a Path) -> Self {
        fs::create_dir_all(dir).unwrap();
        let mut mount = quiet("mount");
        mount.args(["-t", "tmpfs", "-o", "nr_inodes=0", "tmpfs"]).arg(dir);
        assert!(mount.status().unwrap().success(), "mount -t tmpfs");
        for file in SHAPE.files() {
            let path = file.path.iter().fold(dir.to_owned(), |path, name| path.join(name));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            File::create(path).unwrap().set_len(file.content.len()).unwrap();
        }
        Self(dir)
    }
}

impl Drop for Tmpfs<'_> {
    fn drop(&mut self) {
        drop(quiet("umount").arg(self.0).status());
    }
}

fn time(walk: &str, path: &Path) -> f64 {
    let mut words = walk.split(' ');
    let mut command = quiet(words.next().unwrap_or_default());
    command.args(words).arg(path);
    let start = Instant::now();
    assert!(command.status().unwrap().success(), "{walk}");
    start.elapsed().as_secs_f64()
}
