//! `tfs list`: a table for people, JSON for scripts, once or again and again.

use std::time::Duration;

use bytesize::ByteSize;
use comfy_table::{Cell, CellAlignment};
use tfs_service::settings::Loaded;
use tfs_service::{Listed, ServerError, Servers, TorrentRow};
use tokio::time::{MissedTickBehavior, interval};

use crate::args::ListArgs;
use crate::output::{self, Frames, visible};
use crate::report::{self, settings_error};
use crate::signals::Signals;
use crate::{exit, runtime};

/// No stream is opened for a list; this is only what the client wants to know.
pub(crate) const CHUNK_TIME_MAX: Duration = Duration::from_secs(20);

/// How often `--watch` looks: as often as rqbit computes its speeds.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Where the servers stand in the table: before the name, which may be long.
const SERVER_COLUMN: usize = 7;

/// Runs the command.
pub(crate) fn run(args: &ListArgs, loaded: &Loaded) -> eyre::Result<u8> {
    let chosen = loaded.choose_servers(&[]).map_err(settings_error)?;
    let settings = chosen.into_iter().map(|chosen| (chosen.section.name, chosen.connection));
    let servers = Servers::new(settings, CHUNK_TIME_MAX)?;
    runtime()?.block_on(async {
        let Listed { rows, errors } = servers.torrents().await;
        if errors.len() < servers.count() && !args.watch {
            output::line(&text(args, rows, servers.count())?)?;
        } else if errors.len() < servers.count() {
            return watch(args, &servers).await;
        }
        // What the others have is no complete list.
        let codes: Vec<_> =
            errors.into_iter().map(|error| report::report(&eyre::Report::new(error))).collect();
        Ok(codes.first().copied().unwrap_or(exit::SUCCESS))
    })
}

/// Shows the list until a signal, or until nobody reads it. A server that goes away is waited for.
async fn watch(args: &ListArgs, servers: &Servers) -> eyre::Result<u8> {
    let mut signals = Signals::new()?;
    let mut frames = Frames::new();
    let mut ticks = interval(WATCH_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let Listed { rows, errors } = tokio::select! {
            listed = async { ticks.tick().await; servers.torrents().await } => listed,
            () = signals.next() => return Ok(exit::SUCCESS),
        };
        let mut is_heard = true;
        // Where some are there, their torrents are what people see.
        if errors.len() < servers.count() {
            is_heard = frames.show(&text(args, rows, servers.count())?)?;
        } else {
            for error in errors {
                is_heard &= on_error(args, &mut frames, error)?;
            }
        }
        if !is_heard {
            return Ok(exit::SUCCESS);
        }
    }
}

/// Shows an error where people see it; scripts get it on stderr, and the next line when there is
/// one.
fn on_error(args: &ListArgs, frames: &mut Frames, error: ServerError) -> eyre::Result<bool> {
    let error = eyre::Report::new(error);
    if args.json || !frames.is_terminal() {
        report::report(&error);
        return Ok(true);
    }
    Ok(frames.show(&visible(&format!("error: {error}")))?)
}

fn text(args: &ListArgs, mut rows: Vec<TorrentRow>, server_count: usize) -> eyre::Result<String> {
    if let Some(pattern) = &args.pattern {
        let pattern = pattern.to_lowercase();
        rows.retain(|row| {
            row.name.as_ref().is_some_and(|name| name.to_lowercase().contains(&pattern))
        });
    }
    Ok(match (args.json, args.watch) {
        (true, false) => serde_json::to_string_pretty(&rows)?,
        // A line for each look.
        (true, true) => serde_json::to_string(&rows)?,
        (false, _) => table(&rows, server_count > 1),
    })
}

/// Returns the table, with a column of servers if there are several.
fn table(rows: &[TorrentRow], has_servers: bool) -> String {
    let mut table = output::table();
    let mut header = vec!["ID", "STATE", "DONE", "SIZE", "DOWN", "UP", "PEERS", "NAME"];
    if has_servers {
        header.insert(SERVER_COLUMN, "SERVER");
    }
    table.set_header(header);
    for row in rows {
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        let mut cells = vec![
            right(row.id.map(|id| id.to_string()).unwrap_or_default()),
            Cell::new(row.state),
            right(percent(row)),
            right(ByteSize::b(row.total_bytes).to_string()),
            right(speed(row.download_bps)),
            right(speed(row.upload_bps)),
            right(row.peers.to_string()),
            Cell::new(visible(row.name.as_deref().unwrap_or(&row.info_hash))),
        ];
        if has_servers {
            cells.insert(SERVER_COLUMN, Cell::new(visible(&row.servers.join(","))));
        }
        table.add_row(cells);
    }
    output::table_text(table)
}

/// Returns the progress, rounded down: what is not all there is never 100 %. Of a torrent with
/// nothing selected rqbit says that all of it is there.
fn percent(row: &TorrentRow) -> String {
    if row.total_bytes == 0 {
        return "-".to_owned();
    }
    format!("{:.0}%", (row.progress * 100.0).floor())
}

fn speed(bytes_per_second: u64) -> String {
    match bytes_per_second {
        0 => "-".to_owned(),
        speed => format!("{}/s", ByteSize::b(speed)),
    }
}
