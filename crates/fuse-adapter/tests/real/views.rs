//! Views of a mounted filesystem, with the kernel's caches in front of them.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustix::io::Errno;
use tfs_testkit::fake::{FakeSource, directory, file_id, single_file};
use vfs_core::{
    ArrangedTorrent, Arrangement, Bitfield, RootContents, ServerId, TorrentDetails, ViewPlace,
};

use crate::support::{Fixture, check_file, errno, eventually, run};

const AT: i64 = 1_500_000_100;

/// `Kids` has what is tagged so, `Flat` the selected videos of all without their folders.
#[derive(Debug)]
struct KidsAndFlat;

impl Arrangement for KidsAndFlat {
    fn view_names(&self) -> Vec<String> {
        ["Kids", "Flat"].map(str::to_owned).into()
    }

    fn places(&self, torrent: &ArrangedTorrent<'_>) -> Vec<ViewPlace> {
        let is_tagged = torrent.tags.iter().any(|tag| tag == "kids");
        let selected = torrent.files.iter().filter(|file| file.is_selected);
        let selected: Vec<_> = selected.map(|file| file.index).collect();
        let place = |view| ViewPlace {
            view,
            name: None,
            files: Some(selected.clone()),
            is_flat: view == 1,
            hides_duplicates: false,
        };
        (0..2).filter(|view| *view == 1 || is_tagged).map(place).collect()
    }
}

fn library() -> [TorrentDetails; 2] {
    let show = directory(1, "show", &[("s1/a.mkv", 200_000), ("s2/b.mkv", 100_000)]);
    [show, single_file(2, "film.mkv", 50_000)]
}

fn fixture(contents: RootContents) -> Fixture {
    Fixture::with_views(library(), Arc::new(KidsAndFlat), contents)
}

fn tag(fixture: &Fixture, id: u8, tags: &[&str]) {
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    fixture.vfs.set_tags(file_id(id, 0).torrent, tags, AT);
}

/// Returns the numbers and paths of everything, as find sees them.
fn find(mount: &Path) -> Vec<String> {
    let output = Command::new("find").arg(mount).args(["-printf", "%i %P\n"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_torrent_that_is_tagged_moves_although_its_view_was_just_listed() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = fixture(RootContents::Both);
        let mount = fixture.mount(dir);
        let path = |name: &str| mount.mountpoint().join(name);
        assert_eq!(names(mount.mountpoint()), ["Flat", "Kids", "film.mkv", "show"]);
        assert_eq!(names(&path("Flat")), ["a.mkv", "b.mkv", "film.mkv"]);
        for _ in 0..2 {
            assert_eq!(names(&path("Kids")), [""; 0]);
            assert_eq!(errno(fs::metadata(path("Kids/show"))), Errno::NOENT);
        }
        tag(&fixture, 1, &["kids"]);
        eventually("the torrent is found", || path("Kids/show/s2/b.mkv").exists());
        eventually("it is listed", || names(&path("Kids")) == ["show"]);
        eventually("the time is that of the tag", || {
            fs::metadata(path("Kids")).unwrap().mtime() == AT
        });
        for file in ["Kids/show/s1/a.mkv", "Flat/a.mkv", "show/s1/a.mkv"] {
            check_file(&path(file), file_id(1, 0));
        }
        let numbers = ["Kids/show/s1/a.mkv", "Flat/a.mkv", "show/s1/a.mkv"]
            .map(|file| fs::metadata(path(file)).unwrap().ino());
        assert!(numbers[0] != numbers[1] && numbers[1] != numbers[2] && numbers[0] != numbers[2]);

        // Nothing in a view can be changed.
        assert_eq!(errno(fs::remove_file(path("Flat/a.mkv"))), Errno::ROFS);
        assert_eq!(errno(fs::remove_dir_all(path("Kids/show"))), Errno::ROFS);
        assert_eq!(errno(fs::create_dir(path("Kids/new"))), Errno::ROFS);
        assert_eq!(errno(fs::rename(path("Kids"), path("Other"))), Errno::ROFS);

        let open = File::open(path("Kids/show/s2/b.mkv")).unwrap();
        tag(&fixture, 1, &[]);
        eventually("the torrent is gone", || !path("Kids/show").exists());
        eventually("it is not listed", || names(&path("Kids")).is_empty());
        // What is open stays readable.
        let mut bytes = vec![0; 1000];
        open.read_exact_at(&mut bytes, 70_000).unwrap();
        FakeSource::content(file_id(1, 1), 100_000).check(70_000, &bytes).unwrap();
        drop(open);
        fixture.finish(mount);
    });
}

#[test]
fn files_that_are_not_downloaded_leave_folders_that_were_just_listed() {
    run(tfs_testkit::test_name!(), |dir| {
        let fixture = fixture(RootContents::Views);
        tag(&fixture, 1, &["kids"]);
        let mount = fixture.mount(dir);
        let path = |name: &str| mount.mountpoint().join(name);
        assert_eq!(names(mount.mountpoint()), ["Flat", "Kids"]);
        let number = fs::metadata(path("Kids/show/s2/b.mkv")).unwrap().ino();
        assert_eq!(names(&path("Kids/show")), ["s1", "s2"]);
        let select = |files: Option<u32>| {
            let selected =
                files.and_then(|files| Bitfield::from_fn(2, |file| files >> file & 1 == 1));
            fixture.vfs.set_selection(ServerId::FIRST, file_id(1, 0).torrent, selected, AT);
        };
        select(Some(1));
        eventually("the folder is gone", || names(&path("Kids/show")) == ["s1"]);
        eventually("so is its file", || !path("Kids/show/s2/b.mkv").exists());
        eventually("and its links", || fs::metadata(path("Kids/show")).unwrap().nlink() == 3);
        eventually("and that in the view", || names(&path("Flat")) == ["a.mkv", "film.mkv"]);
        select(None);
        eventually("the file is back", || path("Kids/show/s2/b.mkv").exists());
        eventually("it is listed", || names(&path("Kids/show")) == ["s1", "s2"]);
        assert_eq!(fs::metadata(path("Kids/show/s2/b.mkv")).unwrap().ino(), number);
        check_file(&path("Kids/show/s2/b.mkv"), file_id(1, 1));
        fixture.finish(mount);
    });
}

#[test]
fn numbers_and_paths_are_the_same_after_a_restart() {
    run(tfs_testkit::test_name!(), |dir| {
        let seen = [0, 1].map(|_| {
            let fixture = fixture(RootContents::Both);
            tag(&fixture, 2, &["kids"]);
            let mount = fixture.mount(dir);
            let found = find(mount.mountpoint());
            let link: PathBuf = fs::read_link(
                mount.mountpoint().join(".tfs/by-hash").join(file_id(2, 0).torrent.to_string()),
            )
            .unwrap();
            assert_eq!(link, Path::new("../../film.mkv"));
            fixture.finish(mount);
            found
        });
        assert_eq!(seen[0], seen[1]);
        // The root, two views with four files, and four nodes of a folder and a file.
        assert_eq!(seen[0].len(), 1 + 2 + 4 + 6);
    });
}
