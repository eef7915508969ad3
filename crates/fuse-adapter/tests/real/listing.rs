//! Names and attributes, as seen by `ls`, `stat`, `df` and `readlink`.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;

use rustix::fs::{Dir, statvfs};
use rustix::io::Errno;
use tfs_sys::mountinfo::MountTable;
use tfs_testkit::fake::{directory, file_id, single_file};
use vfs_core::{FileEntry, FileKind};

use crate::support::{Fixture, check_file, errno, eventually, options, run, run_as_root};

#[test]
fn attributes_are_those_of_the_torrent() {
    run_as_root(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::new([directory(7, "torrent", &[("a/file", 1_000_000)])]);
        fixture.source.fake.update(file_id(7, 0).torrent, |summary| {
            summary.file_progress = Some(vec![5000].into());
        });
        fixture.apply();
        let path = dir.join("mnt");
        fs::create_dir(&path).unwrap();
        let mut options = options();
        let appearance = &mut options.appearance;
        (appearance.uid, appearance.gid, appearance.umask) = (1234, 567, 0o027);
        let mount = fixture.mount_at(&path, &options);

        let file = fs::metadata(path.join("torrent/a/file")).unwrap();
        assert_eq!((file.mode(), file.nlink()), (0o100_440, 1));
        assert_eq!((file.uid(), file.gid()), (1234, 567));
        assert_eq!((file.len(), file.blocks(), file.blksize()), (1_000_000, 10, 4096));
        assert_eq!([file.mtime(), file.ctime(), file.atime()], [1_000_000_007; 3]);
        let torrent = fs::metadata(path.join("torrent")).unwrap();
        assert_eq!((torrent.mode(), torrent.nlink()), (0o040_550, 3));
        assert_eq!(fs::metadata(&path).unwrap().ino(), 1);

        let missing = |name| errno(fs::metadata(path.join(name)));
        assert_eq!(missing("missing"), Errno::NOENT);
        assert_eq!(missing("torrent/missing"), Errno::NOENT);
        assert_eq!(missing("torrent/a/file/x"), Errno::NOTDIR);
        assert_eq!(missing(&"x".repeat(1000)), Errno::NAMETOOLONG);
        fixture.finish(mount);
    });
}

#[test]
fn the_mount_is_what_was_asked_for() {
    run_as_root(tfs_testkit::test_name!(), |dir| {
        let path = dir.join("a mount\tpoint");
        fs::create_dir(&path).unwrap();
        let fixture = Fixture::new([]);
        let mut options = options();
        options.allow_other = true;
        let mount = fixture.mount_at(&path, &options);
        let table = MountTable::read().unwrap();
        let entry = table.at(&path).unwrap();
        assert_eq!(entry.fs_type, "fuse.tfs");
        assert_eq!(entry.source.to_str(), Some("http://127.0.0.1:3030%2C%20a%20b"));
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let line = mounts.lines().find(|line| line.contains("a\\040mount\\011point")).unwrap();
        for option in ["ro", "nosuid", "nodev", "noexec", "default_permissions", "allow_other"] {
            assert!(line.split([' ', ',']).any(|word| word == option), "{option}: {line}");
        }
        let read_ahead = format!("/sys/class/bdi/{}/read_ahead_kb", entry.device);
        assert_eq!(fs::read_to_string(read_ahead).unwrap().trim(), "256");
        fixture.finish(mount);
    });
}

#[test]
fn a_large_directory_lists_and_seeks() {
    const COUNT: usize = 5000;
    run(tfs_testkit::test_name!(), |dir| {
        let names: Vec<_> = (0..COUNT).map(|n| format!("a file with a long name {n}")).collect();
        let files: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
        let singles = (2..200).map(|id| single_file(id, &format!("single {id}"), 1));
        let torrents = std::iter::once(directory(1, "torrent", &files)).chain(singles);
        let fixture = Fixture::new(torrents);
        let mount = fixture.mount(dir);

        let mut want: BTreeSet<_> = names.iter().cloned().collect();
        want.extend([".".to_owned(), "..".to_owned()]);
        check_listing(&mount.mountpoint().join("torrent"), &want);
        let mut want: BTreeSet<_> = (2..200).map(|id| format!("single {id}")).collect();
        want.extend(["torrent", ".", ".."].map(str::to_owned));
        check_listing(mount.mountpoint(), &want);
        // Each of them can also be looked up.
        for name in names.iter().step_by(97) {
            assert_eq!(
                fs::metadata(mount.mountpoint().join("torrent").join(name)).unwrap().len(),
                1
            );
        }
        fixture.finish(mount);
    });
}

/// Lists a directory three times: from the start, after a rewind, and from positions inside.
#[track_caller]
fn check_listing(path: &Path, want: &BTreeSet<String>) {
    let mut dir = Dir::new(File::open(path).unwrap()).unwrap();
    let first = rest(&mut dir);
    assert_eq!(first.len(), want.len());
    assert_eq!(&first.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>(), want);
    dir.rewind();
    assert_eq!(rest(&mut dir), first);
    for position in [0, 1, 2, 3, first.len() / 2, first.len() - 2, first.len() - 1] {
        dir.seek(first[position].1).unwrap();
        assert_eq!(rest(&mut dir), first[position + 1..], "after entry {position}");
    }
}

/// Returns the remaining entries, each with the position after it.
fn rest(dir: &mut Dir) -> Vec<(String, i64)> {
    let entries = std::iter::from_fn(|| dir.read()).map(Result::unwrap);
    entries.map(|entry| (entry.file_name().to_str().unwrap().to_owned(), entry.offset())).collect()
}

#[test]
fn links_lead_where_the_torrent_says() {
    run(tfs_testkit::test_name!(), |dir| {
        let mut details = directory(1, "torrent", &[("folder/file", 10_000)]);
        let target = vec!["folder".to_owned(), "file".to_owned()];
        details.files.push(FileEntry {
            path: vec!["links".to_owned(), "link".to_owned()],
            len: 0,
            kind: FileKind::Symlink { target },
        });
        let fixture = Fixture::new([details]);
        let mount = fixture.mount(dir);
        let link = mount.mountpoint().join("torrent/links/link");
        for _ in 0..2 {
            assert_eq!(fs::read_link(&link).unwrap(), Path::new("../folder/file"));
        }
        assert_eq!(fs::symlink_metadata(&link).unwrap().mode(), 0o120_777);
        check_file(&link, file_id(1, 0));
        let file = fs::read_link(mount.mountpoint().join("torrent/folder/file"));
        assert_eq!(errno(file), Errno::INVAL);
        fixture.finish(mount);
    });
}

#[test]
fn statfs_tells_sizes() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::new([single_file(1, "file", 40_961)]);
        let mount = fixture.mount(dir);
        let stats = statvfs(mount.mountpoint()).unwrap();
        assert_eq!((stats.f_bsize, stats.f_frsize, stats.f_namemax), (4096, 4096, 255));
        assert_eq!((stats.f_blocks, stats.f_bfree, stats.f_bavail), (11, 11, 11));
        assert_eq!((stats.f_files, stats.f_ffree), (2, 2));
        fixture.finish(mount);
    });
}

#[test]
fn nothing_can_be_written() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::new([directory(1, "torrent", &[("file", 100)])]);
        let mount = fixture.mount(dir);
        let path = |name: &str| mount.mountpoint().join(name);
        let file = path("torrent/file");
        let appended = OpenOptions::new().append(true).open(&file);
        let truncated = OpenOptions::new().write(true).truncate(true).open(&file);
        let readable = fs::metadata(&file).unwrap().permissions();
        for got in [
            errno(appended),
            errno(truncated),
            errno(File::create(path("torrent/new"))),
            errno(fs::create_dir(path("new"))),
            errno(fs::remove_file(&file)),
            errno(fs::remove_dir(path("torrent"))),
            errno(fs::rename(&file, path("torrent/other"))),
            errno(fs::hard_link(&file, path("torrent/other"))),
            errno(symlink("x", path("link"))),
            errno(fs::set_permissions(&file, readable)),
        ] {
            assert_eq!(got, Errno::ROFS);
        }
        check_file(&file, file_id(1, 0));
        fixture.finish(mount);
    });
}

#[test]
fn torrents_come_and_go_while_mounted() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::new([directory(1, "first", &[("file", 100_000)])]);
        let mount = fixture.mount(dir);
        let path = |name: &str| mount.mountpoint().join(name);
        let open = File::open(path("first/file")).unwrap();
        assert_eq!(errno(fs::metadata(path("second"))), Errno::NOENT);

        fixture.source.fake.add(directory(2, "second", &[("file", 5)]));
        fixture.source.fake.remove(file_id(1, 0).torrent);
        fixture.apply();
        // The kernel may cache names of the root, and negative entries, for a second.
        eventually("the new torrent shows", || path("second/file").exists());
        eventually("the old torrent is gone", || !path("first").exists());
        assert_eq!(fs::read_dir(mount.mountpoint()).unwrap().count(), 1);
        check_file(&path("second/file"), file_id(2, 0));
        let read = std::io::read_to_string(&open);
        assert_eq!(errno(read), Errno::STALE);
        drop(open);
        fixture.finish(mount);
    });
}
