//! `tfs serve token`: the tokens of devices.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::json;
use tfs_api::statuses;
use tfs_config::{Loaded, ServeKind};
use tfs_service::{DeviceToken, DeviceTokenError, DeviceTokenStore, FrontKind};
use tfs_sys::clock::now;
use tfs_types::chain;

use crate::args::{ServeTokenArgs, ServeTokenCommand};
use crate::front_lines::{address_of, own_address, reachable};
use crate::output::{self, visible};
use crate::report::UserError;
use crate::status_recent::ago;
use crate::{exit, runtime};

/// Maximum wait for a connection to this machine.
const CONNECT_TIME_MAX: Duration = Duration::from_millis(500);

/// Runs the command.
pub(super) fn run(args: &ServeTokenArgs, loaded: &Loaded) -> eyre::Result<u8> {
    let store = DeviceTokenStore::of_user().map_err(|error| failed(&error))?;
    match &args.command {
        ServeTokenCommand::New { name } => {
            let token = store.create(name).map_err(|error| failed(&error))?;
            let (origins, is_running) = runtime()?.block_on(origins(loaded));
            for (origin, _) in &origins {
                output::line(&format!("{origin}/k/{token}/"))?;
            }
            if !is_running {
                output::note("note: no WebDAV server runs yet; start it with: tfs serve webdav");
            }
            if origins.iter().all(|(_, is_local)| *is_local) {
                output::note(
                    "note: the URL works on this machine only; for other devices: \
                     tfs serve webdav --listen :8080",
                );
            }
            output::note(&format!(
                "hint: the token is not shown again; end it with: tfs serve token revoke {name}"
            ));
        }
        ServeTokenCommand::List { json } => {
            show(&store.list().map_err(|error| failed(&error))?, *json)?;
        }
        ServeTokenCommand::Revoke { name } => {
            store.revoke(name).map_err(|error| failed(&error))?;
            output::line(&format!("the token of {} does not work any more", visible(name)))?;
        }
    }
    Ok(exit::SUCCESS)
}

pub(crate) fn failed(error: &DeviceTokenError) -> eyre::Report {
    let hint = match error {
        DeviceTokenError::Unknown { .. } => Some("list the devices with: tfs serve token list"),
        DeviceTokenError::File { source, .. } => Some(file_hint(source.kind())),
        DeviceTokenError::NoStateDir
        | DeviceTokenError::Name { .. }
        | DeviceTokenError::Exists { .. }
        | DeviceTokenError::TooMany => None,
    };
    let error = UserError::new(exit::TOKEN_FAILED, format!("cannot {}", chain(error)));
    match hint {
        Some(hint) => error.with_hint(hint).into(),
        None => error.into(),
    }
}

/// Returns what to do about the file of the tokens.
fn file_hint(kind: ErrorKind) -> &'static str {
    if [ErrorKind::StorageFull, ErrorKind::QuotaExceeded].contains(&kind) {
        return "its disk must have room";
    }
    if kind == ErrorKind::InvalidData {
        return "remove it; all devices then need new tokens";
    }
    if kind == ErrorKind::WouldBlock {
        return "another tfs changes it; try again";
    }
    "the file and its directory must belong to you, and only you may read it"
}

/// Prints devices: a table, or JSON with times in seconds since 1970.
fn show(rows: &[DeviceToken], is_json: bool) -> eyre::Result<()> {
    if is_json {
        let row = |it: &DeviceToken| json!({ "device": it.name, "created_at": it.created_at });
        let rows: Vec<_> = rows.iter().map(row).collect();
        output::line(&serde_json::to_string_pretty(&rows)?)?;
        return Ok(());
    }
    if rows.is_empty() {
        output::note("no device has a token; create one with: tfs serve token new DEVICE");
        return Ok(());
    }
    let mut table = output::table();
    table.set_header(["DEVICE", "CREATED"]);
    for row in rows {
        let since = ago(now().saturating_sub(row.created_at));
        table.add_row([visible(&row.name), format!("{since} ago")]);
    }
    output::line(&output::table_text(table))?;
    Ok(())
}

/// Returns the beginnings of the URLs by which devices reach the WebDAV servers of this user: those
/// that run, else those of the configuration, else that of `tfs serve webdav`. Each is with whether
/// it is only for this machine, and all with whether they run.
async fn origins(loaded: &Loaded) -> (BTreeSet<(String, bool)>, bool) {
    let found = statuses(None).await;
    let mounts = found.as_ref().map(|found| found.mounts.as_slice()).unwrap_or_default();
    let fronts = mounts.iter().flat_map(|mount| &mount.status.fronts);
    let fronts = fronts.filter(|front| front.kind == FrontKind::Webdav.as_str());
    let running = fronts.filter_map(|front| {
        let url = front.url.as_deref()?;
        Some((address_of(url)?, url.starts_with("https://")))
    });
    let mut addresses: Vec<_> = running.collect();
    let is_running = !addresses.is_empty();
    if addresses.is_empty() {
        addresses = loaded.webdav_addresses();
    }
    if addresses.is_empty() {
        addresses.push((ServeKind::Webdav.default_address(), false));
    }
    let origins = addresses.into_iter().map(|(address, is_tls)| {
        let scheme = if is_tls { "https" } else { "http" };
        let address = for_others(address);
        (format!("{scheme}://{address}"), address.ip().to_canonical().is_loopback())
    });
    (origins.collect(), is_running)
}

/// Returns the address by which others reach a server. The status of one that listens at all
/// addresses names the loopback one, so this asks whether it answers at another.
fn for_others(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_loopback() {
        return reachable(address, own_address);
    }
    let other = own_address().map(|ip| SocketAddr::new(ip, address.port()));
    let is_open = |at: &SocketAddr| TcpStream::connect_timeout(at, CONNECT_TIME_MAX).is_ok();
    other.filter(is_open).unwrap_or(address)
}
