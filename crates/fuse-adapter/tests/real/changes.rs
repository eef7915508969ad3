//! Changes of a mounted filesystem are visible at once, although the kernel caches entries for an
//! hour.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::mem::MaybeUninit;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use fuse_adapter::FuseMount;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags as WatchEvents, WatchFlags};
use rustix::fs::{Advice, fadvise};
use rustix::io::Errno;
use tfs_testkit::fake::{directory, file_id, single_file};

use crate::support::{Fixture, check_file, errno, eventually, quickly, run};

/// Returns the names in a directory.
fn names(dir: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn set_progress(fixture: &Fixture, id: u8, have: &[u64]) {
    fixture.source.fake.update(file_id(id, 0).torrent, |summary| {
        summary.file_progress = Some(have.into());
    });
}

fn blocks(path: &Path) -> u64 {
    fs::metadata(path).unwrap().blocks()
}

/// Lists the root and looks names up until the kernel answers from its cache.
fn warm(mount: &FuseMount, there: &[&str], missing: &[&str]) {
    for _ in 0..2 {
        assert_eq!(names(mount.mountpoint()), set(there));
        for name in there {
            fs::metadata(mount.mountpoint().join(name)).unwrap();
        }
        for name in missing {
            assert_eq!(errno(fs::metadata(mount.mountpoint().join(name))), Errno::NOENT);
        }
    }
}

#[test]
fn what_comes_and_goes_shows_although_it_was_just_listed() {
    run(tfs_testkit::test_name!(), |dir| {
        let old = directory(1, "old", &[("sub/file", 100_000)]);
        let fixture = Fixture::new([old, single_file(3, "single", 100)]);
        let mount = fixture.mount(dir);
        let path = |name: &str| mount.mountpoint().join(name);
        warm(&mount, &["old", "single"], &["new", "other"]);
        let open = File::open(path("old/sub/file")).unwrap();

        fixture.source.fake.add(directory(2, "new", &[("file", 5)]));
        fixture.apply();
        eventually("the new name is found", || path("new").exists());
        eventually("the new name is listed", || names(mount.mountpoint()).contains("new"));
        assert_eq!(fs::metadata(mount.mountpoint()).unwrap().nlink(), 4);
        check_file(&path("new/file"), file_id(2, 0));

        warm(&mount, &["new", "old", "single"], &["other"]);
        fixture.source.fake.remove(file_id(1, 0).torrent);
        fixture.source.fake.remove(file_id(3, 0).torrent);
        fixture.apply();
        eventually("the old names are gone", || !path("old").exists() && !path("single").exists());
        eventually("they are not listed", || names(mount.mountpoint()) == set(&["new"]));
        assert_eq!(errno(fs::metadata(path("old/sub/file"))), Errno::NOENT);
        // The kernel knows the file by its number; its cached attributes are outdated too.
        eventually("its attributes are gone", || open.metadata().is_err());
        assert_eq!(errno(open.metadata()), Errno::STALE);
        assert_eq!(errno(std::io::read_to_string(&open)), Errno::STALE);
        drop(open);
        fixture.finish(mount);
    });
}

#[test]
fn progress_shows_in_attributes_that_were_just_looked_at() {
    run(tfs_testkit::test_name!(), |dir| {
        let files = [("a", 1 << 20), ("sub/b", 1 << 20)];
        let fixture = Fixture::new([directory(1, "t", &files), single_file(2, "s", 1 << 20)]);
        set_progress(&fixture, 1, &[0, 512]);
        set_progress(&fixture, 2, &[0]);
        fixture.apply();
        let mount = fixture.mount(dir);
        let path = |name: &str| mount.mountpoint().join(name);
        let seen = || ["t/a", "t/sub/b", "s"].map(|name| blocks(&path(name)));
        assert_eq!(seen(), [0, 1, 0]);
        set_progress(&fixture, 1, &[1024, 1 << 20]);
        set_progress(&fixture, 2, &[1 << 20]);
        fixture.apply();
        eventually("the progress shows", || seen() == [2, 2048, 2048]);
        // A complete file is checked again, and found incomplete.
        set_progress(&fixture, 2, &[512]);
        fixture.apply();
        eventually("the loss shows", || blocks(&path("s")) == 1);
        fixture.finish(mount);
    });
}

/// The kernel does not accept a deleted directory as alive again while a process is in it.
#[test]
fn a_torrent_that_comes_back_is_whole_although_somebody_is_in_its_directory() {
    run(tfs_testkit::test_name!(), |dir| {
        let details = directory(1, "t", &[("file", 5000)]);
        let fixture = Fixture::new([details.clone()]);
        let mount = fixture.mount(dir);
        let path = mount.mountpoint().join("t");
        let ino = fs::metadata(&path).unwrap().ino();
        let mut inside = Command::new("cat")
            .current_dir(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..3 {
            fixture.source.fake.remove(file_id(1, 0).torrent);
            fixture.apply();
            eventually("it is gone", || !path.exists());
            fixture.source.fake.add(details.clone());
            fixture.apply();
            eventually("it is back", || path.exists());
            assert_eq!(names(&path), set(&["file"]));
            check_file(&path.join("file"), file_id(1, 0));
            assert_eq!(fs::metadata(&path).unwrap().ino(), ino);
        }
        drop(inside.stdin.take());
        assert!(inside.wait().unwrap().success());
        fixture.finish(mount);
    });
}

/// A waiting read keeps pages locked, and the kernel waits for them when it drops a file.
#[test]
fn a_read_that_waits_does_not_hold_up_the_root_when_its_torrent_goes() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = Fixture::new([single_file(1, "t", 4 << 20), single_file(2, "u", 1)]);
        let mount = fixture.mount(dir);
        let path = mount.mountpoint().join("t");
        fixture.source.fake.hold(file_id(1, 0));
        let file = File::open(&path).unwrap();
        // No process waits for these pages, and none has the file open.
        fadvise(&file, 0, None, Advice::WillNeed).unwrap();
        eventually("the read is under way", || fixture.source.fake.open_now() > 0);
        drop(file);
        fixture.source.fake.remove(file_id(1, 0).torrent);
        fixture.apply();
        eventually("it is gone", || quickly(|| names(mount.mountpoint())) == set(&["u"]));
        assert!(fixture.source.fake.open_now() > 0);
        fixture.finish(mount);
    });
}

/// Watches paths and returns the events until `change` is visible.
fn watched(paths: &[&Path], change: impl FnOnce()) -> Vec<(usize, WatchEvents)> {
    let inotify = inotify::init(CreateFlags::NONBLOCK).unwrap();
    let watch = |path: &&Path| inotify::add_watch(&inotify, *path, WatchFlags::ALL_EVENTS).unwrap();
    let watches: Vec<_> = paths.iter().map(watch).collect();
    change();
    let mut buf = [MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(&inotify, &mut buf);
    let events =
        std::iter::from_fn(|| events.next().ok().map(|event| (event.wd(), event.events())));
    // Events of the test itself are included too.
    let of_change = |(watch, events): (i32, WatchEvents)| {
        let ours = WatchEvents::OPEN | WatchEvents::ACCESS | WatchEvents::CLOSE_NOWRITE;
        let is_ours = events.intersects(ours);
        let position = watches.iter().position(|known| *known == watch).unwrap();
        (!is_ours).then_some((position, events))
    };
    events.filter_map(of_change).collect()
}

#[test]
fn watchers_hear_of_a_directory_that_is_gone_and_of_nothing_else() {
    run(tfs_testkit::test_name!(), |dir| {
        let torrents = [directory(1, "dir", &[("file", 5000)]), single_file(2, "single", 5000)];
        let fixture = Fixture::new(torrents);
        set_progress(&fixture, 1, &[0]);
        fixture.apply();
        let mount = fixture.mount(dir);
        let path = |name: &str| mount.mountpoint().join(name);
        let (root, dir, file, single) = (path(""), path("dir"), path("dir/file"), path("single"));
        let all = [&*root, &*dir, &*file, &*single];

        let heard = watched(&all, || {
            fixture.source.fake.add(single_file(3, "new", 5));
            set_progress(&fixture, 1, &[5000]);
            fixture.apply();
            eventually("it shows", || names(&root).contains("new") && blocks(&file) > 0);
        });
        assert_eq!(heard, []);
        let heard = watched(&all, || {
            fixture.source.fake.remove(file_id(1, 0).torrent);
            fixture.source.fake.remove(file_id(2, 0).torrent);
            assert_eq!(fs::metadata(&root).unwrap().nlink(), 3);
            fixture.apply();
            // The attributes of the root are the last notification.
            eventually("it shows", || fs::metadata(&root).unwrap().nlink() == 2);
        });
        assert_eq!(names(&root), set(&["new"]));
        assert_eq!(heard, [(1, WatchEvents::DELETE_SELF), (1, WatchEvents::IGNORED)]);
        fixture.finish(mount);
    });
}
