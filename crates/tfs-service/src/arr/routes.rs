//! The five routes.

use std::net::IpAddr;
use std::str::FromStr as _;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{HOST, ORIGIN};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use rqbit_client::{Error, ErrorKind, TorrentRef};
use serde::Serialize;
use tfs_api::wire::FailureBody;
use tfs_http::{ResponseBody, is_this_machine, read_bytes, status, text};
use tfs_types::{InfoHash, chain};

use super::answer::{AddAnswer, ErrorAnswer, RootAnswer, Routes, TorrentAnswer, TorrentsAnswer};
use super::list::{Completion, Completions};
use super::settings::ArrSettings;
use crate::control::MountRegistry;
use crate::record_place::forget_record;
use crate::{
    AddError, AddFault, AddWishes, ConnectError, Existing, PreparedTorrent, RESOLVE_TIME_DEFAULT,
    RqbitServer, add, notify_of_change,
};

/// Maximum size of a torrent: rqbit's limit.
const BODY_BYTES_MAX: usize = 10 << 20;

/// Timeout for the body of a request.
const BODY_TIME_MAX: Duration = Duration::from_secs(30);

/// Stall timeout of an answer of the server.
const CHUNK_TIME_MAX: Duration = Duration::from_secs(30);

const JSON_TYPE: &str = "application/json";

/// A route of rqbit that is passed through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ArrRoute {
    Root,
    List,
    Add,
    Details(InfoHash),
    Forget(InfoHash),
    Delete(InfoHash),
}

/// A failed request: status, rqbit's word for it, message.
#[derive(Debug)]
struct ArrFailure {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

/// Answers requests.
#[derive(Debug)]
pub(super) struct ArrRoutes {
    settings: ArrSettings,
    mounts: MountRegistry,
    completions: Completions,
}

impl ArrRoutes {
    pub(super) fn new(settings: ArrSettings, mounts: MountRegistry) -> Self {
        Self { settings, mounts, completions: Completions::default() }
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<ResponseBody> {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        tracing::debug!(method = %head.method, path, "request of Sonarr or Radarr");
        let answered = async {
            check_client(&head, self.settings.address.ip())?;
            let route = ArrRoute::of(&head)?;
            self.perform(route, body).await
        };
        match answered.await {
            Ok(json) => text(StatusCode::OK, JSON_TYPE, json),
            Err(ArrFailure { status, kind, message }) => {
                let answer = ErrorAnswer {
                    error_kind: kind,
                    human_readable: message,
                    status: status.as_u16(),
                    status_text: status.to_string(),
                };
                text(status, JSON_TYPE, serde_json::to_vec(&answer).unwrap_or_default())
            }
        }
    }

    async fn perform(&self, route: ArrRoute, body: Incoming) -> Result<Vec<u8>, ArrFailure> {
        let server = self.settings.server.client(&self.mounts, CHUNK_TIME_MAX);
        let server = server.map_err(|why| ArrFailure::gateway("server_unreachable", why))?;
        match route {
            ArrRoute::Root => {
                let version = self.called(&server, server.client().server_info().await)?.version;
                let apis = Routes::new(self.settings.allow_delete);
                json(&RootAnswer { apis, server: "rqbit", version })
            }
            ArrRoute::List => {
                let listed = server.client().torrents_with_stats().await;
                let listed = self.called(&server, listed)?;
                let completions = self.completions.of_list(server.client(), &listed).await;
                let torrents = listed.into_iter().zip(completions);
                let torrents = torrents.map(|(torrent, completion)| {
                    TorrentAnswer::new(torrent, completion.as_deref(), true)
                });
                json(&TorrentsAnswer { torrents: torrents.collect() })
            }
            ArrRoute::Add => {
                let body = read_bytes(body, BODY_BYTES_MAX, BODY_TIME_MAX).await?;
                self.add(&server, body).await
            }
            ArrRoute::Details(info_hash) => {
                let torrent = server.client().torrent_details(TorrentRef::InfoHash(info_hash));
                let torrent = self.called(&server, torrent.await)?;
                let completion = torrent.files.as_deref().and_then(Completion::of);
                json(&TorrentAnswer::new(torrent, completion.as_ref(), false))
            }
            ArrRoute::Forget(info_hash) => self.remove(&server, info_hash, false).await,
            ArrRoute::Delete(info_hash) => {
                self.remove(&server, info_hash, self.settings.allow_delete).await
            }
        }
    }

    async fn add(&self, server: &RqbitServer, body: Bytes) -> Result<Vec<u8>, ArrFailure> {
        let label = "the torrent of the request".to_owned();
        let torrent = match std::str::from_utf8(&body).map(str::trim) {
            Ok(link) if link.get(..7).is_some_and(|it| it.eq_ignore_ascii_case("magnet:")) => {
                PreparedTorrent::of_link(link)
            }
            // An address would make the server fetch what any program of this machine wants.
            Ok(_) | Err(_) => PreparedTorrent::of_bytes(label, &body),
        };
        let torrent = torrent.map_err(|error| ArrFailure::of_add(&error))?;
        let wishes = AddWishes::new(Existing::Use, RESOLVE_TIME_DEFAULT);
        let added = add(server, &torrent, &wishes).await;
        let row = added.map_err(|error| ArrFailure::of_add(&error))?;
        tracing::info!(
            name = row.name,
            info_hash = row.info_hash,
            is_new = row.added,
            "added by Sonarr or Radarr"
        );
        notify_of_change(server.client().base_url(), &[]).await;
        let unknown = || ArrFailure::gateway("internal_error", "rqbit named no torrent".to_owned());
        let info_hash = InfoHash::from_str(&row.info_hash).map_err(|_hash| unknown())?;
        let details = TorrentAnswer::added(info_hash, row.id, row.name);
        json(&AddAnswer { id: row.id, details, output_folder: String::new() })
    }

    async fn remove(
        &self,
        server: &RqbitServer,
        info_hash: InfoHash,
        deletes_files: bool,
    ) -> Result<Vec<u8>, ArrFailure> {
        let torrent = TorrentRef::InfoHash(info_hash);
        // rqbit answers 500 for a torrent that it does not have.
        self.called(server, server.client().torrent_details(torrent).await)?;
        let removed = match deletes_files {
            true => server.client().delete(torrent).await,
            false => server.client().forget(torrent).await,
        };
        self.called(server, removed)?;
        forget_record(server, info_hash).await;
        tracing::info!(%info_hash, deletes_files, "removed by Sonarr or Radarr");
        notify_of_change(server.client().base_url(), &[info_hash]).await;
        Ok(b"{}".to_vec())
    }

    /// Converts the error of a call.
    fn called<T>(&self, server: &RqbitServer, result: Result<T, Error>) -> Result<T, ArrFailure> {
        result.map_err(|source| {
            if matches!(source.kind(), ErrorKind::NotFound(_)) {
                let message = "the server has no such torrent".to_owned();
                return ArrFailure::new(StatusCode::NOT_FOUND, "torrent_not_found", message);
            }
            let url = server.client().base_url().clone();
            let name = &self.settings.server_name;
            let error = ConnectError { url, source };
            ArrFailure::gateway("server_failed", format!("the server {name}: {error}"))
        })
    }
}

impl ArrRoute {
    /// Returns the route of a request.
    fn of(head: &Parts) -> Result<Self, ArrFailure> {
        let unknown = || {
            let message = "this listener has the calls of Sonarr and Radarr only".to_owned();
            ArrFailure::new(StatusCode::NOT_FOUND, "route_not_found", message)
        };
        let (method, path, query) = (&head.method, head.uri.path(), head.uri.query());
        match (path, query) {
            ("/", None) if *method == Method::GET => return Ok(Self::Root),
            ("/torrents", Some("with_stats=true")) if *method == Method::GET => {
                return Ok(Self::List);
            }
            ("/torrents", Some("overwrite=true")) if *method == Method::POST => {
                return Ok(Self::Add);
            }
            _ => {}
        }
        let rest = path.strip_prefix("/torrents/").ok_or_else(unknown)?;
        let (info_hash, action) = match rest.split_once('/') {
            Some((info_hash, action)) => (info_hash, Some(action)),
            None => (rest, None),
        };
        let info_hash = InfoHash::from_str(info_hash).map_err(|_hash| unknown())?;
        match action {
            None if *method == Method::GET => Ok(Self::Details(info_hash)),
            Some("forget") if *method == Method::POST => Ok(Self::Forget(info_hash)),
            Some("delete") if *method == Method::POST => Ok(Self::Delete(info_hash)),
            Some(_) | None => Err(unknown()),
        }
    }
}

/// Refuses requests of web pages. A browser sends some to any address without asking, and a host
/// name of a page may resolve to this address.
fn check_client(head: &Parts, local: IpAddr) -> Result<(), ArrFailure> {
    debug_assert!(local.is_loopback(), "the configuration allows no other");
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let is_page = head.headers.contains_key(ORIGIN) || head.headers.contains_key("sec-fetch-site");
    if is_page || !host.is_none_or(is_this_machine) {
        let message = "web pages are refused; use the address or localhost as the host name";
        return Err(ArrFailure::new(StatusCode::FORBIDDEN, "forbidden", message.to_owned()));
    }
    Ok(())
}

impl ArrFailure {
    fn new(status: StatusCode, kind: &'static str, message: String) -> Self {
        Self { status, kind, message }
    }

    fn gateway(kind: &'static str, message: String) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, kind, message)
    }

    fn of_add(error: &AddError) -> Self {
        let message = chain(error);
        if matches!(error.fault, AddFault::Server(_) | AddFault::ReadOnly | AddFault::Dropped) {
            return Self::gateway("server_failed", message);
        }
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }
}

impl From<FailureBody> for ArrFailure {
    fn from(failure: FailureBody) -> Self {
        Self::new(status(failure.kind), "bad_request", failure.message)
    }
}

fn json<T: Serialize>(answer: &T) -> Result<Vec<u8>, ArrFailure> {
    serde_json::to_vec(answer).map_err(|error| {
        let kind = "internal_error";
        ArrFailure::new(StatusCode::INTERNAL_SERVER_ERROR, kind, error.to_string())
    })
}
