//! Holes: results of `cp`, `tar -S` and `du` on incomplete files.

use std::fs::{self, File};
use std::num::NonZeroU32;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;
use tfs_testkit::fake::{FakeSource, directory, file_id};
use vfs_core::{Bitfield, TorrentDetails};

use crate::support::{Fixture, check_file, options, run};
use fuse_adapter::FuseMount;

const PIECE_BYTES: u64 = 64 << 10;
const PIECES: u32 = 16;
const FILE_BYTES: u64 = PIECE_BYTES * PIECES as u64;

/// Pieces of the file that are present.
const HAVE: [u32; 5] = [0, 1, 4, 5, 9];

fn details() -> TorrentDetails {
    let mut details = directory(1, "t", &[("file", FILE_BYTES), ("empty", 0)]);
    details.piece_len = NonZeroU32::new(u32::try_from(PIECE_BYTES).unwrap());
    details
}

/// Returns a torrent of which the server has some pieces; it reports them if `is_known`.
fn fixture(is_known: bool) -> Fixture {
    let fixture = Fixture::new([details()]);
    let torrent = file_id(1, 0).torrent;
    fixture.source.fake.update(torrent, |summary| {
        summary.file_progress = Some([PIECE_BYTES * HAVE.len() as u64, 0].into());
    });
    if is_known {
        let have = Bitfield::from_fn(PIECES, |piece_idx| HAVE.contains(&piece_idx)).unwrap();
        fixture.source.fake.set_haves(torrent, have);
    }
    fixture.apply();
    fixture
}

fn mount_with_holes(fixture: &Fixture, dir: &Path) -> FuseMount {
    let path = dir.join("mnt");
    fs::create_dir_all(&path).unwrap();
    let mut options = options();
    options.appearance.shows_holes = true;
    fixture.mount_at(&path, &options)
}

/// Returns the data extents of a file, in pieces.
fn extents(path: &Path) -> Vec<(u64, u64)> {
    let file = File::open(path).unwrap();
    let mut extents = Vec::new();
    let mut at = 0;
    loop {
        let data = match seek(&file, SeekFrom::Data(at)) {
            Ok(data) => data,
            Err(error) => {
                assert_eq!(error, Errno::NXIO);
                return extents;
            }
        };
        at = seek(&file, SeekFrom::Hole(data)).unwrap();
        extents.push((data / PIECE_BYTES, at / PIECE_BYTES));
    }
}

#[test]
fn holes_are_what_is_not_downloaded() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = fixture(true);
        let mount = mount_with_holes(&fixture, dir);
        let path = mount.mountpoint().join("t/file");
        assert_eq!(extents(&path), [(0, 2), (4, 6), (9, 10)]);
        // One request a second suffices.
        assert_eq!(fixture.source.fake.bitfield_requests(), 1);
        let file = File::open(&path).unwrap();
        assert_eq!(seek(&file, SeekFrom::Hole(5)), Ok(2 * PIECE_BYTES));
        assert_eq!(seek(&file, SeekFrom::Data(5)), Ok(5));
        assert_eq!(seek(&file, SeekFrom::Data(FILE_BYTES)), Err(Errno::NXIO));
        assert_eq!(seek(&file, SeekFrom::Hole(u64::MAX >> 1)), Err(Errno::NXIO));
        assert_eq!(seek(&file, SeekFrom::End(-1)), Ok(FILE_BYTES - 1));
        assert_eq!(extents(&mount.mountpoint().join("t/empty")), []);
        assert_eq!(fs::metadata(&path).unwrap().blocks(), PIECE_BYTES * HAVE.len() as u64 / 512);
        fixture.finish(mount);
    });
}

#[test]
fn what_is_complete_or_not_known_has_no_holes() {
    run(tfs_testkit::test_name!(), |dir| {
        let complete = Fixture::new([details()]);
        let mount = mount_with_holes(&complete, &dir.join("complete"));
        let path = mount.mountpoint().join("t/file");
        assert_eq!(extents(&path), [(0, PIECES.into())]);
        assert_eq!(complete.source.fake.bitfield_requests(), 0);
        complete.finish(mount);

        let unknown = fixture(false);
        let mount = mount_with_holes(&unknown, &dir.join("unknown"));
        assert_eq!(extents(&mount.mountpoint().join("t/file")), [(0, PIECES.into())]);
        assert_eq!(unknown.source.fake.bitfield_requests(), 1);
        unknown.finish(mount);

        // The default: a copy must have all bytes or fail.
        let hidden = fixture(true);
        let mount = hidden.mount(dir);
        let path = mount.mountpoint().join("t/file");
        assert_eq!(extents(&path), [(0, PIECES.into())]);
        assert_eq!(hidden.source.fake.bitfield_requests(), 0);
        let auto = dir.join("auto");
        copy("cp", &["--sparse=auto"], &path, &auto);
        check_file(&auto, file_id(1, 0));
        hidden.finish(mount);
    });
}

/// Runs a program that copies.
#[track_caller]
fn copy(program: &str, args: &[&str], from: &Path, to: &Path) {
    let mut command = Command::new(program);
    let done = command.args(args).args([from, to]).status().unwrap();
    assert!(done.success(), "{program} {args:?}");
}

/// A program that looks for holes copies the present bytes, and zeros in between: these ranges are
/// reported as holes. A program that only reads gets all bytes.
#[test]
fn copies_have_what_is_there_and_holes_where_nothing_is() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = fixture(true);
        let mount = mount_with_holes(&fixture, dir);
        let path = mount.mountpoint().join("t/file");
        let whole = FakeSource::content(file_id(1, 0), FILE_BYTES);
        let check_sparse = |copy: &Path| {
            let bytes = fs::read(copy).unwrap();
            assert_eq!(bytes.len() as u64, FILE_BYTES);
            let pieces = bytes.chunks(usize::try_from(PIECE_BYTES).unwrap());
            for (piece_idx, piece) in (0..).zip(pieces) {
                if HAVE.contains(&piece_idx) {
                    whole.check(u64::from(piece_idx) * PIECE_BYTES, piece).unwrap();
                } else {
                    assert!(piece.iter().all(|byte| *byte == 0), "piece {piece_idx}");
                }
            }
        };
        let auto = dir.join("auto");
        copy("cp", &["--sparse=auto"], &path, &auto);
        check_sparse(&auto);
        copy(
            "tar",
            &["-C", mount.mountpoint().join("t").to_str().unwrap(), "-Scf"],
            &dir.join("tar"),
            Path::new("file"),
        );
        copy("tar", &["-C", dir.to_str().unwrap(), "-xf"], &dir.join("tar"), Path::new("file"));
        check_sparse(&dir.join("file"));
        // Even with this option, `cp` (coreutils 9.1) does not read a reported hole.
        let never = dir.join("never");
        copy("cp", &["--sparse=never"], &path, &never);
        check_sparse(&never);
        let all = dir.join("all");
        fs::write(&all, fs::read(&path).unwrap()).unwrap();
        check_file(&all, file_id(1, 0));
        fixture.finish(mount);
    });
}
