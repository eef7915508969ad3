//! `tfs add`, `pause`, `start`, `forget` and `delete`: straight to a server, without a mount.

use std::io::{self, IsTerminal as _};

use tfs_service::control::notify_of_removal;
use tfs_service::settings::Loaded;
use tfs_service::{
    ActedRow, Action, Existing, Server, TorrentInput, TorrentRow, act, add, select, torrents,
};

use crate::args::{AddArgs, DeleteArgs, TorrentArgs};
use crate::figures::size;
use crate::list::CHUNK_TIME_MAX;
use crate::output::{self, visible};
use crate::report::{UserError, settings_error};
use crate::{exit, runtime};

/// Runs `tfs add`.
pub(crate) fn run_add(args: &AddArgs, loaded: &Loaded) -> eyre::Result<u8> {
    let chosen = loaded.choose_server(&[]).map_err(settings_error)?;
    let existing = if args.overwrite { Existing::Use } else { Existing::Refuse };
    let mut rows = Vec::new();
    let result = runtime()?.block_on(async {
        let server = Server::connect(&chosen.connection, CHUNK_TIME_MAX).await?;
        for text in &args.torrents {
            let row = add(&server, &TorrentInput::parse(text), existing).await?;
            if !args.json {
                let name = visible(row.name.as_deref().unwrap_or(&row.info_hash));
                output::line(&match row.added {
                    true => format!("added {name}"),
                    false => format!("{name} is there already"),
                })?;
            }
            rows.push(row);
        }
        Ok(exit::SUCCESS)
    });
    // What was added before one that failed is said too.
    if args.json {
        output::line(&serde_json::to_string_pretty(&rows)?)?;
    }
    result
}

/// Runs `tfs pause`, `start` or `forget`.
pub(crate) fn run(action: Action, args: &TorrentArgs, loaded: &Loaded) -> eyre::Result<u8> {
    act_on(action, args, loaded, |_torrents| Ok(true))
}

/// Runs `tfs delete`.
pub(crate) fn run_delete(args: &DeleteArgs, loaded: &Loaded) -> eyre::Result<u8> {
    act_on(Action::Delete, &args.torrents, loaded, |torrents| {
        Ok(args.yes || is_confirmed(torrents)?)
    })
}

/// Finds all torrents before it does anything to the first, so that a slip does no half of it.
fn act_on(
    action: Action,
    args: &TorrentArgs,
    loaded: &Loaded,
    confirm: impl FnOnce(&[&TorrentRow]) -> eyre::Result<bool>,
) -> eyre::Result<u8> {
    let chosen = loaded.choose_server(&[]).map_err(settings_error)?;
    let runtime = runtime()?;
    let (server, listed) = runtime.block_on(async {
        let server = Server::connect(&chosen.connection, CHUNK_TIME_MAX).await?;
        let listed = torrents(&server).await?;
        eyre::Ok((server, listed))
    })?;
    let mut meant: Vec<&TorrentRow> = Vec::new();
    for text in &args.torrents {
        let torrent = select(&listed, text)?;
        if !meant.iter().any(|other| other.info_hash == torrent.info_hash) {
            meant.push(torrent);
        }
    }
    if !confirm(&meant)? {
        return Err(UserError::new(exit::NOT_CONFIRMED, "nothing was deleted").into());
    }
    let mut rows = Vec::new();
    let result = runtime.block_on(async {
        for torrent in meant {
            let row = act(&server, action, torrent).await?;
            if !args.json {
                output::line(&said(&row))?;
            }
            rows.push(row);
        }
        Ok(exit::SUCCESS)
    });
    if matches!(action, Action::Forget | Action::Delete) {
        let removed: Vec<_> = rows.iter().filter_map(|row| row.info_hash.parse().ok()).collect();
        runtime.block_on(notify_of_removal(&chosen.connection.url, &removed));
    }
    if args.json {
        output::line(&serde_json::to_string_pretty(&rows)?)?;
    }
    result
}

fn said(row: &ActedRow) -> String {
    let name = visible(row.name.as_deref().unwrap_or(&row.info_hash));
    match (row.action, row.changed) {
        (Action::Pause, true) => format!("paused {name}"),
        (Action::Pause, false) => format!("{name} is paused already"),
        (Action::Start, true) => format!("started {name}"),
        (Action::Start, false) => format!("{name} is started already"),
        (Action::Forget, _) => format!("forgot {name}; its files are still there"),
        (Action::Delete, _) => format!("deleted {name} and its files"),
    }
}

pub(crate) fn nobody_there() -> UserError {
    UserError::new(exit::NOT_CONFIRMED, "nobody is there to say yes")
        .with_hint("delete without being asked with --yes")
}

/// Asks on a terminal. Elsewhere nobody can answer.
fn is_confirmed(torrents: &[&TorrentRow]) -> eyre::Result<bool> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(nobody_there().into());
    }
    for torrent in torrents {
        let name = torrent.name.as_deref().unwrap_or(&torrent.info_hash);
        // Also what is there of files that are not selected.
        let size = size(torrent.there_bytes);
        output::note(&format!("  {name} ({size} on the disk of the server)"));
    }
    let question = match torrents.len() {
        1 => "Delete it with its files? [y/N] ".to_owned(),
        count => format!("Delete these {count} with their files? [y/N] "),
    };
    output::ask(&question);
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}
