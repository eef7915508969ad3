//! `tfs events`: prints the events of running processes as they happen.

use std::collections::HashSet;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use humantime::format_rfc3339_seconds;
use tfs_api::wire::{EventLine, FailureKind, ServiceEvent};
use tfs_api::{ControlClient, ControlError, clients};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::args::EventsArgs;
use crate::output::{self, visible};
use crate::signals::Signals;
use crate::{exit, runtime};

/// How often new processes are looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Runs the command, until a signal comes or the reader closes the pipe.
pub(crate) fn run(args: &EventsArgs) -> eyre::Result<u8> {
    let runtime = runtime()?;
    let followed = runtime.block_on(async {
        let mut signals = Signals::new()?;
        tokio::select! {
            followed = follow(args.json) => followed,
            () = output::closed() => Ok(()),
            () = signals.next() => {
                output::end_interrupted_line();
                Ok(())
            }
        }
    });
    runtime.shutdown_background();
    followed?;
    Ok(exit::SUCCESS)
}

/// Follows all processes of this user, also those that start later.
async fn follow(is_json: bool) -> eyre::Result<()> {
    let mut ticks = interval(LOOK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let notes = Arc::new(FollowNotes::default());
    let (mut followed, mut tasks) = (HashSet::new(), JoinSet::new());
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                for client in clients().await? {
                    let socket = client.socket().to_owned();
                    if followed.insert(socket) {
                        tasks.spawn(follow_one(client, is_json, Arc::clone(&notes)));
                    }
                }
                if followed.is_empty() {
                    notes.once("no process of tfs runs; waiting for one");
                }
            }
            Some(ended) = tasks.join_next() => {
                followed.remove(&ended?);
            }
        }
    }
}

/// Follows a process until it ends. Returns its socket.
async fn follow_one(client: ControlClient, is_json: bool, notes: Arc<FollowNotes>) -> PathBuf {
    let begun = || notes.once("waiting for events; Ctrl-C ends it");
    // An error of the output is that of a closed pipe, which ends the command.
    let each = |line: EventLine| drop(output::line(&text(&line, is_json)));
    let followed = pin!(client.events(begun, each)).await;
    match followed {
        Ok(()) | Err(ControlError::Gone { .. }) => {}
        Err(ControlError::Refused(failure)) if failure.kind == FailureKind::UnknownPath => {
            let socket = client.socket().display();
            notes.once(&format!("the process behind {socket} is of a version without events"));
        }
        Err(error) => notes.once(&format!("cannot follow a process: {}", error.as_reason())),
    }
    // Not at once again, if it does not answer.
    tokio::time::sleep(LOOK_INTERVAL).await;
    client.socket().to_owned()
}

/// Notes on standard error, each of which appears once.
#[derive(Debug, Default)]
struct FollowNotes {
    /// Held for one look.
    said: Mutex<HashSet<String>>,
}

impl FollowNotes {
    fn once(&self, text: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.insert(text.to_owned()) {
            output::note(text);
        }
    }
}

fn text(line: &EventLine, is_json: bool) -> String {
    if is_json {
        // Strings and numbers always serialize.
        return serde_json::to_string(line).unwrap_or_default();
    }
    match line {
        EventLine::Event(event) => sentence(event),
        EventLine::Lost(lost) => format!("{} events were lost: this output is too slow", lost.lost),
    }
}

/// Returns the time, the kind and the subject of an event.
fn sentence(event: &ServiceEvent) -> String {
    let ServiceEvent { event: kind, at, mountpoint, server, info_hash, name, error, .. } = event;
    let at = UNIX_EPOCH + Duration::from_secs(u64::try_from(*at).unwrap_or_default());
    let subject = name.as_ref().or(info_hash.as_ref()).or(server.as_ref()).unwrap_or(mountpoint);
    let error = error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
    let text = format!("{} {kind:16} {}{}", format_rfc3339_seconds(at), subject, error);
    visible(&text)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use tfs_api::wire::{EventKind, LostEvents};

    use super::*;

    #[test]
    fn lines_for_people_and_for_programs() {
        let event = ServiceEvent {
            event: EventKind::TorrentFinished,
            at: 1_796_000_000,
            mountpoint: "/mnt/t".to_owned(),
            server: Some("home".to_owned()),
            info_hash: Some("00".repeat(20)),
            name: Some("two\nlines".to_owned()),
            path: None,
            error: None,
        };
        let down = ServiceEvent {
            event: EventKind::ServerDown,
            info_hash: None,
            name: None,
            error: Some("failed to list".to_owned()),
            ..event.clone()
        };
        let changed = ServiceEvent { event: EventKind::TreeChanged, server: None, ..down.clone() };
        let changed = ServiceEvent { error: None, ..changed };
        let lines = [event, down, changed].map(|event| EventLine::Event(Box::new(event)));
        let lost = EventLine::Lost(LostEvents { lost: 3 });
        let all = lines.iter().chain([&lost]);
        let all = all.flat_map(|line| [false, true].map(|json| text(line, json) + "\n"));
        expect![[r#"
            2026-11-30T00:53:20Z torrent_finished two\nlines
            {"event":"torrent_finished","at":1796000000,"mountpoint":"/mnt/t","server":"home","info_hash":"0000000000000000000000000000000000000000","name":"two\nlines"}
            2026-11-30T00:53:20Z server_down      home: failed to list
            {"event":"server_down","at":1796000000,"mountpoint":"/mnt/t","server":"home","error":"failed to list"}
            2026-11-30T00:53:20Z tree_changed     /mnt/t
            {"event":"tree_changed","at":1796000000,"mountpoint":"/mnt/t","server":null}
            3 events were lost: this output is too slow
            {"lost":3}
        "#]].assert_eq(&all.collect::<String>());
    }
}
