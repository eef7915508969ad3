//! Events and settings of the tests.

use std::sync::Arc;
use std::time::Duration;

use tfs_api::wire::{EventKind, ServiceEvent};
use tfs_hooks::{CommandTarget, EventBatch, HookSettings, HookTarget, run_once};

/// Longer than any command of the tests takes.
pub(crate) const PATIENT: Duration = Duration::from_secs(60);

pub(crate) fn event(kind: EventKind, name: &str) -> ServiceEvent {
    ServiceEvent {
        event: kind,
        at: 1_796_000_000,
        mountpoint: "/mnt/t".to_owned(),
        server: Some("home".to_owned()),
        info_hash: Some("ab".repeat(20)),
        name: Some(name.to_owned()),
        path: Some(format!("/mnt/t/{name}")),
        error: None,
    }
}

pub(crate) fn batch(events: impl IntoIterator<Item = ServiceEvent>) -> EventBatch {
    let mut batch = EventBatch::default();
    events.into_iter().for_each(|event| batch.push(&Arc::new(event)));
    batch
}

/// Returns a hook that runs a line of a shell.
pub(crate) fn shell(line: &str, timeout: Duration) -> HookSettings {
    command("sh", &["-c", line], timeout)
}

pub(crate) fn command(program: &str, arguments: &[&str], timeout: Duration) -> HookSettings {
    let target = CommandTarget {
        program: program.to_owned(),
        arguments: arguments.iter().map(|it| (*it).to_owned()).collect(),
        hidden_variables: vec!["HOOK_TEST_SECRET".to_owned()],
    };
    hook(HookTarget::Command(target), timeout)
}

pub(crate) fn hook(target: HookTarget, timeout: Duration) -> HookSettings {
    let on = EventKind::ALL.to_vec();
    HookSettings { name: "test".to_owned(), on, target, timeout }
}

/// Calls a hook with one event, and returns its error.
pub(crate) async fn call(settings: &HookSettings) -> Result<(), String> {
    let events = batch([event(EventKind::TorrentAdded, "film")]);
    run_once(settings, &events).await.map_err(|error| error.to_string())
}
