//! `tfs add`: checks all inputs, adds files in their order, then waits for the magnet links
//! concurrently. A torrent that cannot be added does not stop the others.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use tfs_config::{Loaded, ServerSettings};
use tfs_service::on_demand::OnDemandChoice;
use tfs_service::{
    AddError, AddFault, AddWishes, AddedRow, Existing, PreparedTorrent, RqbitServer, TorrentInput,
    add, notify_of_change, target_server,
};

use crate::args::AddArgs;
use crate::background::{self, ProcessRole};
use crate::list::CHUNK_TIME_MAX;
use crate::output::{self, visible};
use crate::report::{self, settings_error};
use crate::signals::Signals;
use crate::{exit, runtime};

/// How many magnet links rqbit resolves at a time. Each holds one connection.
const MAGNETS_AT_ONCE: usize = 16;

/// How many names of pending magnet links are printed.
const NAMES_MAX: usize = 5;

/// Runs the command.
pub(crate) fn run(args: &AddArgs, loaded: &Loaded) -> eyre::Result<u8> {
    // A background process does the rest of a command that did not wait.
    let is_rest = background::role() == ProcessRole::Child;
    if is_rest {
        background::leave_session()?;
    }
    let mut tally = Tally { is_quiet: args.json || is_rest, is_rest, ..Tally::default() };
    let runtime = runtime()?;
    let added = runtime.block_on(async {
        let mut signals = Signals::new()?;
        tokio::select! {
            added = add_all(args, is_rest, loaded, &mut tally) => added.map(|()| false),
            () = signals.next() => Ok(true),
        }
    });
    // A thread may still block on a pipe.
    runtime.shutdown_background();
    if args.json && !is_rest {
        output::line(&serde_json::to_string_pretty(&tally.sorted_rows())?)?;
    }
    let is_interrupted = added.unwrap_or_else(|error| {
        tally.lost(&error);
        false
    });
    Ok(tally.sum_up(args.torrents.len(), is_interrupted))
}

/// Adds everything, and records the result of each.
///
/// # Errors
/// If the server cannot be used at all.
async fn add_all(
    args: &AddArgs,
    is_rest: bool,
    loaded: &Loaded,
    tally: &mut Tally,
) -> eyre::Result<()> {
    let chosen = target_server(loaded).await.map_err(settings_error)?;
    let inputs = args.torrents.iter().map(|text| TorrentInput::parse(text));
    let inputs: Vec<_> = inputs.filter(|input| !is_rest || input.is_link()).collect();
    // Concurrently: one input may be a pipe that blocks.
    let prepared = futures_util::future::join_all(inputs.iter().map(TorrentInput::prepare)).await;
    let (mut files, mut magnets) = (Vec::new(), Vec::new());
    for (position, prepared) in prepared.into_iter().enumerate() {
        match prepared {
            Ok(torrent) if torrent.is_magnet() => magnets.push((position, torrent)),
            Ok(torrent) if !is_rest => files.push((position, torrent)),
            Ok(_added_before) => {}
            Err(error) => tally.failed(error),
        }
    }
    if files.is_empty() && magnets.is_empty() {
        return Ok(());
    }
    let server = RqbitServer::connect(&chosen.connection, CHUNK_TIME_MAX).await?;
    let existing = if args.overwrite { Existing::Use } else { Existing::Refuse };
    let wishes = AddWishes {
        on_demand: Some(match (args.on_demand, args.no_on_demand) {
            (None, false) => OnDemandChoice::of(&loaded.settings, &chosen.section, None),
            (mode, _) => OnDemandChoice::always(mode),
        }),
        ..AddWishes::new(existing, args.timeout)
    };
    let adding = Adding { server, connection: chosen.connection, wishes };
    if !adding.add_files(&files, tally).await {
        return Ok(());
    }
    if args.no_wait && !is_rest {
        tally.left_count = magnets.len();
        return leave_to_background(&magnets, args.timeout);
    }
    adding.add_magnets(&magnets, tally).await;
    Ok(())
}

/// The server to add to, and the options.
struct Adding {
    server: RqbitServer,
    connection: ServerSettings,
    wishes: AddWishes,
}

impl Adding {
    /// Adds files and addresses in their order. Returns whether the server can still be used.
    async fn add_files(&self, files: &[(usize, PreparedTorrent)], tally: &mut Tally) -> bool {
        let mut is_usable = true;
        for (position, torrent) in files {
            is_usable = self.record(*position, self.add(torrent).await, tally);
            if !is_usable {
                break;
            }
        }
        if tally.has_added() {
            notify_of_change(&self.connection.url, &[]).await;
        }
        is_usable
    }

    /// Adds magnet links, in the order in which their peers are found.
    async fn add_magnets(&self, magnets: &[(usize, PreparedTorrent)], tally: &mut Tally) {
        if magnets.is_empty() {
            return;
        }
        output::note_to_terminal(&looking(magnets, self.wishes.time_max));
        let adding = magnets.iter().map(async |(position, magnet)| {
            let added = self.add(magnet).await;
            if added.as_ref().is_ok_and(|row| row.added) {
                notify_of_change(&self.connection.url, &[]).await;
            }
            (*position, added)
        });
        let mut adding = stream::iter(adding).buffer_unordered(MAGNETS_AT_ONCE);
        while let Some((position, added)) = adding.next().await {
            if !self.record(position, added, tally) {
                return;
            }
        }
    }

    async fn add(&self, torrent: &PreparedTorrent) -> Result<AddedRow, AddError> {
        let added = add(&self.server, torrent, &self.wishes).await;
        let Err(AddError { input, fault: AddFault::Dropped }) = added else { return added };
        // Tells a torrent that crashes rqbit's handler from an rqbit that is gone.
        let fault = match RqbitServer::connect(&self.connection, CHUNK_TIME_MAX).await {
            Ok(_server) => AddFault::Dropped,
            Err(error) => AddFault::Server(error),
        };
        Err(AddError { input, fault })
    }

    /// Records the result of one torrent. Returns whether the server can still be used.
    fn record(
        &self,
        position: usize,
        added: Result<AddedRow, AddError>,
        tally: &mut Tally,
    ) -> bool {
        match added {
            Ok(row) => {
                tally.added(position, row);
                true
            }
            Err(error) => {
                let concerns_all = error.fault.concerns_all();
                tally.failed(error);
                !concerns_all
            }
        }
    }
}

/// Starts a background process that waits for the magnet links.
fn leave_to_background(
    magnets: &[(usize, PreparedTorrent)],
    time_max: Duration,
) -> eyre::Result<()> {
    if magnets.is_empty() {
        return Ok(());
    }
    background::spawn_rest()?;
    output::note(&format!("{}, in the background; see with: tfs list", looking(magnets, time_max)));
    Ok(())
}

/// Returns the message that names the pending magnet links and the time limit.
fn looking(magnets: &[(usize, PreparedTorrent)], time_max: Duration) -> String {
    let names: Vec<_> = magnets.iter().take(NAMES_MAX).map(|(_, magnet)| magnet.label()).collect();
    let more = match magnets.len().saturating_sub(names.len()) {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let time_max = humantime::format_duration(time_max);
    format!("looking for peers of {}{more}, for {time_max} at most", names.join(", "))
}

/// The results so far.
#[derive(Debug, Default)]
struct Tally {
    /// Whether nothing is printed about added torrents until the end.
    is_quiet: bool,
    /// Whether this process is in the background, where only the log file shows the results.
    is_rest: bool,
    rows: Vec<(usize, AddedRow)>,
    failed_count: usize,
    /// Magnet links that another process adds.
    left_count: usize,
    /// The exit code of the first that failed.
    code: Option<u8>,
    /// What was printed: one cause needs one hint.
    hints: HashSet<String>,
}

impl Tally {
    /// Records a torrent that was added, or was there already.
    fn added(&mut self, position: usize, row: AddedRow) {
        if !self.is_quiet {
            let name = visible(row.name.as_deref().unwrap_or(&row.info_hash));
            let text = match row.added {
                true => format!("added {name}"),
                false => format!("{name} is already on the server"),
            };
            // A closed pipe is not an error, and a full disk does not concern the torrent.
            if let Err(error) = output::line(&text) {
                tracing::debug!(%error, "cannot print what was added");
            }
        }
        if self.is_rest {
            tracing::info!(name = row.name, info_hash = row.info_hash, "added");
        }
        self.rows.push((position, row));
    }

    /// Records a torrent that was not added, and prints the reason.
    fn failed(&mut self, error: AddError) {
        let (code, message, hint) = report::describe(&error.into());
        if self.is_rest {
            tracing::warn!("{message}");
        }
        let hint = hint.filter(|hint| self.hints.insert(hint.clone()));
        output::error(&message, hint.as_deref());
        self.failed_count += 1;
        self.code.get_or_insert(code);
    }

    /// Records that the server cannot be used.
    fn lost(&mut self, error: &eyre::Report) {
        let code = report::report(error);
        self.failed_count += 1;
        self.code.get_or_insert(code);
    }

    fn has_added(&self) -> bool {
        self.rows.iter().any(|(_, row)| row.added)
    }

    /// Returns the rows in the order of the arguments.
    fn sorted_rows(&mut self) -> Vec<&AddedRow> {
        self.rows.sort_by_key(|(position, _)| *position);
        self.rows.iter().map(|(_, row)| row).collect()
    }

    /// Prints how many of several torrents were not added, and returns the exit code.
    fn sum_up(&self, count: usize, is_interrupted: bool) -> u8 {
        let missing = count.saturating_sub(self.rows.len() + self.left_count);
        if is_interrupted {
            output::end_interrupted_line();
            output::error(&format!("interrupted: {missing} of {count} not added"), None);
            return exit::INTERRUPTED;
        }
        if self.failed_count > 0 && count > 1 {
            output::note(&format!("{missing} of {count} torrents were not added"));
        }
        self.code.unwrap_or(exit::SUCCESS)
    }
}
