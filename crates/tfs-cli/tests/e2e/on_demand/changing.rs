//! `tfs on-demand`, and events of torrents that are on demand.

use std::fs::{self, File};

use tfs_testkit::isolate;
use tfs_testkit::until::until;

use super::LIMIT;
use super::stage::{DemandStage, read_mib, records};
use crate::support::{Mounted, run, tfs};

#[test]
fn on_deselects_and_off_selects_all() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let it = DemandStage::without_records(dir, false);
    assert_eq!(it.selected().as_deref(), Some(&[0, 1, 2][..]));
    println!("{}", it.set_mode(&["off"]));
    assert_eq!(it.selected().as_deref(), Some(&[0, 1, 2][..]));
    assert!(records(dir).is_empty());
    it.set_mode(&["on"]);
    assert_eq!(it.selected().as_deref(), Some(&[][..]));
    assert_eq!(records(dir), ["pieces settled -"]);
    it.set_mode(&["on", "--mode", "file"]);
    assert_eq!(records(dir), ["file settled -"]);
    it.select(&[1]);
    it.set_mode(&["on", "--mode", "file"]);
    assert_eq!(it.selected().as_deref(), Some(&[][..]));
    it.set_mode(&["off"]);
    assert_eq!(it.selected().as_deref(), Some(&[0, 1, 2][..]));
    assert!(records(dir).is_empty());
}

#[test]
fn a_mount_follows_the_mode() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let it = DemandStage::new(dir, "file", false);
        let mounted = Mounted::new(dir, &it.url);
        let mut film = File::open(mounted.path.join("films/film.mkv")).unwrap();
        read_mib(&mut film, 17);
        it.wait_selected(&[0]);
        // The reader is there still, and its file is no longer selected.
        it.set_mode(&["on", "--mode", "pieces"]);
        it.wait_selected(&[]);
        it.wait_records("pieces settled -");
        it.set_mode(&["on", "--mode", "file"]);
        it.wait_selected(&[0]);
        it.set_mode(&["off"]);
        it.wait_selected(&[0, 1, 2]);
        drop(film);
        assert!(records(dir).is_empty());
        mounted.unmount();
        assert_eq!(it.selected().as_deref(), Some(&[0, 1, 2][..]));
    });
}

#[test]
fn what_an_earlier_process_left_is_finished() {
    isolate::run_with_fuse(tfs_testkit::test_name!(), LIMIT, |dir| {
        let it = DemandStage::new(dir, "file", false);
        let path = dir.join("state/tfs/on-demand");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("settled -", "pending 2:00000000000000aa")).unwrap();
        it.select(&[0, 2]);
        let mounted = Mounted::new(dir, &it.url);
        it.wait_selected(&[]);
        it.wait_records("file settled -");
        // A torrent that another client removes has no record for long.
        run(tfs(dir).args(["forget", "--server", &it.url, "films"]));
        until("the record is gone", || records(dir).is_empty().then_some(()));
        mounted.unmount();
    });
}
