//! `tfs refresh`: makes a mount poll its servers now.

use tfs_api::find_mount;
use tfs_api::wire::{FailedServer, RefreshRequest, Refreshed};

use crate::args::{MountedArgs, RefreshArgs};
use crate::output::{self, visible};
use crate::{exit, runtime};

/// Runs the command.
pub(crate) fn run(args: &RefreshArgs) -> eyre::Result<u8> {
    let RefreshArgs { mounted: MountedArgs { mountpoint, json }, accept_removals } = args;
    let refreshed = runtime()?.block_on(async {
        let found = find_mount(mountpoint.as_deref()).await?;
        let request = RefreshRequest {
            mountpoint: Some(found.mount.mountpoint),
            accept_removals: *accept_removals,
            ..RefreshRequest::default()
        };
        eyre::Ok(found.client.refresh_with(&request).await?)
    })?;
    output::line(&if *json {
        serde_json::to_string_pretty(&refreshed)?
    } else {
        render(&refreshed)
    })?;
    // Results of the other servers are still shown.
    for FailedServer { server, error } in &refreshed.failed {
        output::note(&format!(
            "error: cannot poll the server {}: {}",
            visible(server),
            visible(error)
        ));
    }
    Ok(if refreshed.failed.is_empty() { exit::SUCCESS } else { exit::SERVER_FAILED })
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
