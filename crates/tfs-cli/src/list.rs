//! `tfs list`: a table for people, JSON for scripts.

use std::time::Duration;

use bytesize::ByteSize;
use comfy_table::{Cell, CellAlignment, Table, presets};
use tfs_service::{Server, TorrentRow, torrents};

use crate::args::ListArgs;
use crate::output::{self, visible};
use crate::{exit, runtime};

/// No stream is opened for a list; this is only what the client wants to know.
const CHUNK_TIME_MAX: Duration = Duration::from_secs(20);

/// Runs the command.
pub(crate) fn run(args: &ListArgs) -> eyre::Result<u8> {
    let settings = args.server.settings()?;
    let mut rows = runtime()?.block_on(async {
        let server = Server::connect(&settings, CHUNK_TIME_MAX).await?;
        torrents(&server).await
    })?;
    if let Some(pattern) = &args.pattern {
        let pattern = pattern.to_lowercase();
        rows.retain(|row| {
            row.name.as_ref().is_some_and(|name| name.to_lowercase().contains(&pattern))
        });
    }
    let text = if args.json { serde_json::to_string_pretty(&rows)? } else { table(&rows) };
    output::line(&text)?;
    Ok(exit::SUCCESS)
}

fn table(rows: &[TorrentRow]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
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
    table.trim_fmt()
}

/// Returns the progress, rounded down: what is not all there is never 100 %.
fn percent(row: &TorrentRow) -> String {
    format!("{:.0}%", (row.progress * 100.0).floor())
}

fn speed(bytes_per_second: u64) -> String {
    match bytes_per_second {
        0 => "-".to_owned(),
        speed => format!("{}/s", ByteSize::b(speed)),
    }
}
