//! Torrents that the page adds.

use std::sync::Arc;
use std::time::Duration;

use tfs_api::wire::{FailureBody, FailureKind};
use tfs_web::model::{AddRequest, WebAdded};

use super::failure::{add_failure, bad_request};
use crate::add::pause_new;
use crate::control::ControlTarget;
use crate::server::NamedServer;
use crate::{AddWishes, Existing, PreparedTorrent, add as add_to_server, notify_of_change};

/// How long a server may look for the peers of a magnet link, while a browser waits.
const RESOLVE_TIME_MAX: Duration = Duration::from_secs(120);

/// Adds a torrent to a server of a mount.
///
/// # Errors
/// If it is none, the server is not named by the request, or the server refuses it.
pub(super) async fn add(
    mount: &Arc<dyn ControlTarget>,
    request: &AddRequest,
) -> Result<WebAdded, FailureBody> {
    let NamedServer { name, server } = chosen(mount.servers(), request.server.as_deref())?;
    let torrent = prepared(request).map_err(|error| add_failure(&name, &error))?;
    let existing = if request.overwrite { Existing::Use } else { Existing::Refuse };
    let added = add_to_server(&server, &torrent, &AddWishes::new(existing, RESOLVE_TIME_MAX)).await;
    let row = added.map_err(|error| add_failure(&name, &error))?;
    tracing::debug!(
        server = name,
        name = row.name,
        info_hash = row.info_hash,
        is_new = row.added,
        "added by the page"
    );
    if request.paused
        && row.added
        && let Ok(info_hash) = row.info_hash.parse()
        && let Err(error) = pause_new(&server, info_hash).await
    {
        tracing::warn!(name = row.name, %error, "cannot pause a torrent that the page added");
    }
    notify_of_change(server.client().base_url(), &[]).await;
    let name = row.name.unwrap_or_else(|| row.info_hash.clone());
    Ok(WebAdded { info_hash: row.info_hash, name, added: row.added })
}

fn prepared(request: &AddRequest) -> Result<PreparedTorrent, crate::AddError> {
    match std::str::from_utf8(&request.content).map(str::trim) {
        Ok(link) if link.get(..7).is_some_and(|it| it.eq_ignore_ascii_case("magnet:")) => {
            PreparedTorrent::of_link(link)
        }
        // An address would make the server fetch what the user of a browser wants.
        Ok(_) | Err(_) => PreparedTorrent::of_bytes("the torrent".to_owned(), &request.content),
    }
}

/// Returns the server with a name, or the only one.
fn chosen(servers: Vec<NamedServer>, name: Option<&str>) -> Result<NamedServer, FailureBody> {
    let names: Vec<_> = servers.iter().map(|server| server.name.clone()).collect();
    let names = names.join(", ");
    let mut fitting = servers.into_iter().filter(|it| name.is_none_or(|name| name == it.name));
    match (fitting.next(), fitting.next(), name) {
        (Some(server), None, _) => Ok(server),
        (None, _, Some(name)) => {
            Err(bad_request(format!("the mount has no server {name:?}; it has: {names}")))
        }
        (None, _, None) => Err(bad_request("the mount has no server")),
        (Some(_), Some(_), _) => {
            let message = format!("the mount has several servers; choose one of: {names}");
            Err(FailureBody::new(FailureKind::Ambiguous, message))
        }
    }
}
