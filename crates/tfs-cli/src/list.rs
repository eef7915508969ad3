//! `tfs list`: a table for people, JSON for scripts, once or again and again.

use std::time::Duration;

use bytesize::ByteSize;
use comfy_table::{Cell, CellAlignment};
use tfs_service::settings::Loaded;
use tfs_service::{Server, ServerError, TorrentRow, torrents};
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

/// Runs the command.
pub(crate) fn run(args: &ListArgs, loaded: &Loaded) -> eyre::Result<u8> {
    let chosen = loaded.choose_server(&[]).map_err(settings_error)?;
    runtime()?.block_on(async {
        let server = Server::connect(&chosen.connection, CHUNK_TIME_MAX).await?;
        if args.watch {
            return watch(args, &server).await;
        }
        output::line(&text(args, torrents(&server).await?)?)?;
        Ok(exit::SUCCESS)
    })
}

/// Shows the list until a signal, or until nobody reads it. A server that goes away is waited for.
async fn watch(args: &ListArgs, server: &Server) -> eyre::Result<u8> {
    let mut signals = Signals::new()?;
    let mut frames = Frames::new();
    let mut ticks = interval(WATCH_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let listed = tokio::select! {
            listed = async { ticks.tick().await; torrents(server).await } => listed,
            () = signals.next() => return Ok(exit::SUCCESS),
        };
        let is_heard = match listed {
            Ok(rows) => frames.show(&text(args, rows)?)?,
            Err(error) => on_error(args, &mut frames, error)?,
        };
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

fn text(args: &ListArgs, mut rows: Vec<TorrentRow>) -> eyre::Result<String> {
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
        (false, _) => table(&rows),
    })
}

fn table(rows: &[TorrentRow]) -> String {
    let mut table = output::table();
    table.set_header(["ID", "STATE", "DONE", "SIZE", "DOWN", "UP", "PEERS", "NAME"]);
    for row in rows {
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        table.add_row([
            right(row.id.map(|id| id.to_string()).unwrap_or_default()),
            Cell::new(row.state),
            right(percent(row)),
            right(ByteSize::b(row.total_bytes).to_string()),
            right(speed(row.download_bps)),
            right(speed(row.upload_bps)),
            right(row.peers.to_string()),
            Cell::new(visible(row.name.as_deref().unwrap_or(&row.info_hash))),
        ]);
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
