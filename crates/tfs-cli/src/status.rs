//! `tfs status`: mounts, their servers, memory and reads, and the processes that read.

use std::time::Duration;

use nix::unistd::{Uid, User};
use tfs_api::status::{
    BreakerStatus, DetailsStatus, DiscoveryStatus, PreloadTotals, ServerStatus, StatusReport,
    TreeStatus,
};
use tfs_api::wire::{MissingMount, MountStatus, PlaceInfo};
use tfs_api::{ControlError, Statuses, UnreachedMount, UnreachedState, statuses};
use tfs_config::Loaded;
use tfs_sys::clock::now;
use tfs_sys::shell::quoted;

use crate::args::StatusArgs;
use crate::drop_lines::drop_lines;
use crate::failed::{FailedLines, FailedTorrent, failed_lines};
use crate::figures::{age as age_text, counted, percent, size};
use crate::output::{self, visible};
use crate::report::UserError;
use crate::screen::Screen;
use crate::status_lines::{front_line, intake_lines, streams_text};
use crate::status_programs::{downloads_table, refused_text};
use crate::status_recent::{bytes_text, failures_text, rates_text, reads_text, recent_lines};
use crate::status_tables::{preloads_table, readers_table};
use crate::watch::{ScreenUpdate, watch};
use crate::{exit, runtime};

/// The text if there are no mounts.
const NOTHING: &str = "this user has no mounts";

/// Runs the command.
pub(crate) fn run(args: &StatusArgs, loaded: &Loaded) -> eyre::Result<u8> {
    runtime()?.block_on(async {
        if args.watch {
            let next_update = async || {
                let (screen, _code) = render_once(args, loaded).await?;
                let line = Some(screen.plain());
                eyre::Ok(ScreenUpdate { screen, line, errors: Vec::new() })
            };
            watch(args.json, async || next_update().await.map_err(|error| vec![error])).await?;
            return Ok(exit::SUCCESS);
        }
        let (screen, code) = render_once(args, loaded).await?;
        output::screen(&screen)?;
        Ok(code)
    })
}

/// Queries the mounts once. Returns the output and the exit code.
async fn render_once(args: &StatusArgs, loaded: &Loaded) -> eyre::Result<(Screen, u8)> {
    let mut found = statuses(args.mountpoint.as_deref()).await?;
    // A screen that is redrawn includes it.
    let silent: Vec<_> = found.silent.iter().map(silent_text).collect();
    if args.json || !args.watch {
        silent.iter().for_each(|text| tracing::warn!("{text}"));
    }
    let is_silent = !found.has_own && !found.silent.is_empty();
    if found.mounts.is_empty() && found.missing.is_empty() && found.unreached.is_empty() {
        if let Some(error) = found.silent.pop() {
            return Err(error.into());
        }
        if args.mountpoint.is_some() {
            return Err(UserError::new(exit::NOT_MOUNTED, "the mount has just ended").into());
        }
    }
    let screen = if args.json {
        json(found, args.watch)?.into()
    } else {
        let mut screen = Screen::default();
        if args.watch {
            silent.iter().for_each(|text| screen.push(&format!("silent   {}", visible(text))));
        }
        screen.append(StatusView { loaded }.screen(&found));
        screen
    };
    Ok((screen, if is_silent { exit::MOUNT_UNANSWERED } else { exit::SUCCESS }))
}

fn silent_text(error: &ControlError) -> String {
    format!("a process of tfs does not answer: {}", error.as_reason())
}

/// Returns the array of mounts. It contains only mounts, so problems of others are logged.
fn json(found: Statuses, is_line: bool) -> eyre::Result<String> {
    let Statuses { mut mounts, missing, unreached, .. } = found;
    for MissingMount { mountpoint, why } in &missing {
        tracing::warn!(mountpoint, why, "a mount of the daemon is missing");
    }
    for mount in &unreached {
        match mount.own_status() {
            Some(status) => mounts.push(status),
            None => tracing::warn!("{}", unreached_text(mount)),
        }
    }
    // One line for each refresh.
    let json = if is_line { serde_json::to_string } else { serde_json::to_string_pretty };
    Ok(json(&mounts)?)
}

/// Formatting of mounts.
struct StatusView<'a> {
    /// The configuration, for the servers.
    loaded: &'a Loaded,
}

impl StatusView<'_> {
    fn screen(&self, found: &Statuses) -> Screen {
        let Statuses { mounts, missing, unreached, silent, .. } = found;
        // A mount of another user does not concern this one.
        let is_foreign = |mount: &UnreachedMount| matches!(mount.state, UnreachedState::Foreign);
        let is_nothing = mounts.is_empty()
            && missing.is_empty()
            && silent.is_empty()
            && unreached.iter().all(is_foreign);
        // Redundant for a single mount that was asked about.
        let is_about_one = unreached.len() == 1 && unreached.iter().all(|it| it.status.is_some());
        let mut screen = Screen::default();
        if is_nothing && !is_about_one {
            screen.append(NOTHING.to_owned().into());
        }
        let mut last_pid = None;
        for mount in mounts {
            let mut lines = self.mount(mount);
            // All mounts of a process have the same.
            if last_pid.replace(mount.status.pid) != Some(mount.status.pid) {
                for (name, value, is_failed) in intake_lines(&mount.status.intake) {
                    add(&mut lines, name, &value, false);
                    lines.mark_last(is_failed);
                }
            }
            if !mount.readers.is_empty() {
                lines.append(readers_table(&mount.readers, output::terminal_width()).into());
            }
            if let Some(table) = downloads_table(&mount.status.programs) {
                lines.append(table.into());
            }
            if !mount.preloading.is_empty() {
                lines.append(preloads_table(&mount.preloading).into());
            }
            screen.append(lines);
        }
        for missing in missing {
            let mut lines = Screen::default();
            lines.push_failed(&missing_text(missing));
            screen.append(lines);
        }
        unreached.iter().for_each(|mount| screen.append(self.unreached(mount)));
        screen
    }

    /// Returns the lines about a mount whose process was not reached, with the hint.
    fn unreached(&self, mount: &UnreachedMount) -> Screen {
        let UnreachedMount { owner_uid, state, .. } = mount;
        let Some(status) = mount.own_status() else {
            let mut screen = Screen::from(unreached_text(mount));
            screen.mark_last(matches!(state, UnreachedState::Dead | UnreachedState::Silent));
            return screen;
        };
        let mut screen = self.mount(&status);
        let control = if *state == UnreachedState::Foreign {
            let user = user_text(*owner_uid);
            format!("mounted by {user}; only {user} can control it")
        } else {
            unreached_why(mount).1
        };
        screen.push(&format!("{:<8} {control}", "control"));
        screen
    }

    fn mount(&self, mount: &MountStatus) -> Screen {
        let MountStatus { status, recent, also_mounted, .. } = mount;
        let mut screen = self.summary(status);
        if let Some(rates) = rates_text(recent) {
            add(&mut screen, "now", &rates, false);
        }
        for (name, value, is_failed) in recent_lines(recent, now()) {
            add(&mut screen, name, &value, false);
            screen.mark_last(is_failed);
        }
        for PlaceInfo { mountpoint, pid, command } in also_mounted {
            let of = pid.map_or_else(String::new, |pid| {
                format!(
                    " in the namespace of {} (process {pid})",
                    command.as_deref().unwrap_or("?")
                )
            });
            screen.push(&format!("{:<8} {}", "also at", visible(&(mountpoint.clone() + &of))));
        }
        screen
    }

    /// Returns the value of `--server` that selects a server of a mount in a command.
    fn flag(&self, server: &ServerStatus) -> Option<String> {
        let url = server.flag()?;
        match url.parse() {
            Ok(parsed) => self.loaded.server_flag(&parsed),
            Err(_) => Some(url.to_owned()),
        }
    }

    fn summary(&self, status: &StatusReport) -> Screen {
        let StatusReport { servers, preloads, .. } = status;
        let mut screen = Screen::default();
        for (name, value) in head(status) {
            add(&mut screen, name, &value, false);
            screen.mark_last(name == "mount" && status.trouble.is_some());
        }
        for server in servers {
            add(&mut screen, "server", &server_text(server, servers.len() == 1), false);
            screen.mark_last(!server.reachable);
        }
        for server in servers {
            for (name, value) in discovery_lines(server, self.flag(server).as_deref()) {
                add(&mut screen, name, &value, server.is_silent());
                screen.mark_last(name == "failed");
            }
        }
        add(
            &mut screen,
            "tree",
            &tree_text(&status.tree),
            servers.iter().any(ServerStatus::is_silent),
        );
        tail(status).iter().for_each(|(name, value)| add(&mut screen, name, value, false));
        if let Some(text) = refused_text(&status.programs) {
            add(&mut screen, "refused", &text, false);
        }
        if let Some((name, value)) = preloads_line(preloads) {
            add(&mut screen, name, &value, false);
        }
        for (line, is_failed) in status.fronts.iter().map(front_line) {
            add(&mut screen, "serves", &line, false);
            screen.mark_last(is_failed);
        }
        for (name, value) in status.drop.as_ref().map(drop_lines).unwrap_or_default() {
            add(&mut screen, name, &value, false);
        }
        screen
    }
}

/// The width of the names of lines, with the space behind them.
const INDENT: usize = 9;

/// Adds a line with a name. On a terminal that is too narrow for it, it is continued below the
/// value.
fn add(screen: &mut Screen, name: &str, value: &str, is_old: bool) {
    let lines = lines_of(value, output::terminal_width());
    screen.add(&format!("{name:<8} {}", lines.join(&format!("\n{:INDENT$}", ""))), is_old);
}

/// Returns a value as the lines that fit a terminal.
fn lines_of(value: &str, terminal_width: Option<usize>) -> Vec<String> {
    match terminal_width.map(|width| width.saturating_sub(INDENT)) {
        Some(width) if value.chars().count() > width => output::wrapped(value, width),
        Some(_) | None => vec![value.to_owned()],
    }
}

/// Returns the lines about a mount as a whole.
fn head(status: &StatusReport) -> [(&'static str, String); 2] {
    let notes = status.notes();
    let health = match (&status.trouble, notes.first()) {
        (Some(trouble), _) => trouble,
        (None, Some(note)) => note,
        (None, None) if status.servers.iter().any(ServerStatus::is_silent) => {
            "a server does not answer at the moment"
        }
        (None, None) => "all is well",
    };
    let up = humantime::format_duration(Duration::from_secs(status.uptime_seconds));
    [
        ("mount", format!("{} ({})", visible(&status.mountpoint), visible(health))),
        ("process", format!("{}, tfs {}, up {up}", status.pid, visible(&status.tfs_version))),
    ]
}

fn tree_text(tree: &TreeStatus) -> String {
    format!(
        "{}, {}, {}, {} downloaded",
        counted(tree.torrents, "torrent"),
        counted(tree.files, "file"),
        size(tree.total_bytes),
        percent(tree.have_bytes, tree.total_bytes),
    )
}

/// Returns the lines about the reads of a mount, and their cost.
fn tail(status: &StatusReport) -> [(&'static str, String); 4] {
    let memory = &status.memory;
    let resident = memory
        .resident_bytes
        .map_or_else(String::new, |bytes| format!("; process {}", size(bytes)));
    [
        ("streams", streams_text(status)),
        ("reads", reads_text(status)),
        ("bytes", bytes_text(&status.reads)),
        (
            "memory",
            format!(
                "{} in buffers, {} cached, of {}{resident}",
                size(memory.buffered_bytes),
                size(memory.cached_bytes),
                size(memory.limit_bytes),
            ),
        ),
    ]
}

/// Returns the problem of a mount whose process was not reached and that has no status of its own.
fn unreached_text(mount: &UnreachedMount) -> String {
    let (word, why) = unreached_why(mount);
    let path = visible(&mount.mountpoint.display().to_string());
    format!("{word:<8} {path}: {why}")
}

/// Returns the problem of a mount whose process was not reached, as a word and as a sentence.
fn unreached_why(mount: &UnreachedMount) -> (&'static str, String) {
    let UnreachedMount { mountpoint, owner_uid, pid, state, .. } = mount;
    let command = quoted(mountpoint);
    let process = pid.map_or_else(|| "its process".to_owned(), |pid| format!("process {pid}"));
    match state {
        UnreachedState::Dead => {
            ("dead", format!("its process is gone; clean it up with: tfs unmount {command}"))
        }
        UnreachedState::Silent => (
            "silent",
            match pid {
                Some(pid) => {
                    format!("{process} does not answer; it is stopped (kill -CONT {pid}) or stuck")
                }
                None => format!("{process} does not answer; it is stopped or stuck"),
            },
        ),
        UnreachedState::Foreign => ("foreign", foreign_text(*owner_uid, &command)),
        UnreachedState::SocketLost => {
            ("unheard", format!("{process} is healthy, but its control socket is missing"))
        }
    }
}

fn foreign_text(owner_uid: Option<u32>, command: &str) -> String {
    let ask = match owner_uid {
        Some(0) => format!("as root: sudo tfs status {command}"),
        _ => "as that user".to_owned(),
    };
    format!("mounted by {}; ask {ask}", user_text(owner_uid))
}

/// Returns a user by name, if the machine knows the name.
fn user_text(uid: Option<u32>) -> String {
    let Some(uid) = uid else { return "another user".to_owned() };
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => visible(&user.name),
        Ok(None) | Err(_) => format!("user {uid}"),
    }
}

fn missing_text(MissingMount { mountpoint, why }: &MissingMount) -> String {
    format!("missing  {}: {}", visible(mountpoint), visible(why))
}

/// Returns the line about a server. A single server needs no name.
fn server_text(server: &ServerStatus, is_one: bool) -> String {
    let ServerStatus { name, url, reachable, error, breaker, streams_open, streams_max, .. } =
        server;
    let ServerStatus { list_age_seconds, silent_seconds, .. } = server;
    let breaker = match breaker {
        BreakerStatus::Closed => "",
        BreakerStatus::Open => ", reads fail at once (breaker open)",
        BreakerStatus::HalfOpen => ", the next read tries it again (breaker half open)",
    };
    let answers = match (*reachable, *silent_seconds) {
        (_, Some(silent)) if server.is_silent() => &format!("no answer for {silent} s"),
        (true, _) => "answers",
        (false, _) => "does not answer",
    };
    let age = list_age_seconds.filter(|_| server.is_silent());
    let age = age.map(|seconds| {
        format!(", its torrents are as they were {} ago", age_text(Duration::from_secs(seconds)))
    });
    let age = age.unwrap_or_default();
    let requests = requests_text(server);
    if is_one {
        return visible(&format!("{url}: {answers}{age}{requests}{breaker}"));
    }
    let why = error.as_ref().map_or_else(String::new, |error| format!(" ({error})"));
    let text =
        format!("{name} at {url}: {answers}{why}{age}, {streams_open} of {streams_max} streams");
    visible(&(text + &requests + breaker))
}

/// Returns the number of requests and their failures, as the end of a line.
fn requests_text(server: &ServerStatus) -> String {
    let ServerStatus { requests, errors, .. } = server;
    if *requests == 0 {
        return String::new();
    }
    let failed: u64 = errors.iter().map(|error| error.count).sum();
    let failed = failures_text(errors).map(|reasons| {
        // A single reason has the same count.
        let reasons = reasons.strip_prefix(&format!("{failed} ")).unwrap_or(&reasons);
        format!(", {failed} failed ({reasons})")
    });
    format!(", {}{}", counted(*requests, "request"), failed.unwrap_or_default())
}

/// Returns the lines about torrents of a server that are not shown, or no longer listed.
fn discovery_lines(server: &ServerStatus, flag: Option<&str>) -> Vec<(&'static str, String)> {
    let DiscoveryStatus { details, left_out, missing, .. } = &server.discovery;
    let DiscoveryStatus { failed, metadata_pending, metadata_unavailable, .. } = &server.discovery;
    let mut lines = Vec::new();
    if let Some(DetailsStatus { known, all }) = details {
        let line = format!(
            "details of {known} of {all} torrents; the root shows them once all are fetched"
        );
        lines.push(("details", line));
    }
    for torrent in &left_out.torrents {
        let why = torrent.why.as_deref().unwrap_or("no answer");
        lines.push(("left out", format!("{}: {}", visible(torrent.label()), visible(why))));
    }
    if let Some(more) = left_out.count.checked_sub(left_out.torrents.len()).filter(|it| *it > 0) {
        lines.push(("left out", format!("and {more} more")));
    }
    let torrents = failed.torrents.iter().map(|torrent| FailedTorrent {
        name: torrent.name.as_deref(),
        info_hash: &torrent.info_hash,
        why: torrent.why.as_deref(),
    });
    let torrents: Vec<_> = torrents.collect();
    let FailedLines { reasons, remedies } = failed_lines(&torrents, failed.count, flag);
    lines.extend(reasons.into_iter().map(|reason| ("failed", reason)));
    lines.extend(remedies.into_iter().map(|remedy| ("to do", remedy)));
    if let Some(first) = missing.torrents.first() {
        let more = match missing.count - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let line = format!(
            "{}{more}: not listed since the server was started; mount its disk and restart it, \
             or if they were removed: tfs refresh --accept-removals",
            visible(first.label())
        );
        lines.push(("missing", line));
    }
    if metadata_pending + metadata_unavailable > 0 {
        let line = format!("{metadata_pending} pending, {metadata_unavailable} unavailable");
        lines.push(("metadata", line));
    }
    lines
}

/// Returns the line about preloads, if there are any.
fn preloads_line(preloads: &PreloadTotals) -> Option<(&'static str, String)> {
    let PreloadTotals { running, waiting, total_bytes, there_bytes } = preloads;
    let (there, total) = (size(*there_bytes), size(*total_bytes));
    let line = format!(
        "{} in progress, {waiting} queued; {there} of {total} present",
        counted(*running, "file")
    );
    (running + waiting > 0).then_some(("preload", line))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use tfs_api::status::FailureCount;

    use super::*;

    #[test]
    fn a_server_is_shown_with_its_requests_and_why_they_failed() {
        let json = r#"{"name": "nas", "url": "http://n:1/", "reachable": true, "since": 1,
            "error": null, "breaker": "half_open", "streams_open": 2, "streams_max": 4,
            "bytes_fetched": 0, "requests": 1204, "errors": [{"reason": "timed_out", "count": 2},
            {"reason": "tls", "count": 0}, {"reason": "refused", "count": 1}]}"#;
        let server: ServerStatus = serde_json::from_str(json).unwrap();
        let quiet = ServerStatus { requests: 1, errors: Vec::new(), ..server.clone() };
        let old = ServerStatus { requests: 0, ..quiet.clone() };
        let refused = FailureCount { reason: "refused".to_owned(), count: 1 };
        let refused = ServerStatus { errors: vec![refused], ..quiet.clone() };
        let lines = [
            server_text(&server, false),
            server_text(&server, true),
            server_text(&quiet, true),
            server_text(&refused, true),
            server_text(&ServerStatus { breaker: BreakerStatus::Closed, ..old }, true),
        ];
        expect![[r#"
            nas at http://n:1/: answers, 2 of 4 streams, 1204 requests, 3 failed (2 timed out, 1 refused), the next read tries it again (breaker half open)
            http://n:1/: answers, 1204 requests, 3 failed (2 timed out, 1 refused), the next read tries it again (breaker half open)
            http://n:1/: answers, 1 request, the next read tries it again (breaker half open)
            http://n:1/: answers, 1 request, 1 failed (refused), the next read tries it again (breaker half open)
            http://n:1/: answers"#]].assert_eq(&lines.join("\n"));
    }

    #[test]
    fn a_narrow_terminal_continues_a_value_below_it() {
        let value = "0 B in buffers, 0 B cached, of 128.0 MiB; process 54.3 MiB";
        assert_eq!(lines_of(value, None), [value]);
        assert_eq!(lines_of(value, Some(80)), [value]);
        let narrow = ["0 B in buffers, 0 B cached, of 128.0 MiB; process", "54.3 MiB"];
        assert_eq!(lines_of(value, Some(60)), narrow);
    }
}
