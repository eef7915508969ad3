//! Mode `file`: files of proven readers are selected.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom};
use std::path::Path;

use tfs_testkit::isolate;
use tfs_testkit::until::until;

use super::LIMIT;
use super::stage::{DemandStage, MIB, read_mib, records};
use crate::support::Mounted;

/// Returns the files of the record, each with the number of mounts that hold it.
fn held(dir: &Path) -> Vec<(usize, usize)> {
    let records = records(dir);
    let files = records[0].split(' ').nth(2).unwrap().to_owned();
    let files = files.split(',').filter_map(|file| file.split_once(':'));
    files.map(|(file, holders)| (file.parse().unwrap(), holders.split('+').count())).collect()
}

fn check_reader(it: &DemandStage<'_>) {
    let dir = it.dir;
    let mounted = Mounted::new(dir, &it.url);
    let folder = mounted.path.join("films");
    // A scanner reads parts.
    let mut other = File::open(folder.join("other.mkv")).unwrap();
    read_mib(&mut other, 4);
    other.seek(SeekFrom::Start(20 * MIB)).unwrap();
    read_mib(&mut other, 4);
    let mut film = File::open(folder.join("film.mkv")).unwrap();
    read_mib(&mut film, 17);
    it.wait_selected(&[0]);
    assert_eq!(held(dir), [(0, 1)]);
    // The user selects another one meanwhile.
    it.select(&[0, 1]);
    drop(film);
    it.wait_selected(&[1]);
    it.wait_records("file settled -");
    drop(other);
    mounted.unmount();
}

#[test]
fn the_file_of_a_proven_reader_is_selected_while_it_reads() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        check_reader(&DemandStage::new(dir, "file", false));
    });
}

/// Nothing is read: rqbit 8 may part with its only peer at a deselection, and takes no other.
#[test]
fn a_command_deselects_the_files_of_rqbit_8() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let it = DemandStage::without_records(dir, true);
        it.set_mode(&["on", "--mode", "file"]);
        assert_eq!(it.selected().as_deref(), Some(&[][..]));
        it.wait_records("file settled -");
    });
}

#[test]
fn what_the_user_selected_stays() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let it = DemandStage::new(dir, "file", false);
        it.select(&[2]);
        let mounted = Mounted::new(dir, &it.url);
        let mut other = File::open(mounted.path.join("films/other.mkv")).unwrap();
        read_mib(&mut other, 17);
        let mut film = File::open(mounted.path.join("films/film.mkv")).unwrap();
        read_mib(&mut film, 17);
        it.wait_selected(&[0, 2]);
        assert_eq!(held(dir), [(0, 1)]);
        drop((film, other));
        it.wait_selected(&[2]);
        it.wait_records("file settled -");
        mounted.unmount();
    });
}

#[test]
fn nothing_stays_selected_after_a_crash_or_an_unmount() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let it = DemandStage::new(dir, "file", false);
        let mounted = Mounted::new(dir, &it.url);
        let path = mounted.path.join("films/film.mkv");
        let mut film = File::open(&path).unwrap();
        read_mib(&mut film, 17);
        it.wait_selected(&[0]);
        mounted.crash();
        drop(film);
        assert_eq!(it.selected().as_deref(), Some(&[0][..]));
        drop(mounted);
        let mounted = Mounted::new(dir, &it.url);
        it.wait_selected(&[]);
        it.wait_records("file settled -");
        let mut film = File::open(&path).unwrap();
        read_mib(&mut film, 17);
        it.wait_selected(&[0]);
        drop(film);
        mounted.unmount();
        assert_eq!(it.selected().as_deref(), Some(&[][..]));
        assert_eq!(records(dir), ["file settled -"]);
        let holders = fs::read_dir(dir.join("state/tfs/on-demand.d")).unwrap().count();
        assert_eq!(holders, 0);
    });
}

#[test]
fn a_file_stays_selected_while_one_of_two_mounts_reads_it() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let it = DemandStage::new(dir, "file", false);
        let first = Mounted::new(dir, &it.url);
        let path = dir.join("second");
        fs::create_dir(&path).unwrap();
        let mut mount = crate::support::tfs(dir);
        mount.args(["mount", "--server", &it.url, "--local-paths", "off"]);
        crate::support::run(mount.arg(&path));
        let second = Mounted::at(path, dir);
        let mut readers = Vec::new();
        for mounted in [&first, &second] {
            let mut film = File::open(mounted.path.join("films/film.mkv")).unwrap();
            read_mib(&mut film, 17);
            readers.push(film);
        }
        until("both hold it", || (held(dir) == [(0, 2)]).then_some(()));
        drop(readers.remove(0));
        until("one holds it", || (held(dir) == [(0, 1)]).then_some(()));
        assert_eq!(it.selected().as_deref(), Some(&[0][..]));
        drop(readers);
        it.wait_selected(&[]);
        it.wait_records("file settled -");
        first.unmount();
        second.unmount();
    });
}
