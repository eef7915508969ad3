//! `tfs views test`: where torrents would be.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, absolute};

use eyre::WrapErr as _;
use tfs_api::find_mount;
use tfs_config::{ChosenServer, Loaded, MountSection, Sources};
use tfs_service::{
    ArrangedRow, ArrangedRows, RqbitServer, arrange_names, arrange_torrents, servers_of_mount,
    target_servers,
};

use crate::args::{ViewsArgs, ViewsCommand, ViewsTestArgs};
use crate::figures::counted;
use crate::list::CHUNK_TIME_MAX;
use crate::output::{self, visible};
use crate::report::{UserError, settings_error};
use crate::{exit, runtime};

/// Maximum size of a file with names: hundreds of thousands of them.
const NAMES_BYTES_MAX: u64 = 64 << 20;

/// How much of a name a terminal shows: two of them and the reason fit its usual width.
const NAME_CHARS_MAX: usize = 36;

/// Runs the command.
pub(crate) fn run(args: &ViewsArgs, loaded: &Loaded) -> eyre::Result<u8> {
    let ViewsArgs { command: ViewsCommand::Test(args) } = args;
    let recommended = Sources::recommended();
    let settings = if args.recommended { &recommended } else { &loaded.settings };
    if settings.views.is_empty() {
        let error = UserError::new(exit::CONFIG_INVALID, "there are no views to test");
        let hint = "add [[view]] sections with: tfs config edit; or try --recommended";
        return Err(error.with_hint(hint).into());
    }
    let mount = mount_section(args, loaded)?;
    // The configuration was checked when it was loaded.
    let rules = settings.compile_views(&mount).map_err(|problems| {
        let texts: Vec<_> = problems.iter().map(ToString::to_string).collect();
        UserError::new(exit::CONFIG_INVALID, texts.join("; "))
    })?;
    let mut found = match &args.names {
        Some(file) => {
            let text = read_names(file)?;
            let names = text.lines().map(str::trim).filter(|name| !name.is_empty());
            arrange_names(names, &rules)
        }
        None => runtime()?.block_on(async {
            let mut servers = Vec::new();
            for ChosenServer { section, connection, .. } in chosen(args, loaded, &mount).await? {
                let server = RqbitServer::connect(&connection, CHUNK_TIME_MAX).await?;
                servers.push((section.name, server));
            }
            eyre::Ok(arrange_torrents(&servers, &rules).await?)
        })?,
    };
    if let Some(pattern) = &args.pattern {
        found.rows.retain(|row| pattern.is_match(&row.name));
    }
    print(args, &found)?;
    Ok(exit::SUCCESS)
}

fn print(args: &ViewsTestArgs, found: &ArrangedRows) -> eyre::Result<()> {
    let ArrangedRows { rows, view_names, unresolved_count } = found;
    if args.json {
        output::line(&serde_json::to_string_pretty(rows)?)?;
    } else if rows.is_empty() {
        output::note(match args.pattern {
            Some(_) => "no torrent matches",
            None if args.names.is_some() => "there are no names in the input",
            None => "there are no torrents; add one with: tfs add <FILE|MAGNET|URL>",
        });
    } else {
        output::line(&table(rows, output::terminal_width().is_some()))?;
        output::line(&totals(rows, view_names))?;
    }
    if *unresolved_count > 0 {
        let count = counted(*unresolved_count, "torrent");
        output::note(&format!("the files of {count} are not known yet"));
    }
    Ok(())
}

/// Returns the settings of the mount that is meant: of `--mount`, else of the only one.
fn mount_section(args: &ViewsTestArgs, loaded: &Loaded) -> eyre::Result<MountSection> {
    let path = match (&args.mount, loaded.settings.mounts.as_slice()) {
        (Some(path), _) => absolute(path).wrap_err("cannot use the mount point")?,
        (None, [only]) => only.path.clone(),
        (None, _) => Path::new("/").to_owned(),
    };
    loaded.mount_at(&path).map_err(settings_error)
}

/// Returns the servers to ask.
async fn chosen(
    args: &ViewsTestArgs,
    loaded: &Loaded,
    mount: &MountSection,
) -> eyre::Result<Vec<ChosenServer>> {
    let chosen = match &args.mount {
        Some(_) if !mount.servers.is_empty() => loaded.servers_of(mount),
        Some(path) => {
            let found = find_mount(Some(path)).await?;
            servers_of_mount(loaded, &found.mount.mountpoint).await
        }
        None => target_servers(loaded).await,
    };
    chosen.map_err(settings_error)
}

fn read_names(file: &Path) -> eyre::Result<String> {
    let shown = file.display();
    let mut bytes = Vec::new();
    let read = match file == Path::new("-") {
        true => io::stdin().take(NAMES_BYTES_MAX + 1).read_to_end(&mut bytes),
        false => {
            File::open(file).and_then(|file| file.take(NAMES_BYTES_MAX + 1).read_to_end(&mut bytes))
        }
    };
    read.wrap_err_with(|| format!("cannot read the names of {shown}"))?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > NAMES_BYTES_MAX) {
        let message = format!("{shown} is larger than {NAMES_BYTES_MAX} bytes");
        return Err(UserError::new(exit::FAILURE, message).into());
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns a name as it is shown, cut on a terminal.
fn shown(name: &str, is_terminal: bool) -> String {
    let name = visible(name);
    if !is_terminal || name.chars().count() <= NAME_CHARS_MAX {
        return name;
    }
    name.chars().take(NAME_CHARS_MAX - 1).chain(['…']).collect()
}

/// Returns a row for each place, and for each torrent without one.
fn table(rows: &[ArrangedRow], is_terminal: bool) -> String {
    let mut table = output::table();
    table.set_header(["TORRENT", "VIEW", "SHOWN AS", "FILES", "WHY"]);
    for row in rows {
        let name = shown(&row.name, is_terminal);
        if row.views.is_empty() {
            let why = row.skipped.last().map_or("", |skipped| &skipped.why);
            table.add_row([name.as_str(), "none", "", "", &visible(why)]);
        }
        for place in &row.views {
            let shown_as = match (&place.shown_as, place.flat) {
                (_, true) => "its files".to_owned(),
                (Some(name), false) => shown(name, is_terminal),
                (None, false) => "unchanged".to_owned(),
            };
            let files = match (place.files_shown, place.files_hidden) {
                // A name without a torrent.
                (0, 0) => String::new(),
                (shown, 0) => shown.to_string(),
                (shown, hidden) => format!("{shown} +{hidden}"),
            };
            let why = visible(&place.why);
            table.add_row([name.as_str(), &visible(&place.view), &shown_as, &files, &why]);
        }
    }
    output::table_text(table)
}

/// Returns the number of torrents in each view.
fn totals(rows: &[ArrangedRow], view_names: &[String]) -> String {
    let places = || rows.iter().flat_map(|row| &row.views);
    let count = |name: &String| places().filter(|place| place.view == *name).count();
    let texts: Vec<_> =
        view_names.iter().map(|name| format!("{} {}", visible(name), count(name))).collect();
    format!("\nin views: {}", texts.join(", "))
}
