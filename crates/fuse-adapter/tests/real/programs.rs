//! Programs that read a file of which only the head is present must fail, and never treat it as
//! whole.

#![expect(clippy::print_stdout, reason = "says what each program makes of it")]

use std::fs;
use std::num::NonZeroU32;
use std::path::Path;
use std::process::{Command, Stdio};

use fuse_adapter::MissingErrno;
use tfs_testkit::fake::{FakeSource, directory, file_id};
use tfs_testkit::skip;
use vfs_core::{Bitfield, MissingPolicy, ReadPolicy, TorrentState, Vfs, VfsConfig};

use crate::support::{Fixture, options, run_long};

const PIECE_BYTES: u32 = 64 << 10;

const PIECES: u32 = 16;

/// A name, a program that exists, and its arguments: `IN` is the file, `OUT` a file to write.
type ProgramCase = (&'static str, &'static str, &'static [&'static str]);

const PROGRAMS: [ProgramCase; 12] = [
    ("Python, read", "python3", &["-c", "print(len(open('IN', 'rb').read()))"]),
    (
        "Python, copyfileobj",
        "python3",
        &["-c", "import shutil; shutil.copyfileobj(open('IN', 'rb'), open('OUT', 'wb'))"],
    ),
    ("Python, copyfile", "python3", &["-c", "import shutil; shutil.copyfile('IN', 'OUT')"]),
    (
        "Python, file_digest",
        "python3",
        &["-c", "import hashlib; print(hashlib.file_digest(open('IN', 'rb'), 'sha1').digest())"],
    ),
    (
        "Perl, slurp",
        "perl",
        // Perl reports no read error unless it is checked.
        &["-e", "open F, '<', 'IN'; local $/; $! = 0; $b = <F>; die $! if $!; print length $b"],
    ),
    ("cat", "cat", &["IN"]),
    ("cp", "cp", &["IN", "OUT"]),
    ("dd", "dd", &["if=IN", "of=OUT", "bs=1M"]),
    ("sha1sum", "sha1sum", &["IN"]),
    ("tar", "tar", &["-cf", "OUT", "IN"]),
    ("rsync", "rsync", &["IN", "OUT"]),
    ("ffprobe", "ffprobe", &["-v", "error", "IN"]),
];

/// Returns a torrent with the first piece of a file.
fn fixture(state: TorrentState, missing: MissingPolicy) -> Fixture {
    let len = u64::from(PIECE_BYTES * PIECES);
    let mut details = directory(1, "t", &[("film.mkv", len)]);
    details.piece_len = NonZeroU32::new(PIECE_BYTES);
    let mut fixture = Fixture::new([details]);
    // Longer than the test may take.
    let read = ReadPolicy { missing, ..ReadPolicy::default() };
    let config = VfsConfig { read, ..VfsConfig::default() };
    fixture.vfs = Vfs::new(fixture.source.clone().into(), config).into();
    let (fake, file) = (&fixture.source.fake, file_id(1, 0));
    fake.set_haves(file.torrent, Bitfield::from_fn(PIECES, |piece| piece == 0).unwrap());
    fake.hold_from(file, PIECE_BYTES.into());
    fake.update(file.torrent, |summary| {
        summary.state = state;
        summary.file_progress = Some([PIECE_BYTES.into()].into());
    });
    fixture.apply();
    fixture
}

/// Runs a program on the file, and checks that it fails.
#[track_caller]
fn check(test: &str, dir: &Path, (name, program, arguments): ProgramCase) {
    let (film, copy) = (dir.join("mnt/t/film.mkv"), dir.join("copy"));
    if copy.exists() {
        fs::remove_file(&copy).unwrap();
    }
    let fill = |argument: &&str| {
        argument.replace("IN", film.to_str().unwrap()).replace("OUT", copy.to_str().unwrap())
    };
    let mut command = Command::new(program);
    command.args(arguments.iter().map(fill)).stdin(Stdio::null());
    let Ok(output) = command.output() else { return skip::for_lack_of(program, test) };
    let said = String::from_utf8_lossy(&output.stderr);
    println!("{name}: {}, {}", output.status, said.trim());
    assert!(!output.status.success(), "{name} takes a part for the whole: {output:?}");
    let is_whole = fs::metadata(&copy).is_ok_and(|copy| copy.len() == fs_len(&film));
    // rsync and tar fill up unread parts, and report a failure.
    assert!(!is_whole || name == "tar", "{name} leaves a copy that looks whole");
}

fn fs_len(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

// <https://github.com/python/cpython/issues/80050>: Python's buffered readers treat EAGAIN as the
// end of the file; FFmpeg, rclone and `hashlib.file_digest` repeat the read without end.
#[test]
fn cpython_gh_80050_no_program_takes_a_head_for_the_whole_file() {
    let test = tfs_testkit::test_name!();
    run_long(test, |dir| {
        for (state, missing) in
            [(TorrentState::Paused, MissingPolicy::Wait), (TorrentState::Live, MissingPolicy::Fail)]
        {
            let fixture = fixture(state, missing);
            let mount = fixture.mount(dir);
            PROGRAMS.into_iter().for_each(|case| check(test, dir, case));
            fixture.finish(mount);
        }
    });
}

/// A read while the torrent is paused left its error behind for a second.
#[test]
fn a_read_after_the_start_of_a_torrent_waits_for_its_data() {
    run_long(tfs_testkit::test_name!(), |dir| {
        let fixture = fixture(TorrentState::Paused, MissingPolicy::Wait);
        let mount = fixture.mount(dir);
        let film = fs::File::open(dir.join("mnt/t/film.mkv")).unwrap();
        let offset = u64::from(PIECE_BYTES * PIECES) - 1000;
        let mut bytes = [0; 1000];
        let mut read = || std::os::unix::fs::FileExt::read_exact_at(&film, &mut bytes, offset);
        assert_eq!(crate::support::errno(read()), rustix::io::Errno::IO);
        let (fake, file) = (&fixture.source.fake, file_id(1, 0));
        fake.let_go(file);
        fake.update(file.torrent, |summary| summary.state = TorrentState::Live);
        fixture.apply();
        read().unwrap();
        let content = FakeSource::content(file, u64::from(PIECE_BYTES * PIECES));
        content.check(offset, &bytes).unwrap();
        fixture.finish(mount);
    });
}

#[test]
fn who_asks_for_another_errno_gets_it() {
    run_long(tfs_testkit::test_name!(), |dir| {
        for (missing_errno, want) in [
            (MissingErrno::Eio, rustix::io::Errno::IO),
            (MissingErrno::Eagain, rustix::io::Errno::AGAIN),
            (MissingErrno::Enodata, rustix::io::Errno::NODATA),
        ] {
            let fixture = fixture(TorrentState::Paused, MissingPolicy::Wait);
            let path = dir.join("mnt");
            fs::create_dir_all(&path).unwrap();
            let mut options = options();
            options.missing_errno = missing_errno;
            let mount = fixture.mount_at(&path, &options);
            let error = fs::read(path.join("t/film.mkv"));
            assert_eq!(crate::support::errno(error), want);
            let head = fs::File::open(path.join("t/film.mkv")).unwrap();
            let mut bytes = vec![0; PIECE_BYTES as usize];
            std::os::unix::fs::FileExt::read_exact_at(&head, &mut bytes, 0).unwrap();
            FakeSource::content(file_id(1, 0), u64::from(PIECE_BYTES * PIECES))
                .check(0, &bytes)
                .unwrap();
            fixture.finish(mount);
        }
    });
}
