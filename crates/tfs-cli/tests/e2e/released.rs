//! The state directory of version 0.1.0: names, inode numbers and times do not change.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tfs_testkit::isolate;
use tfs_testkit::released::{ReleasedServer, copy_state, listing};

use crate::support::{Mounted, run, tfs};

const LIMIT: Duration = Duration::from_secs(180);

/// Copies the state to the home `dir`, mounts servers with it, and returns the mount.
fn mount(dir: &Path, servers: &[ReleasedServer]) -> Mounted {
    let path = dir.join("mnt");
    fs::create_dir_all(&path).unwrap();
    let mut mount = tfs(dir);
    mount.args(["mount", "--poll-interval", "200ms", "--local-paths", "off"]);
    for (name, server) in ["a", "b"].iter().zip(servers) {
        let url = server.url();
        let server = if servers.len() == 1 { url } else { format!("{name}={url}") };
        mount.args(["--server", &server]);
    }
    run(mount.arg(&path));
    Mounted::at(path, dir)
}

/// Returns the output of `find`, in directory order.
fn find(path: &Path) -> String {
    let mut find = Command::new("find");
    find.current_dir(path).env("LC_ALL", "C");
    run(find.args([".", "-printf", "%i %T@ %y %s %p -> %l\\n"]))
}

/// Returns a listing without the time of the root, which changes when torrents are added.
fn without_root_time(listing: &str) -> String {
    let (root, rest) = listing.split_once('\n').unwrap();
    format!("{} {}\n{rest}", root.split(' ').next().unwrap(), root.split(" d ").nth(1).unwrap())
}

/// Compares listings, and prints the lines that differ.
#[track_caller]
fn check(when: &str, got: &str, want: &str) {
    let not_in = |lines: &str, others: &str| -> Vec<String> {
        let others: HashSet<_> = others.lines().collect();
        lines.lines().filter(|line| !others.contains(line)).map(str::to_owned).collect()
    };
    let (new, lost) = (not_in(got, want), not_in(want, got));
    assert!(new.is_empty() && lost.is_empty(), "{when}: new {new:#?}, lost {lost:#?}");
    assert_eq!(got, want, "{when}: only the order differs");
}

#[track_caller]
fn check_down(dir: &Path, name: &str, servers: &[ReleasedServer]) {
    // Twice: with the original state, and with the state left by the first mount.
    for _ in 0..2 {
        let mounted = mount(dir, servers);
        check(name, &find(&mounted.path), &listing(name).unwrap());
        mounted.unmount();
    }
}

#[track_caller]
fn check_up(dir: &Path, name: &str, servers: &[ReleasedServer]) {
    let want = without_root_time(&listing(name).unwrap());
    let running: Vec<_> = servers.iter().map(|server| server.start().unwrap()).collect();
    let mounted = mount(dir, servers);
    // Torrents missing in the state of 0.1.0 come with the first response, and their dates with the
    // next.
    let mut got = String::new();
    let deadline = Instant::now() + Duration::from_secs(20);
    while got != want && Instant::now() < deadline {
        got = without_root_time(&find(&mounted.path));
    }
    check(name, &got, &want);
    mounted.unmount();
    drop(running);
    // Now the state has them too.
    let mounted = mount(dir, servers);
    // The index has them among the others, from before they could be shown.
    let sorted = |listing: &str| {
        let mut lines: Vec<_> = listing.lines().collect();
        lines.sort_unstable();
        lines.join("\n")
    };
    let got = without_root_time(&find(&mounted.path));
    check(&format!("after {name}"), &sorted(&got), &sorted(&want));
    mounted.unmount();
}

#[test]
fn names_inode_numbers_and_times_of_0_1_0_stay() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let home = |name: &str| {
            let home = dir.join(name);
            copy_state(&home.join("state/tfs")).unwrap();
            home
        };
        let (a, b) = (ReleasedServer::A, ReleasedServer::B);
        check_down(&home("a-down"), "a-down", &[a]);
        check_down(&home("b-down"), "b-down", &[b]);
        check_down(&home("both-down"), "both-down", &[a, b]);
        check_up(&home("a-up"), "a-up", &[a]);
        check_up(&home("both-up"), "both-up", &[a, b]);
    });
}
