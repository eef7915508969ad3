//! Checks front ends on the network: those of the configuration, and those of running processes.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use tfs_api::status::FrontStatus;
use tfs_api::statuses;
use tfs_types::chain;
use tokio::time::timeout;

use super::{CHECK_TIME_MAX, CheckResult};
use crate::fronts::{DeviceTokenError, DeviceTokenStore, FrontKind, FrontSettings, check_settings};

pub(super) const CHECK: &str = "fronts";

/// Checks the configured front ends, and those of this user's processes.
pub(super) async fn fronts(configured: &[FrontSettings]) -> Vec<CheckResult> {
    // Another check reports mounts that do not answer.
    let statuses = timeout(CHECK_TIME_MAX, statuses(None)).await;
    let mounts = statuses.ok().and_then(Result::ok).map(|it| it.mounts).unwrap_or_default();
    let running: Vec<_> = mounts.iter().flat_map(|mount| &mount.status.fronts).collect();
    let devices = DeviceTokenStore::of_user().ok().map(|store| store.check());
    let tokens = devices.as_ref().and_then(assess_tokens);
    let devices = devices.and_then(Result::ok).map_or(0, |(_, count, _)| count);
    let checked = configured.iter().map(|front| {
        let is_running = running.iter().any(|running| is_at(running, front.listen));
        let checked = check_settings(front).map_err(|error| chain(&error));
        let checked = match is_running || front.listen.port() == 0 {
            true => checked,
            // Its process is not there, so that the address must be free.
            false => checked.and_then(|()| check_address(front)),
        };
        assess(front, checked, devices)
    });
    let checked: Vec<_> = checked.collect();
    running.into_iter().map(assess_running).chain(checked).chain(tokens).collect()
}

/// Evaluates the file of the device tokens: its path, the number of tokens, and the damaged lines.
fn assess_tokens(
    found: &Result<(PathBuf, usize, Vec<usize>), DeviceTokenError>,
) -> Option<CheckResult> {
    let (path, damaged) = match found {
        Ok((path, _, damaged)) => (path, damaged.first()?),
        Err(error) => {
            return Some(CheckResult::warning(CHECK, format!("cannot {}", chain(error))));
        }
    };
    let found = format!("line {damaged} of {} is damaged: its device is refused", path.display());
    let fix = "tfs serve token new DEVICE   # removes damaged lines, and makes a new token";
    Some(CheckResult::warning(CHECK, found).fix(fix))
}

/// Returns whether a running front end listens at a port.
fn is_at(running: &FrontStatus, listen: SocketAddr) -> bool {
    let port = format!(":{}/", listen.port());
    running.url.as_ref().is_some_and(|url| url.ends_with(&port))
}

/// Listens at an address for a moment.
fn check_address(front: &FrontSettings) -> Result<(), String> {
    let failed = |error| format!("listen there: {error}");
    TcpListener::bind(front.listen).map(drop).map_err(failed)
}

fn assess_running(front: &FrontStatus) -> CheckResult {
    let kind = &front.kind;
    match (&front.trouble, &front.url) {
        (Some(trouble), _) => CheckResult::warning(CHECK, format!("no {kind}: {trouble}"))
            .fix("tfs config edit   # [[serve]]: another `listen`, or files that can be read")
            .fix("tfs config reload   # a mount without a daemon: mount it again"),
        (None, Some(url)) => CheckResult::ok(CHECK, format!("{kind} is at {url}")),
        (None, None) => CheckResult::warning(CHECK, format!("{kind} does not listen")),
    }
}

/// Evaluates a configured front end. `devices` is the number of device tokens.
fn assess(front: &FrontSettings, checked: Result<(), String>, devices: usize) -> CheckResult {
    let FrontSettings { kind, listen, .. } = front;
    if let Err(why) = checked {
        let found = format!("[[serve]] {kind} at {listen}: cannot {why}");
        return CheckResult::fault(CHECK, found).fix("tfs config edit");
    }
    let is_open = !listen.ip().to_canonical().is_loopback();
    let needs_device = *kind == FrontKind::Webdav && front.auth.is_none() && !front.allows_anyone;
    if is_open && needs_device && devices == 0 {
        let found = format!(
            "[[serve]] {kind} at {listen}: other machines get nothing, since no device has a token"
        );
        return CheckResult::warning(CHECK, found)
            .fix("tfs serve token new tv   # prints the URL for a device");
    }
    CheckResult::ok(CHECK, format!("[[serve]] {kind} at {listen} can be served"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;

    use super::super::finding::render;
    use super::*;

    fn front(kind: FrontKind, listen: &str) -> FrontSettings {
        FrontSettings {
            kind,
            name: None,
            listen: listen.parse().unwrap(),
            auth: None,
            allows_anyone: false,
            tls: None,
            hosts: Vec::new(),
            first_byte_max: Duration::from_secs(20),
        }
    }

    #[test]
    fn front_ends_that_cannot_be_served_have_a_reason() {
        let local = front(FrontKind::Webdav, "127.0.0.1:8080");
        let open = front(FrontKind::Webdav, "0.0.0.0:8080");
        let nfs = front(FrontKind::Nfs, "0.0.0.0:2050");
        let served = FrontStatus {
            kind: "nfs".to_owned(),
            url: Some("nfs://127.0.0.1:2050/".to_owned()),
            ..FrontStatus::default()
        };
        let trouble = Some("failed to serve nfs at 127.0.0.1:2050: in use".to_owned());
        let ill = FrontStatus { trouble, url: None, ..served.clone() };
        let results = [
            assess(&local, Ok(()), 0),
            assess(&open, Ok(()), 0),
            assess(&open, Ok(()), 1),
            assess(&nfs, check_settings(&nfs).map_err(|error| chain(&error)), 1),
            assess(&local, Err("listen there: in use".to_owned()), 0),
            assess_running(&served),
            assess_running(&ill),
            assess_tokens(&Ok((PathBuf::from("/s/device-tokens"), 1, vec![3, 5]))).unwrap(),
        ];
        assert!(is_at(&served, nfs.listen) && !is_at(&ill, nfs.listen));
        expect![[r#"
            Ok fronts: [[serve]] webdav at 127.0.0.1:8080 can be served
            Warning fronts: [[serve]] webdav at 0.0.0.0:8080: other machines get nothing, since no device has a token
                $ tfs serve token new tv   # prints the URL for a device
            Ok fronts: [[serve]] webdav at 0.0.0.0:8080 can be served
            Fault fronts: [[serve]] nfs at 0.0.0.0:2050: cannot serve nfs at 0.0.0.0:2050: other machines can reach it, and there is no token; set one, use 127.0.0.1, or allow it with --no-auth (`no_auth = true`)
                $ tfs config edit
            Fault fronts: [[serve]] webdav at 127.0.0.1:8080: cannot listen there: in use
                $ tfs config edit
            Ok fronts: nfs is at nfs://127.0.0.1:2050/
            Warning fronts: no nfs: failed to serve nfs at 127.0.0.1:2050: in use
                $ tfs config edit   # [[serve]]: another `listen`, or files that can be read
                $ tfs config reload   # a mount without a daemon: mount it again
            Warning fronts: line 3 of /s/device-tokens is damaged: its device is refused
                $ tfs serve token new DEVICE   # removes damaged lines, and makes a new token
        "#]].assert_eq(&render(&results));
    }
}
