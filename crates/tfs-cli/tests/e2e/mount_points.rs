//! Kinds of mount points: links, relative paths, unusual names, and unmounts by other tools.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tfs_testkit::content::Content;
use tfs_testkit::isolate;
use tfs_testkit::swarm::{Swarm, TorrentSpec};
use tfs_testkit::until::until;

use crate::support::{Mounted, Rqbits, describe, is_mounted, run, tfs};

const LIMIT: Duration = Duration::from_secs(90);

fn rqbits() -> Rqbits {
    Rqbits::start(Swarm::builder().torrent(TorrentSpec::file("a.bin", Content::new(1, 50_000))))
}

/// Runs a command of tfs on a path, and returns its exit code and output.
fn said(dir: &Path, args: &[&str], path: &Path) -> String {
    let output = tfs(dir).current_dir(dir).args(args).arg(path).output().unwrap();
    describe(&output).replace(dir.to_str().unwrap(), "DIR")
}

#[track_caller]
fn check(dir: &Path, args: &[&str], path: &Path, want: &str) {
    let text = said(dir, args, path);
    assert!(text.starts_with(want), "{args:?} {path:?}: {text}");
}

// util-linux#832, borgbase/vorta#1461: /home or /mnt is a link on some systems.
#[test]
fn a_mount_point_that_is_a_link_works_from_mount_to_unmount() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = rqbits();
        let url = rqbits.swarm.api_url();
        let (real, link) = (dir.join("mnt"), dir.join("link"));
        fs::create_dir(&real).unwrap();
        symlink("mnt", &link).unwrap();
        let mount = |path: &Path, want| check(dir, &["mount", "--server", &url], path, want);
        for unmount in [&["unmount"][..], &["unmount", "--force"], &["unmount", "--lazy"]] {
            for given in [link.clone(), PathBuf::from("link"), PathBuf::from("./link/")] {
                mount(&given, "exit 0\n");
                assert!(is_mounted(&real));
                for other in [&link, &real] {
                    mount(other, "exit 13\nerror: cannot mount on DIR/");
                }
                check(dir, &["status"], &given, "exit 0\nmount    DIR/mnt (all is well)\n");
                check(dir, &["refresh"], &given, "exit 0\n");
                let doctor = said(dir, &["doctor", "--server", &url], &given);
                assert!(doctor.contains("mount-point    tfs is already mounted on"), "{doctor}");
                check(dir, unmount, &given, "exit 0\n");
                assert!(!is_mounted(&real));
                check(dir, unmount, &given, "exit 40\n");
            }
        }

        // A dead mount after a crash, reached by the link.
        let mounted = Mounted::at(link.clone(), dir);
        for is_unmounted in [true, false] {
            mount(&link, "exit 0\n");
            mounted.crash();
            check(dir, &["status"], &link, "exit 43\nerror: cannot reach the process behind DIR");
            let doctor = said(dir, &["doctor", "--server", &url], &link);
            let dead = doctor.matches("is dead, its process is gone").count();
            assert!(dead >= 2 && !doctor.contains("ok       mount-point"), "{doctor}");
            if is_unmounted {
                check(dir, &["unmount"], &link, "exit 0\n");
                assert!(!is_mounted(&real));
            }
        }
        mount(&link, "exit 0\nwarning: cleaning up a dead mount (path: DIR/");
        assert_eq!(fs::read_dir(&real).unwrap().count(), 1);
        check(dir, &["unmount"], &link, "exit 0\n");
    });
}

#[test]
fn names_and_tools_that_others_use() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = rqbits();
        let url = rqbits.swarm.api_url();
        let tools = [
            &["fusermount3", "-u"][..],
            &["fusermount3", "-uz"],
            &["umount"],
            &["umount", "-l"],
            &["umount", "-f"],
        ];
        for (name, tool) in
            ["plain", "with space", "new\nline", "tab\tand\\back", "-dash"].iter().zip(tools)
        {
            let path = dir.join(name);
            fs::create_dir(&path).unwrap();
            // With the trailing slash of shell completion.
            let given = PathBuf::from(format!("{}/", path.display()));
            check(dir, &["mount", "--server", &url], &given, "exit 0\n");
            assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
            let text = said(dir, &["status"], &given);
            assert!(text.contains("(all is well)"), "{name:?}: {text}");
            check(dir, &["refresh"], &given, "exit 0\n");
            check(dir, &["unmount"], &given, "exit 0\n");
            assert_eq!(fs::read_dir(&path).unwrap().count(), 0);

            check(dir, &["mount", "--server", &url], &path, "exit 0\n");
            let [program, flag @ ..] = tool else { unreachable!("each has a program") };
            run(Command::new(program).args(flag).arg("--").arg(&path));
            assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
            let mounted = Mounted::at(path, dir);
            until("the process behind the mount ends", || mounted.pid().is_none().then_some(()));
        }
        // A path inside a mount is not a mount point.
        let mounted = Mounted::new(dir, &url);
        check(dir, &["unmount"], &mounted.path.join("a.bin"), "exit 40\n");
        check(dir, &["unmount"], &dir.join("nowhere/at/all"), "exit 40\n");
        mounted.unmount();
    });
}

#[test]
fn a_shell_in_the_mount_is_told_to_leave_it_first() {
    let test = tfs_testkit::test_name!();
    isolate::run_with_fuse(test, LIMIT, |dir| {
        let rqbits = rqbits();
        let mounted = Mounted::new(dir, &rqbits.swarm.api_url());
        let inside =
            tfs(dir).current_dir(&mounted.path).arg("unmount").arg(&mounted.path).output().unwrap();
        let text = describe(&inside);
        assert_eq!(inside.status.code(), Some(41), "{text}");
        assert!(text.contains("cd /"), "{text}");
        // Not `exe`, from the path that starts it.
        let pid = mounted.pid().unwrap();
        assert_eq!(fs::read_to_string(format!("/proc/{pid}/comm")).unwrap(), "tfs\n");
        mounted.unmount();
    });
}
