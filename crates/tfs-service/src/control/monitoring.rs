//! Metrics over HTTP: `GET /metrics`, `/status`, three health checks, and nothing else.
//!
//! Every client that can reach the address can read them. File names are not included.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::{Method, Request, Response, StatusCode};
use tfs_api::served_name;
use tfs_api::status::StatusReport;
use tfs_api::wire::MissingMount;
use tfs_http::{Listening, ResponseBody, is_this_machine, json, text};
use tfs_sys::blocking;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::controlled::MountRegistry;
use crate::status::{healthy, metrics_of_all};

/// The content type of the Prometheus text format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// Why metrics are not served. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
#[error("serve metrics at {address}")]
pub struct MonitoringError {
    /// The address.
    pub address: SocketAddr,
    /// The error of the system.
    pub source: io::Error,
}

/// Serves the metrics of this process until it is dropped.
#[derive(Debug)]
pub struct MonitoringServer {
    address: SocketAddr,
    listening: Listening,
}

/// The process whose metrics are served. Clones share its parts.
#[derive(Debug, Clone)]
struct MonitoredProcess {
    mounts: MountRegistry,
    /// The daemon replaces the list; requests take the latest one.
    missing: Option<watch::Receiver<Vec<MissingMount>>>,
}

impl MonitoredProcess {
    /// Collects the status of each mount that has not ended.
    async fn statuses(&self) -> Vec<StatusReport> {
        let mounts = self.mounts.clone();
        let collect = move || {
            let statuses = mounts.all().into_iter().filter_map(|mount| mount.status().ok());
            statuses.map(|mount| mount.status).collect()
        };
        blocking(collect).await
    }

    fn missing(&self) -> Vec<MissingMount> {
        self.missing.as_ref().map(|missing| missing.borrow().clone()).unwrap_or_default()
    }
}

impl MonitoringServer {
    /// Serves the metrics of `mounts` at an address. `missing` has the configured mounts of a
    /// daemon that do not exist at the moment.
    ///
    /// # Errors
    /// [`MonitoringError`]; a mount works without metrics.
    pub async fn start(
        address: SocketAddr,
        mounts: MountRegistry,
        missing: Option<watch::Receiver<Vec<MissingMount>>>,
    ) -> Result<Self, MonitoringError> {
        let failed = |source| MonitoringError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        tracing::debug!(%address, "serving metrics");
        if !address.ip().is_loopback() {
            tracing::warn!(%address,
                "the metrics are readable by other machines, without authentication");
        }
        let process = MonitoredProcess { mounts, missing };
        let listening = Listening::start(listener, move |request| {
            answer(process.clone(), address.ip(), request)
        });
        Ok(Self { address, listening })
    }

    /// Returns the listening address with the actual port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it.
    pub async fn end(self) {
        self.listening.end().await;
    }
}

/// Answers a request. Host names are checked at addresses of this machine only.
async fn answer(
    process: MonitoredProcess,
    local: IpAddr,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, TEXT_TYPE, "only GET\n");
    }
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    if local.is_loopback() && !host.is_none_or(is_this_machine) {
        // DNS rebinding: a page in a local browser, whose host name resolves to this address.
        return text(
            StatusCode::FORBIDDEN,
            TEXT_TYPE,
            "use the address or localhost as the host name\n",
        );
    }
    match request.uri().path() {
        "/metrics" => {
            let missing = process.missing().len();
            let all = process.statuses().await;
            text(StatusCode::OK, METRICS_TYPE, metrics_of_all(&all, missing))
        }
        "/healthy" => {
            let all = process.statuses().await;
            let sick = all.iter().find(|status| status.trouble.is_some());
            match sick.or(all.first()) {
                Some(status) => health(status.trouble.is_none(), healthy(status)),
                None => health(false, "nothing is mounted\n".to_owned()),
            }
        }
        "/healthz" => health(true, "ok\n".to_owned()),
        "/readyz" => match unready(&process.statuses().await, &process.missing()) {
            Some(why) => health(false, why.replace(char::is_control, " ") + "\n"),
            None => health(true, "ok\n".to_owned()),
        },
        "/status" => json(&Ok(process.statuses().await)),
        _ => text(
            StatusCode::NOT_FOUND,
            TEXT_TYPE,
            "available: /metrics, /status, /healthy, /healthz, /readyz\n",
        ),
    }
}

/// Returns the answer of a health check.
fn health(is_well: bool, why: String) -> Response<ResponseBody> {
    let code = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    text(code, TEXT_TYPE, why)
}

/// Returns why the mounts of a process cannot be used yet, if so. A server that fails later is no
/// reason: its torrents are still shown.
fn unready(all: &[StatusReport], missing: &[MissingMount]) -> Option<String> {
    if let Some(MissingMount { mountpoint, why }) = missing.first() {
        let state = if served_name(Path::new(mountpoint)).is_some() { "served" } else { "mounted" };
        return Some(format!("{mountpoint} is not {state}: {why}"));
    }
    if all.is_empty() {
        return Some("nothing is mounted".to_owned());
    }
    let unknown = all.iter().find(|status| !status.tree.known)?;
    let why = unknown.trouble.as_deref().unwrap_or("the list of torrents is not known yet");
    Some(format!("{}: {why}", unknown.mountpoint))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::control::tests::fake::STATUS;

    #[track_caller]
    fn check(all: &[(&str, bool)], missing: &[&str], want: &Expect) {
        let statuses = all.iter().map(|(mountpoint, known)| {
            let mut status: StatusReport = serde_json::from_str(STATUS).unwrap();
            status.mountpoint = (*mountpoint).to_owned();
            status.tree.known = *known;
            // A server that is down does not make a mount unusable.
            status.servers.iter_mut().for_each(|server| server.reachable = false);
            status.trouble = status.find_trouble();
            status
        });
        let missing = missing.iter().map(|mountpoint| MissingMount {
            mountpoint: (*mountpoint).to_owned(),
            why: "it is starting".to_owned(),
        });
        let why = unready(&statuses.collect::<Vec<_>>(), &missing.collect::<Vec<_>>());
        want.assert_eq(why.as_deref().unwrap_or("ready"));
    }

    #[test]
    fn ready_is_a_process_whose_mounts_are_there_and_known() {
        check(&[("/m", true), ("/n", true)], &[], &expect!["ready"]);
        check(&[], &[], &expect!["nothing is mounted"]);
        check(&[("/m", true)], &["/n"], &expect!["/n is not mounted: it is starting"]);
        check(
            &[("/m", true), ("/n", false)],
            &[],
            &expect!["/n: the list of torrents is not known yet"],
        );
    }
}
