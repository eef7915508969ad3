//! Hooks of a process: coalescing, one call at a time, changes of the configuration.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tfs_api::wire::{EventKind, ServiceEvent};
use tfs_hooks::{EventHub, HookReports, HookSettings, Hooks};
use tfs_testkit::until::until_async;

use crate::support::{PATIENT, event, shell};

/// Waits until a file has this many lines, and returns them.
async fn lines(path: &Path, count: usize) -> Vec<String> {
    until_async("the lines", async || {
        let text = fs::read_to_string(path).unwrap_or_default();
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        (lines.len() >= count).then_some(lines)
    })
    .await
}

fn start(settings: Vec<HookSettings>) -> (Hooks, EventHub, HookReports) {
    let (mut hooks, hub, reports) = (Hooks::default(), EventHub::default(), HookReports::default());
    assert!(hooks.set(settings, &hub, &reports));
    (hooks, hub, reports)
}

#[tokio::test]
async fn two_hundred_torrents_at_once_are_one_call() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let line = format!("echo $TFS_EVENTS $(grep -o torrent_added | wc -l) >> {}", out.display());
    let (hooks, hub, reports) = start(vec![shell(&line, PATIENT)]);
    // Several polls find them.
    let mut polls = tokio::time::interval(Duration::from_secs(2));
    for number in 0..200 {
        if number % 100 == 0 {
            polls.tick().await;
        }
        hub.send(event(EventKind::TorrentAdded, &number.to_string()));
    }
    assert_eq!(lines(&out, 1).await, ["200 200"]);
    hooks.end().await;
    assert_eq!(lines(&out, 1).await.len(), 1);
    assert_eq!(reports.statuses().iter().map(|it| it.calls).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn events_during_a_call_are_the_next_call() {
    let dir = tempfile::tempdir().unwrap();
    let (out, gate) = (dir.path().join("out"), dir.path().join("gate"));
    let line = format!(
        "echo begin $TFS_EVENTS >> {0}; while ! test -e {1}; do sleep 0.05; done; echo end >> {0}",
        out.display(),
        gate.display()
    );
    let (hooks, hub, reports) = start(vec![shell(&line, PATIENT)]);
    hub.send(event(EventKind::TorrentAdded, "first"));
    lines(&out, 1).await;
    assert!(reports.statuses()[0].running);
    for number in 0..3000 {
        hub.send(event(EventKind::TorrentAdded, &number.to_string()));
    }
    fs::write(gate, "").unwrap();
    assert_eq!(lines(&out, 4).await, ["begin 1", "end", "begin 3000", "end"]);
    hooks.end().await;
    let status = &reports.statuses()[0];
    assert_eq!((status.calls, status.failures, status.events_lost), (2, 0, 2000));
}

#[tokio::test]
async fn a_failure_is_in_the_status_until_a_call_succeeds() {
    let dir = tempfile::tempdir().unwrap();
    let gate = dir.path().join("gate");
    let (hooks, hub, reports) = start(vec![shell(&format!("test -e {}", gate.display()), PATIENT)]);
    let status = || reports.statuses()[0].clone();
    hub.send(event(EventKind::TorrentAdded, "first"));
    until_async("a failure", async || status().failing.then_some(())).await;
    assert_eq!(status().last_failure.unwrap().why, "sh ended with code 1");
    assert_eq!((status().failures, status().events_lost), (1, 1));
    fs::write(gate, "").unwrap();
    hub.send(event(EventKind::TorrentAdded, "second"));
    until_async("a success", async || (!status().failing).then_some(())).await;
    assert_eq!((status().calls, status().failures), (2, 1));
    hooks.end().await;
}

#[tokio::test]
async fn another_configuration_replaces_hooks_and_keeps_equal_ones() {
    let dir = tempfile::tempdir().unwrap();
    let (kept, gone) = (dir.path().join("kept"), dir.path().join("gone"));
    let hook = |path: &Path| shell(&format!("echo $TFS_NAME >> {}", path.display()), PATIENT);
    let (mut hooks, hub, reports) = start(vec![hook(&gone), hook(&kept)]);
    hub.send(event(EventKind::TorrentAdded, "first"));
    lines(&kept, 1).await;
    hub.send(event(EventKind::TorrentAdded, "second"));
    // The hook that goes makes its last call.
    assert!(hooks.set(vec![hook(&kept)], &hub, &reports));
    assert!(!hooks.set(vec![hook(&kept)], &hub, &reports));
    assert_eq!(lines(&gone, 2).await, ["first", "second"]);
    assert_eq!(lines(&kept, 2).await, ["first", "second"]);
    hub.send(event(EventKind::TorrentAdded, "third"));
    hooks.end().await;
    assert_eq!(lines(&kept, 3).await.last().unwrap(), "third");
    assert_eq!(lines(&gone, 2).await.len(), 2);
    assert!(!hub.is_wanted(EventKind::TorrentAdded));
}

#[tokio::test]
async fn the_end_of_the_process_does_not_wait_for_a_hook_that_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let line = format!("echo $$ > {}; sleep 600", pid.display());
    let (hooks, hub, _reports) = start(vec![shell(&line, PATIENT)]);
    hub.send(ServiceEvent { name: None, ..event(EventKind::ServerDown, "") });
    let pid = lines(&pid, 1).await.remove(0);
    tokio::time::timeout(Duration::from_secs(30), hooks.end()).await.unwrap();
    until_async("it is gone", async || {
        let status = fs::read_to_string(format!("/proc/{pid}/status"));
        status.map_or(true, |status| status.contains("State:\tZ")).then_some(())
    })
    .await;
}
