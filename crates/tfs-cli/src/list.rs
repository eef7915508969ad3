//! `tfs list`: a table for people, JSON for scripts, once or again and again.

use std::time::Duration;

use comfy_table::Cell;
use tfs_service::settings::Loaded;
use tfs_service::{Listed, Servers, TorrentRow};

use crate::args::ListArgs;
use crate::figures::{percent, size, speed};
use crate::output::{self, right, visible};
use crate::report::{self, settings_error};
use crate::watch::{Errors, watch};
use crate::{exit, runtime};

/// No stream is opened for a list; this is only what the client wants to know.
pub(crate) const CHUNK_TIME_MAX: Duration = Duration::from_secs(20);

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
            let rows = matching(args, rows);
            if rows.is_empty() && !args.json {
                output::note(nothing(args));
            } else {
                output::line(&text(args, &rows, servers.count())?)?;
            }
        } else if errors.len() < servers.count() {
            watch(args.json, async || look(args, &servers).await).await?;
            return Ok(exit::SUCCESS);
        }
        // What the others have is no complete list.
        let codes: Vec<_> =
            errors.into_iter().map(|error| report::report(&eyre::Report::new(error))).collect();
        Ok(codes.first().copied().unwrap_or(exit::SUCCESS))
    })
}

/// Looks once for `--watch`. Where some servers are there, their torrents are what people see; one
/// that goes away is waited for.
async fn look(args: &ListArgs, servers: &Servers) -> Result<String, Errors> {
    let Listed { rows, errors } = servers.torrents().await;
    if errors.len() < servers.count() {
        let rows = matching(args, rows);
        return text(args, &rows, servers.count()).map_err(|error| vec![error]);
    }
    Err(errors.into_iter().map(eyre::Report::new).collect())
}

/// Returns what is said where there is nothing to list.
fn nothing(args: &ListArgs) -> &'static str {
    match args.pattern {
        Some(_) => "no torrent has that in its name; see all of them with: tfs list",
        None => "there are no torrents; add one with: tfs add <FILE|MAGNET|URL>",
    }
}

fn matching(args: &ListArgs, mut rows: Vec<TorrentRow>) -> Vec<TorrentRow> {
    if let Some(pattern) = &args.pattern {
        let pattern = pattern.to_lowercase();
        rows.retain(|row| {
            row.name.as_ref().is_some_and(|name| name.to_lowercase().contains(&pattern))
        });
    }
    rows
}

fn text(args: &ListArgs, rows: &[TorrentRow], server_count: usize) -> eyre::Result<String> {
    Ok(match (args.json, args.watch) {
        (true, false) => serde_json::to_string_pretty(rows)?,
        // A line for each look.
        (true, true) => serde_json::to_string(rows)?,
        (false, _) => table(rows, server_count > 1),
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
        let mut cells = vec![
            right(row.id.map(|id| id.to_string()).unwrap_or_default()),
            Cell::new(row.state),
            // Of a torrent with nothing selected rqbit says that all of it is there.
            right(percent(row.have_bytes, row.total_bytes)),
            right(size(row.total_bytes)),
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
