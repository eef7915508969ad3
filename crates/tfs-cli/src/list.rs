//! `tfs list`: a table for people, JSON for scripts, once or repeatedly.

use std::time::Duration;

use tfs_config::Loaded;
use tfs_service::{
    ConnectError, ServerSet, TorrentListing, TorrentRow, WatchedList, WatchedServer, target_servers,
};

use crate::args::ListArgs;
use crate::failed::{FailedLines, FailedTorrent, failed_lines};
use crate::figures::{age, size, speed};
use crate::output::{self, visible};
use crate::report::{self, settings_error};
use crate::rows::{Column, is_listed, table};
use crate::screen::Screen;
use crate::watch::{ScreenUpdate, WATCH_INTERVAL, watch};
use crate::{exit, runtime};

/// The beginning of a line about a failed torrent.
const FAILED: &str = "failed: ";

/// A list opens no stream; the client only needs some value.
pub(crate) const CHUNK_TIME_MAX: Duration = Duration::from_secs(20);

/// Runs the command.
pub(crate) fn run(args: &ListArgs, loaded: &Loaded) -> eyre::Result<u8> {
    let chosen = runtime()?.block_on(target_servers(loaded)).map_err(settings_error)?;
    let flag = match chosen.as_slice() {
        [only] => loaded.server_flag(&only.section.url),
        _ => None,
    };
    let settings = chosen.into_iter().map(|chosen| (chosen.section.name, chosen.connection));
    let servers = ServerSet::new(settings, CHUNK_TIME_MAX)?;
    let width = output::terminal_width();
    let view = ListView { args, has_servers: servers.count() > 1, flag, width };
    runtime()?.block_on(async {
        if args.watch {
            return watch_list(&view, &servers).await;
        }
        let TorrentListing { rows, errors } = servers.torrents().await;
        if errors.len() < servers.count() {
            let rows = view.matching(rows);
            if rows.is_empty() && !args.json {
                output::note(nothing(args));
            } else if args.json {
                output::line(&view.text(&rows)?)?;
            } else {
                output::screen(&view.current(&rows))?;
            }
        }
        // With failed servers the list is incomplete.
        Ok(report_all(errors))
    })
}

/// Shows the torrents until a signal comes. Servers that cannot be reached at the start are an
/// error, as without `--watch`.
async fn watch_list(view: &ListView<'_>, servers: &ServerSet) -> eyre::Result<u8> {
    let watched = servers.watch(WATCH_INTERVAL);
    watched.first_answers().await;
    let first = watched.list();
    if first.servers.iter().all(|server| server.error.is_some()) {
        return Ok(report_all(first.errors));
    }
    watch(view.args.json, async || view.update(watched.list()).map_err(|error| vec![error]))
        .await?;
    Ok(exit::SUCCESS)
}

/// Prints errors, and returns the exit code of the first.
fn report_all(errors: Vec<ConnectError>) -> u8 {
    let codes: Vec<_> =
        errors.into_iter().map(|error| report::report(&eyre::Report::new(error))).collect();
    codes.first().copied().unwrap_or(exit::SUCCESS)
}

/// Formatting of torrents.
struct ListView<'a> {
    args: &'a ListArgs,
    /// Whether there are several servers.
    has_servers: bool,
    /// The value of `--server` that selects the server, if there is one and the flag is needed.
    flag: Option<String>,
    /// Columns of the terminal, if the table goes to one.
    width: Option<usize>,
}

impl ListView<'_> {
    fn matching(&self, rows: Vec<TorrentRow>) -> Vec<TorrentRow> {
        self.chosen(rows, |row| row)
    }

    /// Returns the torrents to list, in their order.
    fn chosen<T>(&self, mut rows: Vec<T>, row: impl Fn(&T) -> &TorrentRow) -> Vec<T> {
        let ListArgs { pattern, filter, sort, reverse, .. } = self.args;
        rows.retain(|it| is_listed(row(it), pattern.as_ref(), filter));
        sort.sort(&mut rows, row);
        if *reverse {
            rows.reverse();
        }
        rows
    }

    fn table<'r>(&self, rows: impl Iterator<Item = &'r TorrentRow>) -> String {
        let rows: Vec<_> = rows.collect();
        match self.args.columns.as_slice() {
            [] => {
                let columns = Column::defaults(&rows, self.has_servers);
                table(rows.into_iter(), &columns, self.width)
            }
            // Chosen columns are all shown: a line may be longer than the terminal is wide.
            chosen => table(rows.into_iter(), chosen, None),
        }
    }

    /// Returns the table, and below it the totals and the failed torrents. Old torrents are marked.
    fn screen(&self, rows: &[(&TorrentRow, bool)]) -> Screen {
        let all = || rows.iter().map(|(row, _)| *row);
        let text = self.table(all());
        let mut lines = text.lines();
        let mut screen = Screen::default();
        // The first line is the heading; each row is one line.
        lines.next().into_iter().for_each(|heading| screen.push(heading));
        for (line, (row, is_old)) in lines.zip(rows) {
            screen.add(line, *is_old);
            screen.mark_last(row.state == "error");
        }
        for line in totals(all()).map(|totals| ["".to_owned(), totals]).into_iter().flatten() {
            screen.push(&line);
        }
        for line in self.failures(all()) {
            screen.push(&line);
            screen.mark_last(line.starts_with(FAILED));
        }
        screen
    }

    /// Returns the output for torrents that are all current.
    fn current(&self, rows: &[TorrentRow]) -> Screen {
        let rows: Vec<_> = rows.iter().map(|row| (row, false)).collect();
        self.screen(&rows)
    }

    fn text(&self, rows: &[TorrentRow]) -> eyre::Result<String> {
        Ok(match (self.args.json, self.args.watch) {
            (true, false) => serde_json::to_string_pretty(rows)?,
            // One line for each refresh.
            (true, true) => serde_json::to_string(rows)?,
            (false, _) => self.current(rows).plain(),
        })
    }

    /// Returns the output of one refresh. Rows of servers that do not answer are marked old.
    fn update(&self, list: WatchedList) -> eyre::Result<ScreenUpdate> {
        let WatchedList { rows, current, servers, errors } = list;
        let line = current.map(|rows| self.text(&self.matching(rows))).transpose()?;
        let errors = errors.into_iter().map(eyre::Report::new).collect();
        let rows = self.chosen(rows, |(row, _)| row);
        let mut screen = Screen::default();
        for server in servers.iter().filter(|server| !server.is_current()) {
            screen.push(&silence(server));
        }
        let rows: Vec<_> = rows.iter().map(|(row, is_old)| (row, *is_old)).collect();
        screen.append(self.screen(&rows));
        Ok(ScreenUpdate { screen, line, errors })
    }

    /// Returns the reasons and remedies of failed torrents, after an empty line, if there are any.
    fn failures<'r>(&self, rows: impl Iterator<Item = &'r TorrentRow>) -> Vec<String> {
        let failed: Vec<_> = rows
            .filter(|row| row.state == "error")
            .map(|row| FailedTorrent {
                name: row.name.as_deref(),
                info_hash: &row.info_hash,
                why: row.error.as_deref(),
            })
            .collect();
        if failed.is_empty() {
            return Vec::new();
        }
        let FailedLines { reasons, remedies } =
            failed_lines(&failed, failed.len(), self.flag.as_deref());
        let reasons = reasons.into_iter().map(|reason| format!("{FAILED}{reason}"));
        let remedies = remedies.into_iter().map(|remedy| format!("to do: {remedy}"));
        std::iter::once(String::new()).chain(reasons).chain(remedies).collect()
    }
}

/// Returns why a server has no new list, and the age of its torrents.
fn silence(server: &WatchedServer) -> String {
    let WatchedServer { url, age: old, silence, error, .. } = server;
    let why = match (error, silence) {
        (Some(error), _) => error.clone(),
        (None, Some(silence)) => format!("no answer from rqbit at {url} for {}", age(*silence)),
        (None, None) => format!("no answer from rqbit at {url} yet"),
    };
    visible(&match old {
        Some(old) => format!("{why}; its torrents are as they were {} ago", age(*old)),
        None => why,
    })
}

/// Returns the text for an empty list.
fn nothing(args: &ListArgs) -> &'static str {
    match args.pattern.is_some() || !args.filter.is_empty() {
        true => "no torrent matches; list all with: tfs list",
        false => "there are no torrents; add one with: tfs add <FILE|MAGNET|URL>",
    }
}

/// Returns the number of torrents, their sizes and their speeds together, if there are several.
fn totals<'r>(rows: impl Iterator<Item = &'r TorrentRow>) -> Option<String> {
    let (mut count, mut all, mut there, mut down, mut up) = (0_u64, 0_u64, 0_u64, 0_u64, 0_u64);
    for row in rows {
        count += 1;
        all = all.saturating_add(row.size_bytes.unwrap_or(row.total_bytes));
        there = there.saturating_add(row.there_bytes);
        down = down.saturating_add(row.download_bps);
        up = up.saturating_add(row.upload_bps);
    }
    (count > 1).then(|| {
        format!(
            "{count} torrents, {} of {}, down {}, up {}",
            size(there.min(all)),
            size(all),
            speed(down),
            speed(up)
        )
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};
    use crate::rows::row;

    #[track_caller]
    fn check_heading(line: &str, want: &str) {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        let Command::List(args) = cli.command else { panic!("{line}") };
        let view = ListView { args: &args, has_servers: true, flag: None, width: Some(60) };
        let long = row(&"a long name ".repeat(9), (Some(8), 2), (Some(8), 2));
        let text = view.table([long].iter());
        let heading: Vec<_> = text.lines().next().unwrap().split_whitespace().collect();
        assert_eq!(heading.join(" "), want, "{line}");
    }

    #[test]
    fn chosen_columns_are_kept_on_a_narrow_terminal() {
        check_heading("tfs list", "ID STATE DONE SIZE DOWN NAME");
        check_heading(
            "tfs list --columns id,name,size,hash,ratio,peers,selected,server,up",
            "ID NAME SIZE HASH RATIO PEERS SELECTED SERVER UP",
        );
    }

    #[test]
    fn rows_of_a_silent_server_are_old_and_the_silence_is_said() {
        let cli = Cli::try_parse_from(["tfs", "list", "--watch", "film"]).unwrap();
        let Command::List(args) = cli.command else { panic!() };
        let view = ListView { args: &args, has_servers: false, flag: None, width: None };
        let film = || row("film", (Some(8), 2), (Some(8), 2));
        let server = WatchedServer {
            name: "home".to_owned(),
            url: "http://h:1".parse().unwrap(),
            age: Some(Duration::from_secs(75)),
            silence: Some(Duration::from_secs(3)),
            error: None,
        };
        let list = WatchedList {
            rows: vec![(film(), true), (row("other", (None, 0), (None, 0)), true)],
            current: None,
            servers: vec![server],
            errors: Vec::new(),
        };
        let ScreenUpdate { screen, line, .. } = view.update(list).unwrap();
        assert_eq!(line, None);
        let lines: Vec<_> = screen.lines().iter().map(|it| (it.text.as_str(), it.is_old)).collect();
        let said = "no answer from rqbit at http://h:1/ for 3 s; its torrents are as they were \
            1m 15s ago";
        assert_eq!(lines[..2], [(said, false), ("", false)]);
        assert!(lines[2].0.starts_with("ID") && !lines[2].1, "{lines:?}");
        assert!(lines[3].0.ends_with("film") && lines[3].1, "{lines:?}");
        assert_eq!(lines.len(), 4);
    }
}
