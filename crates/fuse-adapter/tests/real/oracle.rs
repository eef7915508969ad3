//! The OS as the oracle: the same tree on disk and in the mount, compared by standard programs.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use tfs_testkit::fake::{FakeSource, directory, file_id};
use tfs_testkit::skip;
use vfs_core::{FileKind, TorrentDetails};

use crate::support::{Fixture, run_long};

/// Lengths around pages and read-ahead windows, and zero.
const FILES: [(&str, u64); 9] = [
    ("empty", 0),
    ("one byte", 1),
    ("Season 1/a page.mkv", 4096),
    ("Season 1/a page and more.mkv", 4097),
    ("Season 1/extras/a window.mkv", 131_072),
    ("Season 2/odd.mkv", 1_234_567),
    ("Season 2/Grüße 🎬.srt", 333),
    (".hidden/deep/er/file", 70_000),
    ("large.bin", 5_000_011),
];

/// The symbolic link of the tree: its path and its target.
const LINK: (&str, &str) = ("Season 2/link.mkv", "../large.bin");

const CREATED: i64 = 1_234_567_890;

/// The tree on disk and in the mount.
struct OraclePair {
    disk: PathBuf,
    mount: PathBuf,
}

impl OraclePair {
    /// Runs a shell command in both trees, and compares what it prints.
    #[track_caller]
    fn check(&self, command: &str) {
        let [disk, mount] = [&self.disk, &self.mount].map(|dir| sh(dir, command));
        assert!(!disk.is_empty(), "{command} prints nothing");
        assert_eq!(mount, disk, "{command}");
    }
}

/// Returns the output of a shell command, which must succeed.
#[track_caller]
fn sh(dir: &Path, command: &str) -> String {
    let mut shell = Command::new("bash");
    shell.args(["-o", "pipefail", "-c", command]).current_dir(dir).env("LC_ALL", "C.UTF-8");
    let output = shell.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaint.is_empty(), "{command}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn torrent() -> TorrentDetails {
    let (link, _) = LINK;
    let mut details = directory(1, "tree", &[FILES.as_slice(), &[(link, 0)]].concat());
    details.created = Some(CREATED);
    details.files[FILES.len()].kind = FileKind::Symlink { target: vec!["large.bin".to_owned()] };
    details
}

/// Creates the tree on disk, with the modes and times of the mount.
fn write_tree(top: &Path) {
    for (index, (name, len)) in (0..).zip(FILES) {
        let path = top.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        FakeSource::content(file_id(1, index), len).write_to(&path).unwrap();
    }
    symlink(LINK.1, top.join(LINK.0)).unwrap();
    set_modes(top, 0o444, 0o555);
    let date = format!("find . -depth -exec touch --no-dereference --date=@{CREATED} {{}} +");
    sh(top, &date);
    let created = SystemTime::UNIX_EPOCH + Duration::from_secs(CREATED.unsigned_abs());
    assert_eq!(File::open(top).unwrap().metadata().unwrap().modified().unwrap(), created);
}

fn set_modes(dir: &Path, file_mode: u32, dir_mode: u32) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            set_modes(&entry.path(), file_mode, dir_mode);
        } else if kind.is_file() {
            fs::set_permissions(entry.path(), Permissions::from_mode(file_mode)).unwrap();
        }
    }
    fs::set_permissions(dir, Permissions::from_mode(dir_mode)).unwrap();
}

fn with_pair(test: &str, body: impl FnOnce(&OraclePair, &Path)) {
    run_long(test, |dir| {
        let disk = dir.join("tree");
        write_tree(&disk);
        let fixture = Fixture::new([torrent()]);
        let mount = fixture.mount(dir);
        let pair = OraclePair { disk, mount: mount.mountpoint().join("tree") };
        body(&pair, dir);
        fixture.finish(mount);
        // A user other than root cannot remove read-only directories.
        set_modes(&pair.disk, 0o644, 0o755);
    });
}

#[test]
fn find_ls_and_du_see_the_same() {
    with_pair(tfs_testkit::test_name!(), |pair, _| {
        // The sizes of directories, and their link counts on some filesystems, are not compared.
        pair.check(r"find . -printf '%y %m %T@ %U %G %p -> %l\n' | sort");
        pair.check(r"find . -not -type d -printf '%s %n %p\n' | sort");
        pair.check("find . -size +4k -size -2M -newermt 2001-01-01 | sort");
        pair.check("find . -empty -type f");
        pair.check(
            "ls -lAR --time-style=+%s . \
             | awk '/^d/ { $2 = $5 = \"\" } /^[-l]/ { $1 = $1 } !/^total/'",
        );
        pair.check("find . -type f -print0 | sort -z | du --apparent-size -cb --files0-from=-");
        pair.check("stat --format '%n %s %F %a %Y' */* | grep -v directory");
        // Complete files occupy their length, rounded up to a block.
        let blocks = sh(&pair.mount, r"find . -type f -printf '%s %b\n'");
        for line in blocks.lines() {
            let (size, blocks) = line.split_once(' ').unwrap();
            let size: u64 = size.parse().unwrap();
            assert_eq!(blocks.parse(), Ok(size.div_ceil(512)), "{line}");
        }
    });
}

#[test]
fn checksums_and_archives_are_the_same() {
    with_pair(tfs_testkit::test_name!(), |pair, _| {
        pair.check("find . -type f -print0 | sort -z | xargs -0 sha256sum");
        pair.check("tar --create --sort=name --format=gnu . | sha256sum");
        pair.check("tail --quiet --bytes=1000 large.bin 'Season 2/odd.mkv' | sha256sum");
        pair.check(
            "dd if=large.bin bs=4097 skip=100 count=9 iflag=fullblock status=none | sha256sum",
        );
    });
}

#[test]
fn copies_are_the_same() {
    let test = tfs_testkit::test_name!();
    with_pair(test, |pair, dir| {
        let (disk, mount) = (pair.disk.to_str().unwrap(), pair.mount.to_str().unwrap());
        let copy = dir.join("copy");
        sh(dir, &format!("cp --archive --sparse=auto {mount} copy"));
        sh(&copy, &format!("diff --recursive --no-dereference . {disk}"));
        sh(&copy, &format!("find . -type f -exec cmp {{}} {mount}/{{}} \\;"));
        for (from, to) in [(disk, mount), (mount, disk), (mount, "copy")] {
            if is_installed("rsync") {
                let rsync = "rsync --dry-run --checksum --archive --delete --itemize-changes";
                assert_eq!(sh(dir, &format!("{rsync} {from}/ {to}/")), "");
            } else {
                // Compared by diff alone.
                skip::for_lack_of("rsync", test);
                sh(dir, &format!("diff --recursive --no-dereference {from} {to}"));
            }
        }
        set_modes(&copy, 0o644, 0o755);
    });
}
