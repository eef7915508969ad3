//! `tfs status`: mounts, their servers, memory and reads, and who reads what.

use std::time::Duration;

use bytesize::ByteSize;
use comfy_table::{Cell, CellAlignment};
use tfs_service::control::wire::{MountStatus, ReaderStatus, WayStatus};
use tfs_service::control::{Statuses, statuses};
use tfs_service::status::{BreakerStatus, ServerStatus, Status};
use tfs_service::{PreloadStatus, PreloadTotals};
use tokio::time::{MissedTickBehavior, interval};

use crate::args::StatusArgs;
use crate::output::{self, Frames, visible};
use crate::report::{self, UserError};
use crate::signals::Signals;
use crate::{exit, runtime};

/// How often `--watch` looks.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// What is said where there is nothing to say.
const NOTHING: &str = "no tfs of this user has mounted anything";

/// Runs the command.
pub(crate) fn run(args: &StatusArgs) -> eyre::Result<u8> {
    runtime()?.block_on(async {
        if args.watch {
            return watch(args).await;
        }
        output::line(&look(args).await?)?;
        Ok(exit::SUCCESS)
    })
}

/// Shows it until a signal, or until nobody reads it.
async fn watch(args: &StatusArgs) -> eyre::Result<u8> {
    let mut signals = Signals::new()?;
    let mut frames = Frames::new();
    let mut ticks = interval(WATCH_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let looked = tokio::select! {
            looked = async { ticks.tick().await; look(args).await } => looked,
            () = signals.next() => return Ok(exit::SUCCESS),
        };
        let is_heard = match looked {
            Ok(text) => frames.show(&text)?,
            // A mount may come back. Scripts get the error on stderr, and the next line when there
            // is one.
            Err(error) if args.json || !frames.is_terminal() => {
                report::report(&error);
                true
            }
            Err(error) => frames.show(&visible(&format!("error: {error:#}")))?,
        };
        if !is_heard {
            return Ok(exit::SUCCESS);
        }
    }
}

/// Looks once, and returns what is to be shown.
async fn look(args: &StatusArgs) -> eyre::Result<String> {
    let Statuses { mounts, silent } = statuses(args.mountpoint.as_deref()).await?;
    for error in &silent {
        tracing::warn!("a process of tfs does not answer: cannot {error}");
    }
    if mounts.is_empty()
        && let Some(error) = silent.into_iter().next()
    {
        return Err(error.into());
    }
    if mounts.is_empty() && args.mountpoint.is_some() {
        return Err(UserError::new(exit::NOT_MOUNTED, "the mount has just ended").into());
    }
    Ok(match (args.json, args.watch) {
        (true, false) => serde_json::to_string_pretty(&mounts)?,
        // A line for each look.
        (true, true) => serde_json::to_string(&mounts)?,
        (false, _) if mounts.is_empty() => NOTHING.to_owned(),
        (false, _) => {
            let texts: Vec<_> = mounts.iter().map(mount_text).collect();
            texts.join("\n\n")
        }
    })
}

fn mount_text(mount: &MountStatus) -> String {
    let MountStatus { status, readers, preloading, .. } = mount;
    let mut parts = vec![summary(status)];
    if !readers.is_empty() {
        parts.push(readers_table(readers));
    }
    if !preloading.is_empty() {
        parts.push(preloads_table(preloading));
    }
    parts.join("\n\n")
}

fn summary(status: &Status) -> String {
    let Status { servers, tree, reads, memory, preloads, .. } = status;
    let health = status.trouble.as_deref().unwrap_or("all is well");
    let age = humantime::format_duration(Duration::from_secs(status.uptime_seconds));
    let resident = memory
        .resident_bytes
        .map_or_else(String::new, |bytes| format!("; process {}", size(bytes)));
    let is_one = servers.len() == 1;
    let servers = servers.iter().map(|server| ("server", server_text(server, is_one)));
    let head = [
        ("mount", format!("{} ({health})", visible(&status.mountpoint))),
        ("process", format!("{}, tfs {}, up {age}", status.pid, visible(&status.tfs_version))),
    ];
    let tail = [
        (
            "tree",
            format!(
                "{}, {}, {}, {} downloaded",
                output::counted(tree.torrents, "torrent"),
                output::counted(tree.files, "file"),
                size(tree.total_bytes),
                percent(tree.have_bytes, tree.total_bytes),
            ),
        ),
        ("streams", format!("{} of {} in use", reads.streams_open, reads.streams_max)),
        (
            "reads",
            format!(
                "{}, {} from memory, {} from this disk, {} failed, {} waiting",
                reads.reads,
                percent(reads.hits, reads.reads),
                percent(reads.local_reads, reads.reads),
                reads.failures,
                reads.waiting,
            ),
        ),
        (
            "bytes",
            format!(
                "{} fetched, {} given, {} of it from this disk",
                size(reads.bytes_fetched),
                size(reads.bytes_given),
                size(reads.bytes_local),
            ),
        ),
        (
            "memory",
            format!(
                "{} in buffers, {} cached, of {}{resident}",
                size(memory.buffered_bytes),
                size(memory.cached_bytes),
                size(memory.limit_bytes),
            ),
        ),
    ];
    let lines = head.into_iter().chain(servers).chain(tail).chain(preloads_line(preloads));
    let lines: Vec<_> = lines.map(|(name, value)| format!("{name:<8} {value}")).collect();
    lines.join("\n")
}

/// Returns what there is to say of a server; where there is only one, it needs no name.
fn server_text(server: &ServerStatus, is_one: bool) -> String {
    let ServerStatus { name, url, reachable, error, breaker, streams_open, streams_max, .. } =
        server;
    let breaker = match breaker {
        BreakerStatus::Closed => "",
        BreakerStatus::Open => ", reads fail at once (breaker open)",
        BreakerStatus::HalfOpen => ", the next read tries it again (breaker half open)",
    };
    let answers = if *reachable { "answers" } else { "does not answer" };
    if is_one {
        return format!("{}: {answers}{breaker}", visible(url));
    }
    let why = error.as_ref().map_or_else(String::new, |error| format!(" ({error})"));
    let text = format!("{name} at {url}: {answers}{why}, {streams_open} of {streams_max} streams");
    visible(&(text + breaker))
}

fn preloads_table(preloading: &[PreloadStatus]) -> String {
    let mut table = output::table();
    table.set_header(["THERE", "OF", "PRELOADED FILE"]);
    for PreloadStatus { path, total_bytes, there_bytes } in preloading {
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        table.add_row([
            right(percent(*there_bytes, *total_bytes)),
            right(size(*total_bytes)),
            Cell::new(visible(path)),
        ]);
    }
    output::table_text(table)
}

/// Returns what is said of preloads, if there are any.
fn preloads_line(preloads: &PreloadTotals) -> Option<(&'static str, String)> {
    let PreloadTotals { running, waiting, total_bytes, there_bytes } = preloads;
    let (there, total) = (size(*there_bytes), size(*total_bytes));
    let line = format!(
        "{} under way, {waiting} waiting; {there} of {total} there",
        output::counted(*running, "file")
    );
    (running + waiting > 0).then_some(("preload", line))
}

fn readers_table(readers: &[ReaderStatus]) -> String {
    let mut table = output::table();
    table.set_header(["PID", "PROCESS", "AT", "SPEED", "WAY", "WAITS", "FILE"]);
    for reader in readers {
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        let unknown = || "?".to_owned();
        table.add_row([
            right(reader.pid.map_or_else(unknown, |pid| pid.to_string())),
            Cell::new(reader.command.as_deref().map_or_else(unknown, visible)),
            right(percent(reader.offset, reader.file_bytes)),
            right(match reader.bytes_per_second {
                0 => "-".to_owned(),
                speed => format!("{}/s", size(speed)),
            }),
            Cell::new(match reader.way {
                WayStatus::Http => "http",
                WayStatus::Local => "local",
                WayStatus::Passthrough => "passthrough",
                WayStatus::Unknown => "?",
            }),
            Cell::new(waits(reader)),
            Cell::new(visible(reader.path.as_deref().unwrap_or("(removed)"))),
        ]);
    }
    output::table_text(table)
}

/// Returns for how long and for which piece a reader waits.
fn waits(reader: &ReaderStatus) -> String {
    let Some(wait) = reader.waits else { return "-".to_owned() };
    let seconds = Duration::from_millis(wait.for_millis).as_secs_f64();
    match wait.piece {
        Some(piece) => format!("{seconds:.1} s for piece {piece}"),
        None => format!("{seconds:.1} s"),
    }
}

fn size(bytes: u64) -> String {
    ByteSize::b(bytes).to_string()
}

/// Returns a share, rounded down: what is not all is never 100 %.
fn percent(part: u64, whole: u64) -> String {
    let hundredths = u128::from(part).saturating_mul(100).checked_div(u128::from(whole));
    hundredths.map_or_else(|| "-".to_owned(), |hundredths| format!("{}%", hundredths.min(100)))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use tfs_service::control::wire::WaitStatus;

    use super::*;

    #[test]
    fn preloads_are_shown_with_how_far_they_are() {
        let file = |path: &str, there_bytes| PreloadStatus {
            path: path.to_owned(),
            total_bytes: 9 << 20,
            there_bytes,
        };
        expect![[r#"
            THERE  OF       PRELOADED FILE
               0%  9.0 MiB  t/\u{202e}gpj.mkv
              55%  9.0 MiB  t/b"#]]
        .assert_eq(&preloads_table(&[file("t/\u{202e}gpj.mkv", 0), file("t/b", 5 << 20)]));
    }

    #[test]
    fn readers_are_shown_with_what_they_wait_for() {
        let reader = ReaderStatus {
            path: Some("t/film\u{1b}[31m.mkv".to_owned()),
            info_hash: "00".repeat(20),
            file_index: 0,
            pid: Some(4711),
            command: Some("mpv".to_owned()),
            offset: 999,
            file_bytes: 1000,
            given_bytes: 5000,
            bytes_per_second: 2 << 20,
            way: WayStatus::Local,
            waits: Some(WaitStatus { offset: 7, piece: Some(12), for_millis: 3210 }),
        };
        let gone = ReaderStatus {
            path: None,
            pid: None,
            command: None,
            file_bytes: 0,
            bytes_per_second: 0,
            waits: None,
            ..reader.clone()
        };
        expect![[r#"
            PID   PROCESS  AT   SPEED      WAY    WAITS               FILE
            4711  mpv      99%  2.0 MiB/s  local  3.2 s for piece 12  t/film\u{1b}[31m.mkv
               ?  ?          -          -  local  -                   (removed)"#]]
        .assert_eq(&readers_table(&[reader, gone]));
    }
}
