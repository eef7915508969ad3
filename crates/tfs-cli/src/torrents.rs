//! `tfs pause`, `start`, `forget` and `delete`: directly at a server, without a mount.

use std::fmt::Write as _;

use tfs_config::{ChosenServer, Loaded};
use tfs_service::{
    ActedRow, ConnectError, DeletedFile, DeletionPreview, RqbitServer, ServerFailure,
    TorrentAction, TorrentRow, act, notify_of_change, preview_deletion, select, target_server,
    torrents,
};

use crate::args::{DeleteArgs, TorrentArgs};
use crate::figures::{counted, size};
use crate::list::CHUNK_TIME_MAX;
use crate::output::{self, visible};
use crate::report::{self, UserError, settings_error};
use crate::{exit, runtime};

/// Runs `tfs pause`, `start` or `forget`.
pub(crate) fn run(action: TorrentAction, args: &TorrentArgs, loaded: &Loaded) -> eyre::Result<u8> {
    act_on(action, args, loaded, |_torrents| Ok(true))
}

/// Runs `tfs delete`.
pub(crate) fn run_delete(args: &DeleteArgs, loaded: &Loaded) -> eyre::Result<u8> {
    if args.dry_run {
        return preview(&args.torrents, loaded);
    }
    act_on(TorrentAction::Delete, &args.torrents, loaded, |torrents| {
        Ok(args.yes || is_confirmed(torrents)?)
    })
}

/// The torrents that a command names.
struct NamedTorrents {
    chosen: ChosenServer,
    server: RqbitServer,
    /// Each torrent once, in the order of the command line.
    torrents: Vec<TorrentRow>,
}

/// Finds all torrents of a command line.
///
/// # Errors
/// If one of them is unknown or ambiguous; so a typing error changes no torrent.
async fn named(args: &TorrentArgs, loaded: &Loaded) -> eyre::Result<NamedTorrents> {
    let chosen = target_server(loaded).await.map_err(settings_error)?;
    let server = RqbitServer::connect(&chosen.connection, CHUNK_TIME_MAX).await?;
    let listed = torrents(&server).await?;
    let mut torrents: Vec<TorrentRow> = Vec::new();
    for text in &args.torrents {
        let torrent = select(&listed, text)?;
        if !torrents.iter().any(|other| other.info_hash == torrent.info_hash) {
            torrents.push(torrent.clone());
        }
    }
    Ok(NamedTorrents { chosen, server, torrents })
}

/// Prints what `tfs delete` would delete.
fn preview(args: &TorrentArgs, loaded: &Loaded) -> eyre::Result<u8> {
    let previews = runtime()?.block_on(async {
        let NamedTorrents { server, torrents, .. } = named(args, loaded).await?;
        let mut previews = Vec::with_capacity(torrents.len());
        for torrent in &torrents {
            previews.push(preview_deletion(&server, torrent).await?);
        }
        eyre::Ok(previews)
    })?;
    if args.json {
        output::line(&serde_json::to_string_pretty(&previews)?)?;
        return Ok(exit::SUCCESS);
    }
    for preview in &previews {
        output::line(&render_preview(preview))?;
    }
    output::note("nothing was deleted: --dry-run");
    Ok(exit::SUCCESS)
}

/// How many files of a torrent a preview shows. `--json` has all of them.
const PREVIEW_FILES_MAX: usize = 20;

fn render_preview(preview: &DeletionPreview) -> String {
    let DeletionPreview { name, info_hash, files, size_bytes, there_bytes, .. } = preview;
    let mut text = format!(
        "would delete {}: {}, {} ({} downloaded)",
        visible(name.as_deref().unwrap_or(info_hash)),
        counted(files.len(), "file"),
        size(*size_bytes),
        size(*there_bytes),
    );
    // Writing to a string cannot fail.
    for DeletedFile { path, size_bytes } in files.iter().take(PREVIEW_FILES_MAX) {
        _ = write!(text, "\n{:>12}  {}", size(*size_bytes), visible(path));
    }
    if let Some(more) = files.len().checked_sub(PREVIEW_FILES_MAX).filter(|more| *more > 0) {
        _ = write!(text, "\n{:>12}  and {}", "", counted(more, "more file"));
    }
    text
}

/// Applies an action to torrents. A failure for one torrent does not stop the others.
fn act_on(
    action: TorrentAction,
    args: &TorrentArgs,
    loaded: &Loaded,
    confirm: impl FnOnce(&[TorrentRow]) -> eyre::Result<bool>,
) -> eyre::Result<u8> {
    let runtime = runtime()?;
    let NamedTorrents { chosen, server, torrents } = runtime.block_on(named(args, loaded))?;
    if !confirm(&torrents)? {
        return Err(UserError::new(exit::NOT_CONFIRMED, "nothing was deleted").into());
    }
    let (mut rows, mut code) = (Vec::new(), exit::SUCCESS);
    runtime.block_on(async {
        for torrent in &torrents {
            match act(&server, action, torrent).await {
                Ok(row) if args.json => rows.push(row),
                Ok(row) => {
                    output::line(&render(&row))?;
                    rows.push(row);
                }
                Err(error) => {
                    let is_over = error.fault() != ServerFailure::Failed;
                    let failed = report_failure(action, torrent, error);
                    code = if code == exit::SUCCESS { failed } else { code };
                    if is_over {
                        break;
                    }
                }
            }
        }
        if rows.iter().any(|row| row.changed) {
            let is_removal = matches!(action, TorrentAction::Forget | TorrentAction::Delete);
            let removed = rows.iter().filter(|_| is_removal);
            let removed: Vec<_> = removed.filter_map(|row| row.info_hash.parse().ok()).collect();
            notify_of_change(&chosen.connection.url, &removed).await;
        }
        eyre::Ok(())
    })?;
    if args.json {
        output::line(&serde_json::to_string_pretty(&rows)?)?;
    }
    Ok(code)
}

/// Reports the failure for a torrent, and returns the exit code.
fn report_failure(action: TorrentAction, torrent: &TorrentRow, error: ConnectError) -> u8 {
    let verb = match action {
        TorrentAction::Pause => "pause",
        TorrentAction::Start => "start",
        TorrentAction::Forget => "forget",
        TorrentAction::Delete => "delete",
    };
    let name = torrent.name.as_deref().unwrap_or(&torrent.info_hash);
    let (code, message, hint) = report::describe(&error.into());
    output::error(&format!("cannot {verb} {name}: {message}"), hint.as_deref());
    code
}

fn render(row: &ActedRow) -> String {
    let name = visible(row.name.as_deref().unwrap_or(&row.info_hash));
    match (row.action, row.changed) {
        (TorrentAction::Pause, true) => format!("paused {name}"),
        (TorrentAction::Pause, false) => format!("{name} is already paused"),
        (TorrentAction::Start, true) => format!("started {name}"),
        (TorrentAction::Start, false) => format!("{name} is already running"),
        (TorrentAction::Forget, _) => format!("removed {name}; its files are kept"),
        (TorrentAction::Delete, _) => format!("deleted {name} and its files"),
    }
}

pub(crate) fn no_terminal() -> UserError {
    UserError::new(exit::NOT_CONFIRMED, "no terminal to ask for confirmation")
        .with_hint("skip the question with --yes")
}

/// Asks for confirmation on a terminal. Without a terminal there is no answer.
fn is_confirmed(torrents: &[TorrentRow]) -> eyre::Result<bool> {
    if !output::can_ask() {
        return Err(no_terminal().into());
    }
    for torrent in torrents {
        let name = torrent.name.as_deref().unwrap_or(&torrent.info_hash);
        // Includes downloaded parts of files that are not selected.
        let size = size(torrent.there_bytes);
        output::note(&format!("  {name} ({size} on the disk of the server)"));
    }
    let question = match torrents.len() {
        1 => "Delete it with its files? [y/N] ".to_owned(),
        count => format!("Delete these {count} with their files? [y/N] "),
    };
    let answer = output::answer(&question)?;
    Ok(["y", "yes"].contains(&answer.as_str()))
}
