//! Metrics over HTTP: `GET /metrics`, `/healthy` and `/status`, and nothing else.
//!
//! Every client that can reach the address can read them. File names are not included.

use std::io;
use std::net::{IpAddr, SocketAddr};

use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::{Method, Request, Response, StatusCode};
use tfs_api::status::StatusReport;
use tfs_http::{Listening, ResponseBody, is_this_machine, json, text};
use tfs_sys::blocking;
use tokio::net::TcpListener;

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

impl MonitoringServer {
    /// Serves the metrics of `mounts` at an address.
    ///
    /// # Errors
    /// [`MonitoringError`]; a mount works without metrics.
    pub async fn start(
        address: SocketAddr,
        mounts: MountRegistry,
    ) -> Result<Self, MonitoringError> {
        let failed = |source| MonitoringError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        tracing::debug!(%address, "serving metrics");
        if !address.ip().is_loopback() {
            tracing::warn!(%address,
                "the metrics are readable by other machines, without authentication");
        }
        let listening = Listening::start(listener, move |request| {
            answer(mounts.clone(), address.ip(), request)
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

async fn answer(
    mounts: MountRegistry,
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
    let all = blocking(move || -> Vec<StatusReport> {
        let statuses = mounts.all().into_iter().filter_map(|mount| mount.status().ok());
        statuses.map(|mount| mount.status).collect()
    });
    match request.uri().path() {
        "/metrics" => text(StatusCode::OK, METRICS_TYPE, metrics_of_all(&all.await)),
        "/healthy" => {
            let all = all.await;
            let sick = all.iter().find(|status| status.trouble.is_some());
            match sick.or(all.first()) {
                Some(status) => {
                    let is_well = status.trouble.is_none();
                    let code =
                        if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                    text(code, TEXT_TYPE, healthy(status))
                }
                None => text(StatusCode::SERVICE_UNAVAILABLE, TEXT_TYPE, "nothing is mounted\n"),
            }
        }
        "/status" => json(&Ok(all.await)),
        _ => text(StatusCode::NOT_FOUND, TEXT_TYPE, "available: /metrics, /healthy, /status\n"),
    }
}
