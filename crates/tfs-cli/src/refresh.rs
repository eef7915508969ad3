//! `tfs refresh`: makes mounts poll their servers now.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use tfs_api::wire::{FailedServer, RefreshRequest, Refreshed};
use tfs_api::{ControlError, FoundMount, find_mounts};

use crate::args::RefreshArgs;
use crate::output::{self, visible};
use crate::report::report;
use crate::{exit, runtime};

/// Runs the command.
pub(crate) fn run(args: &RefreshArgs) -> eyre::Result<u8> {
    let RefreshArgs { mountpoint, json, accept_removals } = args;
    let (mounts, answers) = runtime()?.block_on(async {
        let mounts = find_mounts(mountpoint.as_deref()).await?;
        let answers = join_all(mounts.iter().map(|found| refresh(found, *accept_removals))).await;
        eyre::Ok((mounts, answers))
    })?;
    let mut code = exit::SUCCESS;
    let mut refreshed = Vec::new();
    for (found, answer) in mounts.iter().zip(answers) {
        let is_failed = match answer {
            Ok(answer) => {
                let failed = answer.failed.first().map(|failed| match failed.unreachable {
                    true => exit::SERVER_UNREACHABLE,
                    false => exit::SERVER_FAILED,
                });
                refreshed.push((found.mount.mountpoint.as_str(), answer));
                failed
            }
            Err(error) if mounts.len() == 1 => return Err(error.into()),
            Err(error) => Some(report(&error.into())),
        };
        code = if code == exit::SUCCESS { is_failed.unwrap_or(code) } else { code };
    }
    if *json {
        output::line(&to_json(&refreshed, mounts.len())?)?;
    }
    for (path, refreshed) in &refreshed {
        show(refreshed, (mounts.len() > 1).then_some(path), *json)?;
    }
    Ok(code)
}

async fn refresh(found: &FoundMount, accept_removals: bool) -> Result<Refreshed, ControlError> {
    let request = RefreshRequest {
        mountpoint: Some(found.mount.mountpoint.clone()),
        accept_removals,
        ..RefreshRequest::default()
    };
    found.client.refresh_with(&request).await
}

/// Returns the result of one mount, or a map of several results by mount point.
fn to_json(refreshed: &[(&str, Refreshed)], mount_count: usize) -> serde_json::Result<String> {
    match refreshed {
        [(_, only)] if mount_count == 1 => serde_json::to_string_pretty(only),
        _ => {
            let by_mount = refreshed.iter().map(|(path, refreshed)| (path, refreshed));
            serde_json::to_string_pretty(&by_mount.collect::<BTreeMap<_, _>>())
        }
    }
}

/// Prints the result of a mount, with its path if there are several mounts, and the servers that
/// failed.
fn show(refreshed: &Refreshed, path: Option<&&str>, json: bool) -> eyre::Result<()> {
    if !json {
        if let Some(path) = path {
            output::line(&format!("{}:", visible(path)))?;
        }
        output::line(&render(refreshed))?;
    }
    // Results of the other servers are still shown.
    for FailedServer { server, error, .. } in &refreshed.failed {
        let (server, error) = (visible(server), visible(error));
        output::note(&format!("error: cannot poll the server {server}: {error}"));
    }
    Ok(())
}

fn render(Refreshed { added, removed, torrents, servers, failed }: &Refreshed) -> String {
    let added = added.iter().map(|name| format!("added {}", visible(name)));
    let removed = removed.iter().map(|name| format!("removed {}", visible(name)));
    let mut lines: Vec<_> = added.chain(removed).collect();
    if lines.is_empty() {
        lines.push(format!("no changes; torrents: {torrents}"));
    }
    if !failed.is_empty() {
        lines.push(format!("polled: {}", visible(&servers.join(", "))));
    }
    lines.join("\n")
}
