//! The ledger and the held folder, with real files and a clock that the test moves.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use expect_test::{Expect, expect};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tokio::time::Instant;

use super::content::WatchKind;
use super::held_dir::{HeldDir, OpenFault};
use super::ledger::{FileLedger, QUIET_TIME, SETTLE_TIME};
use super::marks::FileMark;

/// A folder and what is known about its files.
struct Fixture {
    dir: tempfile::TempDir,
    held: HeldDir,
    ledger: FileLedger,
    start: Instant,
    now: Instant,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let held = HeldDir::open(dir.path()).unwrap();
        let start = Instant::now();
        Self { dir, held, ledger: FileLedger::default(), start, now: start }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join(name), text).unwrap();
    }

    fn found(&self, recursive: bool) -> Vec<PathBuf> {
        let wants = |name: &std::ffi::OsStr| WatchKind::of(name, false).is_some();
        let found = self.held.find(recursive, wants, |_| {}).unwrap();
        found.files.into_iter().map(|file| file.path).collect()
    }

    /// Scans, and returns what is due.
    fn due(&mut self) -> String {
        let wants = |name: &std::ffi::OsStr| WatchKind::of(name, false).is_some();
        let found = self.held.find(false, wants, |_| {}).unwrap();
        self.ledger.update(found.files, true, self.now, |path| {
            WatchKind::of(path.file_name().unwrap(), false).is_some_and(WatchKind::has_end)
        });
        let due = self.ledger.due(self.now, 9, |_| true);
        due.iter().map(|(path, task)| format!("{} {task:?}\n", path.display())).collect()
    }

    #[track_caller]
    fn check(&mut self, want: &Expect) {
        want.assert_eq(&self.due());
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }
}

#[test]
fn an_unusable_file_is_refused_once_it_stays_as_it_is() {
    let mut it = Fixture::new();
    it.write("a.torrent", "d4:info");
    it.check(&expect!["a.torrent Examine { is_final: false }\n"]);
    it.ledger.on_unusable("a.torrent".as_ref(), it.now);
    it.check(&expect![""]);
    it.pass(SETTLE_TIME - Duration::from_millis(1));
    it.check(&expect![""]);
    // It goes on.
    it.write("a.torrent", "d4:infode");
    it.check(&expect!["a.torrent Examine { is_final: false }\n"]);
    it.ledger.on_unusable("a.torrent".as_ref(), it.now);
    it.pass(SETTLE_TIME);
    it.check(&expect!["a.torrent Examine { is_final: true }\n"]);
}

#[test]
fn text_has_no_end_and_is_read_when_it_is_quiet() {
    let mut it = Fixture::new();
    it.write("a.magnet", "magnet:");
    it.check(&expect![""]);
    assert_eq!(it.ledger.next_deadline(|_| true), Some(it.start + QUIET_TIME));
    // While others are sent, it is not due, and nothing waits for it.
    assert_eq!(it.ledger.next_deadline(|_| false), None);
    assert_eq!(it.ledger.due(it.start + QUIET_TIME, 9, |_| false), []);
    it.pass(QUIET_TIME);
    it.check(&expect!["a.magnet Examine { is_final: false }\n"]);
    it.ledger.on_ignored("a.magnet".as_ref());
    it.check(&expect![""]);
    assert_eq!((it.ledger.next_deadline(|_| true), it.ledger.waiting_count()), (None, 0));
}

#[test]
fn failures_are_retried_ever_more_rarely() {
    let mut it = Fixture::new();
    it.write("a.torrent", "x");
    it.due();
    let path = Path::new("a.torrent");
    let mut waits = Vec::new();
    for _ in 0..9 {
        it.ledger.on_failed(path, "no peers".to_owned(), it.now);
        let wait = it.ledger.next_deadline(|_| true).unwrap() - it.now;
        waits.push(wait.as_secs());
        it.pass(wait);
        assert_ne!(it.due(), "");
    }
    assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
    // A file that was added and keeps its name is only renamed, never sent again.
    it.ledger.on_not_marked(path, FileMark::Added, "read-only".to_owned(), it.now);
    it.check(&expect![""]);
    it.pass(Duration::from_secs(3600));
    it.check(&expect!["a.torrent Mark(Added)\n"]);
    assert_eq!(it.ledger.failed().collect::<Vec<_>>(), [(path, "read-only")]);
    it.ledger.remove(path);
    fs::remove_file(it.dir.path().join(path)).unwrap();
    it.check(&expect![""]);
    assert_eq!(it.ledger.waiting_count(), 0);
}

#[test]
fn a_file_that_is_being_sent_is_left_alone() {
    let mut it = Fixture::new();
    it.write("a.magnet", "x");
    it.due();
    let stamp = it.ledger.stamp("a.magnet".as_ref()).unwrap();
    it.ledger.on_sending("a.magnet".as_ref(), stamp);
    it.write("a.magnet", "another one");
    it.pass(Duration::from_secs(99));
    it.check(&expect![""]);
    assert!(!it.held.has("a.magnet".as_ref(), stamp));
    fs::remove_file(it.dir.path().join("a.magnet")).unwrap();
    it.check(&expect![""]);
    assert_eq!(it.ledger.waiting_count(), 1);
}

#[test]
fn only_regular_files_are_found_and_read() {
    let it = Fixture::new();
    let root = it.dir.path();
    it.write("a.torrent", "x");
    fs::create_dir_all(root.join("sub/dir.torrent")).unwrap();
    fs::create_dir(root.join(".hidden")).unwrap();
    it.write(".hidden/h.torrent", "x");
    it.write("sub/dir.torrent/c.torrent", "x");
    symlink("a.torrent", root.join("link.torrent")).unwrap();
    symlink("sub", root.join("linked")).unwrap();
    mknodat(CWD, root.join("pipe.torrent"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    assert_eq!(it.found(false), [Path::new("a.torrent")]);
    assert_eq!(it.found(true), [Path::new("a.torrent"), Path::new("sub/dir.torrent/c.torrent")]);
    let read = |path: &str| it.held.read(path.as_ref(), 3).map(|(bytes, _)| bytes);
    assert_eq!(read("a.torrent").unwrap(), b"x");
    assert_eq!(read("sub/dir.torrent/c.torrent").unwrap(), b"x");
    for path in ["link.torrent", "pipe.torrent", "linked/dir.torrent/c.torrent", "sub", "none"] {
        assert_eq!(read(path), Err(OpenFault::Gone), "{path}");
    }
    it.write("large.torrent", "1234");
    assert!(matches!(read("large.torrent"), Err(OpenFault::Refused(_))));
}

#[test]
fn a_folder_has_one_owner_and_its_path_may_lead_to_another() {
    let it = Fixture::new();
    let path = it.dir.path().join("w");
    let open = || HeldDir::open(&path).map(drop).unwrap_err();
    assert_eq!(open(), "the folder does not exist; it is used as soon as it does");
    fs::write(&path, "").unwrap();
    assert_eq!(open(), "it is not a folder");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let held = HeldDir::open(&path).unwrap();
    assert_eq!(open(), "another process of tfs watches the folder");
    assert!(held.is_at(&path));
    fs::rename(&path, it.dir.path().join("moved")).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(!held.is_at(&path));
    // The old one is not the new one.
    HeldDir::open(&path).unwrap();
}

#[test]
fn a_file_of_another_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        tfs_testkit::skip::test(tfs_testkit::test_name!(), "only root can give files away");
        return;
    }
    let it = Fixture::new();
    it.write("a.torrent", "x");
    let path = it.dir.path().join("a.torrent");
    std::os::unix::fs::chown(&path, Some(1234), None).unwrap();
    let read = |held: &HeldDir| held.read("a.torrent".as_ref(), 9).map(drop);
    let Err(OpenFault::Refused(why)) = read(&it.held) else { panic!("it is refused") };
    assert!(why.starts_with("it belongs to user 1234; only files of user 0 "), "{why}");
    // The folder's owner may put files into it.
    std::os::unix::fs::chown(it.dir.path(), Some(1234), None).unwrap();
    let Fixture { dir, held, .. } = it;
    drop(held);
    read(&HeldDir::open(dir.path()).unwrap()).unwrap();
}
