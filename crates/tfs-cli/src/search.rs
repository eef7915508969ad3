//! `tfs search`: searches every file of every torrent, by a running mount or directly at the
//! servers.

use comfy_table::Cell;
use tfs_api::status::ServerStatus;
use tfs_api::wire::{QueryText, SEARCH_HITS_MAX, SearchAnswer, SearchRequest};
use tfs_api::{ControlClient, FindError, FoundMount, find_mounts};
use tfs_config::Loaded;
use tfs_service::{Query, RqbitServer, SearchError, search_servers, target_servers};

use crate::args::SearchArgs;
use crate::figures::{percent, size};
use crate::list::CHUNK_TIME_MAX;
use crate::output::{self, right, visible};
use crate::report::settings_error;
use crate::{exit, runtime};

/// Runs the command.
pub(crate) fn run(args: &SearchArgs, loaded: &Loaded) -> eyre::Result<u8> {
    let Found { answer, mountpoint, trouble } = runtime()?.block_on(find(args, loaded))?;
    let root = mountpoint.as_deref().filter(|_| !args.relative);
    if args.json {
        output::line(&serde_json::to_string_pretty(&answer.hits)?)?;
    } else if answer.hits.is_empty() {
        output::note(&nothing_found(trouble.as_deref()));
    } else if args.null {
        let paths = paths(&answer, root).flat_map(|path| path.into_bytes().into_iter().chain([0]));
        output::bytes(&paths.collect::<Vec<_>>())?;
    } else if output::terminal_width().is_some() {
        output::line(&text(&answer, root))?;
    } else {
        let paths: Vec<_> = paths(&answer, root).map(|path| visible(&path)).collect();
        output::line(&paths.join("\n"))?;
    }
    if mountpoint.is_none() && !args.relative && !args.json && !answer.hits.is_empty() {
        output::note("these paths are from the root of a mount of the server; there is none here");
    }
    if answer.is_cut {
        output::note(&more(args.limit));
    }
    Ok(exit::SUCCESS)
}

/// Returns the text for a search without results. `trouble` is why files may be missing.
fn nothing_found(trouble: Option<&str>) -> String {
    trouble.map_or_else(
        || "nothing found".to_owned(),
        |trouble| format!("nothing found, but files may be missing: {trouble}"),
    )
}

/// Returns the hint for a search that found more than `limit` files.
fn more(limit: u64) -> String {
    let hits_max = SEARCH_HITS_MAX as u64;
    if limit >= hits_max {
        return format!("there are more than {hits_max}, the maximum; add words to the search");
    }
    let next = limit.saturating_mul(10).min(hits_max);
    format!("there are more; see them with --limit {next}")
}

/// The result of a search.
struct Found {
    answer: SearchAnswer,
    /// The mount that answered; `None` if the servers did.
    mountpoint: Option<String>,
    /// Why files may be missing, if nothing was found.
    trouble: Option<String>,
}

async fn find(args: &SearchArgs, loaded: &Loaded) -> eyre::Result<Found> {
    let mut request = SearchRequest { mountpoint: None, query: query(args), limit: args.limit };
    check(&request.query)?;
    if !args.server.is_named() {
        let mounts = match find_mounts(args.mount.as_deref()).await {
            // No mount is found, or none answers: the server has the same files.
            Err(FindError::None { .. }) if args.mount.is_none() => Vec::new(),
            found => found?,
        };
        if let Some(FoundMount { client, mount, .. }) = mounts.into_iter().next() {
            request.mountpoint = Some(mount.mountpoint);
            let answer = client.search(&request).await?;
            let is_empty = answer.hits.is_empty();
            let trouble = if is_empty { trouble(&client, &mount.device).await } else { None };
            return Ok(Found { answer, mountpoint: request.mountpoint, trouble });
        }
    }
    let mut servers = Vec::new();
    for chosen in target_servers(loaded).await.map_err(settings_error)? {
        servers.push(RqbitServer::connect(&chosen.connection, CHUNK_TIME_MAX).await?);
    }
    let answer = search_servers(&servers, &request).await?;
    Ok(Found { answer, mountpoint: None, trouble: None })
}

/// Returns why the mount on a device may lack files. `None` if its process does not say.
async fn trouble(client: &ControlClient, device: &str) -> Option<String> {
    let mounts = client.status().await.ok()?.mounts;
    let status = mounts.into_iter().find(|mount| mount.device == device)?.status;
    // Other problems, such as a failed torrent, hide no files.
    let is_incomplete = !status.tree.known || status.servers.iter().any(ServerStatus::is_silent);
    status.trouble.filter(|_| is_incomplete)
}

fn query(args: &SearchArgs) -> QueryText {
    match (&args.glob, &args.regex) {
        (Some(glob), _) => QueryText::Glob(glob.clone()),
        (None, Some(regex)) => QueryText::Regex(regex.clone()),
        (None, None) => QueryText::Words(args.words.join(" ")),
    }
}

/// Checks a query before a server is asked: whether that answers does not matter to a mistake.
fn check(query: &QueryText) -> Result<(), SearchError> {
    match query {
        QueryText::Words(words) => Query::words(words),
        QueryText::Glob(glob) => Query::glob(glob),
        QueryText::Regex(regex) => Query::regex(regex),
    }?;
    Ok(())
}

/// Returns the paths, below the mount point if there is one.
fn paths<'a>(
    answer: &'a SearchAnswer,
    root: Option<&'a str>,
) -> impl Iterator<Item = String> + use<'a> {
    answer.hits.iter().map(move |hit| match root {
        Some(root) => format!("{root}/{}", hit.path),
        None => hit.path.clone(),
    })
}

fn text(answer: &SearchAnswer, root: Option<&str>) -> String {
    let mut table = output::table();
    for (hit, path) in answer.hits.iter().zip(paths(answer, root)) {
        table.add_row([
            right(size(hit.size_bytes)),
            right(percent(hit.have_bytes, hit.size_bytes)),
            Cell::new(visible(&path)),
        ]);
    }
    output::table_text(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_that_is_named_shows_more() {
        assert_eq!(more(1), "there are more; see them with --limit 10");
        let most = SEARCH_HITS_MAX as u64;
        assert_eq!(more(most - 1), format!("there are more; see them with --limit {most}"));
        assert!(more(most).contains("the maximum"), "{}", more(most));
    }
}
