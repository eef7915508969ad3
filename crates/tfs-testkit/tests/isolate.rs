//! The isolation of tests: the parent reports the child's result, and nothing is left behind.

#![expect(clippy::panic, clippy::unwrap_used, reason = "this is how a test fails")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::mount::{MountFlags, mount};
use tfs_testkit::isolate::{child_dir, run, run_program};
use tfs_testkit::skip;

/// The variable by which a child recognizes its role.
const CHILD_DIR: &str = "TFS_ISOLATED_DIR";

const LIMIT: Duration = Duration::from_secs(30);

/// Runs the test `name` in isolation and checks the parent's verdict: `None` is a success.
///
/// In the child only `body` runs.
#[track_caller]
fn check(name: &str, limit: Duration, body: impl FnOnce(&Path), want: Option<&str>) {
    if std::env::var_os(CHILD_DIR).is_some() {
        return run(name, limit, body);
    }
    let result = catch_unwind(AssertUnwindSafe(|| run(name, limit, body)));
    let message = result.err().map(|panic| *panic.downcast::<String>().unwrap());
    match (&message, want) {
        (None, None) => {}
        (Some(message), Some(want)) => assert!(message.contains(want), "{message}"),
        _ => panic!("wanted {want:?}, got {message:?}"),
    }
}

#[test]
fn a_test_that_passes_passes() {
    check(tfs_testkit::test_name!(), LIMIT, |dir| fs::write(dir.join("x"), "").unwrap(), None);
}

#[test]
fn a_test_that_fails_shows_its_output() {
    let body = |_: &Path| panic!("the reason of the child");
    check(tfs_testkit::test_name!(), LIMIT, body, Some("the reason of the child"));
}

#[test]
fn a_test_that_hangs_is_killed() {
    let limit = Duration::from_millis(300);
    let body = |_: &Path| loop {
        thread::park();
    };
    check(tfs_testkit::test_name!(), limit, body, Some("was killed after 300ms; gone: true"));
}

#[test]
fn a_program_leaves_files_for_its_parent() {
    let name = tfs_testkit::test_name!();
    if let Some(dir) = child_dir() {
        fs::write(dir.join("report"), "said by the child").unwrap();
        return;
    }
    let ended = run_program(&[name, "--exact"], LIMIT);
    ended.verdict.as_ref().unwrap();
    assert_eq!(ended.read("report").unwrap(), "said by the child");
    ended.read("other").unwrap_err();
}

#[test]
fn a_wrong_name_is_no_success() {
    check("a_wrong_name", LIMIT, |_| {}, Some("did not find the test"));
}

#[test]
fn a_mount_that_is_left_is_a_failure_and_goes() {
    if !rustix::process::geteuid().is_root() {
        skip::test(tfs_testkit::test_name!(), "only root can mount");
        return;
    }
    let body = |dir: &Path| {
        let at = dir.join("a mount");
        fs::create_dir(&at).unwrap();
        mount("none", &at, "tmpfs", MountFlags::empty(), None).unwrap();
        println!("mounted at {}", at.display());
    };
    let name = tfs_testkit::test_name!();
    check(name, LIMIT, body, Some("left mounts behind"));
    if std::env::var_os(CHILD_DIR).is_some() {
        return;
    }
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!table.contains("a\\040mount"));
}
