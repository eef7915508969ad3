//! `tfs refresh`: has a mount look at its server now.

use tfs_service::control::find_mount;
use tfs_service::control::wire::{FailedServer, Refreshed};

use crate::args::MountedArgs;
use crate::output::{self, visible};
use crate::{exit, runtime};

/// Runs the command.
pub(crate) fn run(args: &MountedArgs) -> eyre::Result<u8> {
    let refreshed = runtime()?.block_on(async {
        let found = find_mount(args.mountpoint.as_deref()).await?;
        eyre::Ok(found.client.refresh(&found.mount.mountpoint).await?)
    })?;
    output::line(&if args.json {
        serde_json::to_string_pretty(&refreshed)?
    } else {
        said(&refreshed)
    })?;
    // What the others have is shown all the same.
    for FailedServer { server, error } in &refreshed.failed {
        output::note(&format!(
            "error: cannot look at the server {}: {}",
            visible(server),
            visible(error)
        ));
    }
    Ok(if refreshed.failed.is_empty() { exit::SUCCESS } else { exit::SERVER_FAILED })
}

fn said(Refreshed { added, removed, torrents, servers, failed }: &Refreshed) -> String {
    let added = added.iter().map(|name| format!("added {}", visible(name)));
    let removed = removed.iter().map(|name| format!("removed {}", visible(name)));
    let mut lines: Vec<_> = added.chain(removed).collect();
    if lines.is_empty() {
        lines.push(format!("nothing has come or gone; torrents: {torrents}"));
    }
    if !failed.is_empty() {
        lines.push(format!("looked at: {}", visible(&servers.join(", "))));
    }
    lines.join("\n")
}
