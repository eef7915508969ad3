//! Commands: what they get, and those that misbehave.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use rustix::io::{FdFlags, fcntl_setfd};
use tfs_api::wire::{EventKind, ServiceEvent};
use tfs_hooks::run_once;
use tfs_testkit::until::until_async;

use crate::support::{PATIENT, batch, call, command, event, shell};

const SOON: Duration = Duration::from_millis(300);

/// Whether a process exists that is no zombie.
fn is_running(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.trim()));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

#[tokio::test]
async fn a_command_gets_events_as_data_whatever_names_contain() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let show = "cat; pwd; env | grep -a ^TFS_ | sort; printf '<%s>' \"$TFS_NAME\"";
    let line = format!("{{ {show}; }} > {}", out.display());
    let name = "two\nlines '\"$(reboot)\" `id` \u{1b}[31m";
    let events = [event(EventKind::TorrentFinished, name), event(EventKind::ServerUp, "x")];
    run_once(&shell(&line, PATIENT), &batch(events.clone())).await.unwrap();
    let text = fs::read_to_string(out).unwrap();
    let (json, rest) = text.split_once("}]").unwrap();
    let read: Vec<ServiceEvent> = serde_json::from_str(&format!("{json}}}]")).unwrap();
    assert_eq!(read, events);
    assert!(rest.starts_with("/\n"), "{rest}");
    for line in ["TFS_EVENT=torrent_finished", "TFS_EVENTS=2", "TFS_MOUNTPOINT=/mnt/t"] {
        assert!(rest.lines().any(|it| it == line), "{line} in {rest}");
    }
    assert!(rest.ends_with(&format!("<{name}>")), "{rest}");
}

#[tokio::test]
async fn a_command_inherits_no_descriptor_and_no_secret() {
    // Any other test of this process may have it, too: none looks at it.
    let leaked = fs::File::open("/dev/null").unwrap();
    fcntl_setfd(&leaked, FdFlags::empty()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    call(&shell(&format!("exec ls -l /proc/self/fd > {}", out.display()), PATIENT)).await.unwrap();
    let text = fs::read_to_string(&out).unwrap();
    // The program itself has the directory open.
    let descriptors = text.lines().filter(|line| line.contains(" -> ") && !line.ends_with("/fd"));
    assert_eq!(descriptors.count(), 3, "{text}");
    call(&shell(&format!("env > {}", out.display()), PATIENT)).await.unwrap();
    let text = fs::read_to_string(out).unwrap();
    for hidden in ["PASSWORD", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "HOOK_TEST_SECRET"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
}

#[tokio::test]
async fn failures_say_what_failed_and_why() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain");
    fs::write(&plain, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
    let plain = plain.to_str().unwrap();
    let error = |settings| async move { call(&settings).await.unwrap_err() };
    let missing = error(command("no-such-program-of-tfs", &[], PATIENT)).await;
    assert_eq!(missing, "cannot start no-such-program-of-tfs: there is no such program");
    let denied = error(command(plain, &[], PATIENT)).await;
    assert_eq!(denied, format!("cannot start {plain}: it is not executable, or not for this user"));
    let failed = error(shell("echo out; echo 'no route' >&2; exit 3", PATIENT)).await;
    assert_eq!(failed, "sh ended with code 3: no route");
    let killed = error(shell("kill -9 $$", PATIENT)).await;
    assert_eq!(killed, "sh ended with signal 9");
}

#[tokio::test]
async fn a_command_that_hangs_is_killed_with_all_of_its_group() {
    let dir = tempfile::tempdir().unwrap();
    let pids = dir.path().join("pids");
    // Neither the command nor its child ends by SIGTERM.
    let line = format!(
        "trap '' TERM; echo $$ > {0}; sh -c \"trap '' TERM; echo \\$\\$ >> {0}; sleep 600\" & \
         while :; do sleep 600; done",
        pids.display()
    );
    let error = call(&shell(&line, SOON)).await.unwrap_err();
    assert_eq!(error, "sh was killed after 0.3 s");
    let pids = fs::read_to_string(pids).unwrap();
    assert_eq!(pids.lines().count(), 2);
    until_async("the group is gone", async || {
        pids.lines().all(|pid| !is_running(pid)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_dropped_call_kills_the_command() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let hook = shell(&format!("echo $$ > {}; sleep 600", pid.display()), PATIENT);
    let running = tokio::spawn(async move { call(&hook).await });
    let pid = until_async("it runs", async || {
        fs::read_to_string(&pid).ok().filter(|text| text.ends_with('\n'))
    })
    .await;
    running.abort();
    until_async("it is gone", async || (!is_running(&pid)).then_some(())).await;
}

#[tokio::test]
async fn megabytes_of_output_and_a_closed_input_do_not_matter() {
    call(&shell("exec <&-; head -c 5000000 /dev/zero; head -c 5000000 /dev/zero >&2", PATIENT))
        .await
        .unwrap();
    // It never reads its input, which is larger than a pipe.
    let many = (0..1000).map(|_| event(EventKind::TorrentAdded, &"x".repeat(500)));
    run_once(&command("true", &[], PATIENT), &batch(many)).await.unwrap();
}

#[tokio::test]
async fn a_process_left_behind_keeps_no_call_open() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    // It holds the pipes of the command.
    let line = format!("sleep 600 & echo $! > {}; echo done", pid.display());
    call(&shell(&line, PATIENT)).await.unwrap();
    let pid = fs::read_to_string(pid).unwrap();
    assert!(is_running(&pid));
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}
