//! `tfs tag`: lists and changes the tags of torrents.

use comfy_table::Cell;
use tfs_config::Loaded;
use tfs_service::{
    ChangedTags, NoStateDir, ServerSet, TagChange, TagError, TagRow, TagTable, TaggedRow,
    TorrentListing, TorrentRow, change_tags, target_servers, user_tags,
};
use tfs_types::chain;

use crate::args::TagArgs;
use crate::list::CHUNK_TIME_MAX;
use crate::named::matching;
use crate::output::{self, right, visible};
use crate::report::{self, UserError, settings_error};
use crate::{exit, runtime};

/// The length of an info hash in hexadecimal digits.
const HASH_DIGITS: usize = 40;

/// Runs the command.
pub(crate) fn run(args: &TagArgs, loaded: &Loaded) -> eyre::Result<u8> {
    let store = user_tags().map_err(homeless)?;
    let before = store.load().map_err(|error| failed(&error))?;
    for line in before.unreadable() {
        let path = store.path();
        let message = format!("a line of {} is not a torrent with tags", path.display());
        output::warning(&message, &format!("correct or remove it: {}", visible(&line)));
    }
    let Some(text) = &args.torrent else { return list_tags(args, &before) };
    let runtime = runtime()?;
    let torrents = runtime.block_on(named(text, loaded))?;
    if args.tags.is_empty() && !args.remove {
        let rows: Vec<_> = torrents.iter().map(|it| TaggedRow::new(it, &before, &before)).collect();
        return show(args, &rows);
    }
    let (add, remove) =
        if args.remove { (Vec::new(), args.tags.clone()) } else { (args.tags.clone(), Vec::new()) };
    let change = TagChange {
        torrents: torrents.iter().filter_map(|it| it.info_hash.parse().ok()).collect(),
        add,
        remove_all: args.remove && remove.is_empty(),
        remove,
    };
    let changed = runtime.block_on(change_tags(store, change)).map_err(|error| failed(&error))?;
    let ChangedTags { table, failures } = changed;
    for failure in failures {
        let message = format!("a mount does not show the tags yet: {failure}");
        output::warning(&message, "make it read them with: tfs refresh");
    }
    let rows: Vec<_> = torrents.iter().map(|it| TaggedRow::new(it, &before, &table)).collect();
    show(args, &rows)
}

fn failed(error: &TagError) -> eyre::Report {
    let hint = match error {
        TagError::Read { .. } | TagError::Write { .. } => {
            "the directory must belong to you, and its disk must have room"
        }
        TagError::Newer { .. } => "update tfs, or move the file away",
        TagError::TooManyTags { .. } | TagError::TooManyTorrents => {
            "remove some with: tfs tag <TORRENT> <TAG> --remove"
        }
    };
    UserError::new(exit::FAILURE, format!("cannot {}", chain(error))).with_hint(hint).into()
}

fn homeless(error: NoStateDir) -> eyre::Report {
    let hint = "set XDG_STATE_HOME to a directory of yours";
    UserError::new(exit::FAILURE, format!("cannot {error}")).with_hint(hint).into()
}

/// Finds the torrents that a text names: one by its name, a part of it, its id or its info hash, or
/// all that match a glob. For a whole info hash no server is asked.
async fn named(text: &str, loaded: &Loaded) -> eyre::Result<Vec<TorrentRow>> {
    if text.len() == HASH_DIGITS && text.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Ok(vec![TorrentRow { info_hash: text.to_lowercase(), ..TorrentRow::default() }]);
    }
    let chosen = target_servers(loaded).await.map_err(settings_error)?;
    let settings = chosen.into_iter().map(|chosen| (chosen.section.name, chosen.connection));
    let servers = ServerSet::new(settings, CHUNK_TIME_MAX)?;
    let TorrentListing { rows, mut errors } = servers.torrents().await;
    if errors.len() == servers.count()
        && let Some(error) = errors.pop()
    {
        return Err(error.into());
    }
    for error in errors {
        report::report(&eyre::Report::new(error));
    }
    Ok(matching(&rows, text)?)
}

/// Prints torrents with their tags.
fn show(args: &TagArgs, rows: &[TaggedRow]) -> eyre::Result<u8> {
    if args.json {
        output::line(&serde_json::to_string_pretty(rows)?)?;
        return Ok(exit::SUCCESS);
    }
    for row in rows {
        let name = visible(row.name.as_deref().unwrap_or(&row.info_hash));
        match row.tags.as_slice() {
            [] => output::line(&format!("{name} has no tags"))?,
            tags => output::line(&format!("{name}: {}", tags.join(", ")))?,
        }
    }
    Ok(exit::SUCCESS)
}

/// Prints all tags.
fn list_tags(args: &TagArgs, table: &TagTable) -> eyre::Result<u8> {
    let tags = TagRow::all(table);
    if args.json {
        output::line(&serde_json::to_string_pretty(&tags)?)?;
        return Ok(exit::SUCCESS);
    }
    if tags.is_empty() {
        output::note("there are no tags; add one with: tfs tag <TORRENT> <TAG>");
        return Ok(exit::SUCCESS);
    }
    let mut rows = output::table();
    rows.set_header([Cell::new("TAG"), right("TORRENTS".to_owned())]);
    for TagRow { tag, info_hashes } in tags {
        rows.add_row([Cell::new(visible(&tag)), right(info_hashes.len().to_string())]);
    }
    output::line(&output::table_text(rows))?;
    Ok(exit::SUCCESS)
}
