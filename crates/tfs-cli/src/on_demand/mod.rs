//! `tfs on-demand`: lists on-demand torrents, and changes which torrents are.

mod request;

use serde_json::json;
use tfs_config::{ChosenServer, Loaded};
use tfs_service::on_demand::{ModeChange, OnDemandFailure, set_mode};
use tfs_service::{RqbitServer, ServerSet, TorrentListing, TorrentRow, target_servers};
use tfs_types::{OnDemandMode, chain};

use self::request::{OnDemandRequest, OnDemandTurn};
use crate::args::OnDemandArgs;
use crate::list::CHUNK_TIME_MAX;
use crate::named::matching;
use crate::output::{self, visible};
use crate::report::{self, UserError, settings_error};
use crate::rows::{Column, table};
use crate::{exit, runtime};

/// The columns of the list. The server has one if there are several.
const COLUMNS: [Column; 6] =
    [Column::Id, Column::Mode, Column::Done, Column::Size, Column::Down, Column::Name];

/// A torrent of a server after a change.
struct ChangedMode<'a> {
    row: &'a TorrentRow,
    /// The name of the server.
    server: &'a str,
    change: ModeChange,
}

/// Runs the command.
pub(crate) fn run(args: &OnDemandArgs, loaded: &Loaded) -> eyre::Result<u8> {
    let request = OnDemandRequest::parse(&args.words, args.mode)?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let chosen = target_servers(loaded).await.map_err(settings_error)?;
        let (listing, code) = list(&chosen).await?;
        let has_servers = chosen.len() > 1;
        let failed = match request {
            OnDemandRequest::List => {
                let mut rows = listing;
                rows.retain(|row| row.on_demand.is_some());
                show(args, &rows, has_servers)?;
                exit::SUCCESS
            }
            OnDemandRequest::Show { torrents } => {
                show(args, &named(&listing, &torrents)?, has_servers)?;
                exit::SUCCESS
            }
            OnDemandRequest::Turn { torrents, turn } => {
                let rows = named(&listing, &torrents)?;
                change_all(args, &chosen, &rows, turn).await?
            }
        };
        Ok(if failed == exit::SUCCESS { code } else { failed })
    })
}

/// Lists the torrents of all servers. Returns them with the exit code of the servers that failed.
///
/// # Errors
/// If no server answers.
async fn list(chosen: &[ChosenServer]) -> eyre::Result<(Vec<TorrentRow>, u8)> {
    let settings =
        chosen.iter().map(|chosen| (chosen.section.name.clone(), chosen.connection.clone()));
    let servers = ServerSet::new(settings, CHUNK_TIME_MAX)?;
    let TorrentListing { rows, mut errors } = servers.torrents().await;
    if errors.len() == servers.count()
        && let Some(error) = errors.pop()
    {
        return Err(error.into());
    }
    let codes: Vec<_> =
        errors.into_iter().map(|error| report::report(&eyre::Report::new(error))).collect();
    Ok((rows, codes.first().copied().unwrap_or(exit::SUCCESS)))
}

/// Finds all torrents of a command line, each once.
///
/// # Errors
/// If one of them is unknown or ambiguous; so a typing error changes no torrent.
fn named(listed: &[TorrentRow], texts: &[String]) -> eyre::Result<Vec<TorrentRow>> {
    let mut rows: Vec<TorrentRow> = Vec::new();
    for text in texts {
        for row in matching(listed, text)? {
            if !rows.iter().any(|other| other.info_hash == row.info_hash) {
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

/// Prints torrents with their modes.
fn show(args: &OnDemandArgs, rows: &[TorrentRow], has_servers: bool) -> eyre::Result<()> {
    if args.json {
        return Ok(output::line(&serde_json::to_string_pretty(rows)?)?);
    }
    if rows.is_empty() {
        output::note("no torrent is on demand; make one so with: tfs on-demand <TORRENT> on");
        return Ok(());
    }
    let mut columns = COLUMNS.to_vec();
    if has_servers {
        columns.insert(COLUMNS.len() - 1, Column::Server);
    }
    Ok(output::line(&table(rows.iter(), &columns, output::terminal_width()))?)
}

/// Changes the modes of torrents, each on all servers that have it. A failure for one does not stop
/// the others. Returns the exit code.
async fn change_all(
    args: &OnDemandArgs,
    chosen: &[ChosenServer],
    rows: &[TorrentRow],
    turn: OnDemandTurn,
) -> eyre::Result<u8> {
    let (mut changed, mut code) = (Vec::new(), exit::SUCCESS);
    for chosen in chosen {
        let name = &chosen.section.name;
        let has = |row: &&TorrentRow| row.servers.is_empty() || row.servers.contains(name);
        let mut rows = rows.iter().filter(has).peekable();
        if rows.peek().is_none() {
            continue;
        }
        let server = RqbitServer::connect(&chosen.connection, CHUNK_TIME_MAX).await?;
        for row in rows {
            let mode = turn.mode(row.on_demand, chosen.section.on_demand.mode());
            let Ok(torrent) = row.info_hash.parse() else { continue };
            match set_mode(&server, torrent, mode).await {
                Ok(change) => {
                    let changed_mode = ChangedMode { row, server: name, change };
                    if !args.json {
                        output::line(&changed_mode.text())?;
                    }
                    changed.push(changed_mode.to_json());
                }
                Err(error) => {
                    let failed = report_failure(row, error);
                    code = if code == exit::SUCCESS { failed } else { code };
                }
            }
        }
    }
    if args.json {
        output::line(&serde_json::to_string_pretty(&changed)?)?;
    }
    Ok(code)
}

/// Reports the failure for a torrent, and returns the exit code.
fn report_failure(row: &TorrentRow, error: OnDemandFailure) -> u8 {
    let name = visible(row.name.as_deref().unwrap_or(&row.info_hash));
    let (code, message, hint) = match error {
        OnDemandFailure::Server(error) => report::describe(&error.into()),
        error @ OnDemandFailure::Checking => (
            exit::SERVER_FAILED,
            error.to_string(),
            Some("see its state with: tfs list".to_owned()),
        ),
        OnDemandFailure::Records(error) => report::describe(
            &UserError::new(exit::FAILURE, format!("cannot {}", chain(&error)))
                .with_hint("the state directory must belong to you, and its disk must have room")
                .into(),
        ),
    };
    output::error(&format!("{name} is not changed: {message}"), hint.as_deref());
    code
}

impl ChangedMode<'_> {
    /// Returns an element of `tfs on-demand TORRENT on --json`: fields are added, never changed.
    fn to_json(&self) -> serde_json::Value {
        let Self { row, server, change } = self;
        json!({
            "info_hash": row.info_hash,
            "name": row.name,
            "server": server,
            "on_demand": change.mode.map(OnDemandMode::as_str),
            "changed": change.is_changed,
            "pending": change.is_pending,
        })
    }

    fn text(&self) -> String {
        let name = visible(self.row.name.as_deref().unwrap_or(&self.row.info_hash));
        let ModeChange { mode, is_changed, is_pending } = self.change;
        match (mode, is_changed, is_pending) {
            (None, true, _) => format!("{name} is no longer on demand: all its files are selected"),
            (None, false, _) => format!("{name} is not on demand"),
            (Some(mode), _, true) => {
                format!("{name} is on demand ({mode}) as soon as the server has checked its files")
            }
            (Some(mode), true, false) => format!("{name} is on demand ({mode})"),
            (Some(mode), false, false) => format!("{name} is on demand already ({mode})"),
        }
    }
}
