//! Routes a request to its mount, and converts the result to a response.

use std::sync::Arc;

use futures_util::stream::BoxStream;
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use serde::Serialize;
use tfs_api::wire::{
    API_VERSION, Acknowledged, ClearRequest, EmbeddedServers, FailureBody, FailureKind,
    MissingMount, MountSelector, PreloadEvent, PreloadRequest, ProcessMounts, RefreshRequest,
    SearchRequest, StatusReply, TagRequest, UnmountRequest,
};
use tfs_http::{self as http, ResponseBody, read_json};
use tfs_state::TagChange;
use tfs_sys::blocking;
use tfs_types::Tag;

use super::controlled::{MountRegistry, ReloadTarget};
use crate::events::event_lines;

/// The parts of this process that accept commands.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) mounts: MountRegistry,
    /// Set in a daemon.
    pub(super) reloader: Option<Arc<dyn ReloadTarget>>,
}

/// Answers one request.
pub(super) async fn answer(process: Process, request: Request<Incoming>) -> Response<ResponseBody> {
    let mounts = &process.mounts;
    let (head, body) = request.into_parts();
    tracing::debug!(method = %head.method, path = head.uri.path(), "control");
    let prefix = format!("/v{API_VERSION}/");
    let Some(path) = head.uri.path().strip_prefix(&prefix) else {
        return http::json(&Err::<Acknowledged, _>(unknown_path(head.uri.path())));
    };
    let wants = |method: &Method| *method == head.method;
    match path {
        "mounts" if wants(&Method::GET) => http::json(&Ok(process_mounts(&process))),
        "embedded" if wants(&Method::GET) => http::json(&Ok(embedded_servers(mounts))),
        "status" if wants(&Method::GET) => {
            // Blocking: names of processes are read from `/proc`.
            let mounts = mounts.clone();
            let missing =
                process.reloader.as_ref().map(|daemon| daemon.missing()).unwrap_or_default();
            http::json(&Ok(blocking(move || process_status(&mounts, missing)).await))
        }
        "events" if wants(&Method::GET) => match event_lines(mounts.events()) {
            Ok(lines) => http::lines(lines),
            Err(failure) => http::json(&Err::<Acknowledged, _>(failure)),
        },
        "refresh" if wants(&Method::POST) => http::json(&refresh(mounts, body).await),
        "cache/stats" if wants(&Method::POST) => http::json(&cache_stats(mounts, body).await),
        "cache/clear" if wants(&Method::POST) => http::json(&clear(mounts, body).await),
        "unmount" if wants(&Method::POST) => http::json(&unmount(mounts, body).await),
        "tags" if wants(&Method::POST) => http::json(&tag(mounts, body).await),
        "search" if wants(&Method::POST) => http::json(&search(mounts, body).await),
        "preload" if wants(&Method::POST) => match preload(mounts, body).await {
            Ok(events) => http::lines(events),
            Err(failure) => http::json(&Err::<Acknowledged, _>(failure)),
        },
        "reload" if wants(&Method::POST) => http::json(&reload(&process, body).await),
        "mounts" | "embedded" | "status" | "events" => http::json(&wrong_method("GET")),
        "refresh" | "cache/stats" | "cache/clear" | "unmount" | "tags" | "search" | "preload"
        | "reload" => http::json(&wrong_method("POST")),
        _ => http::json(&Err::<Acknowledged, _>(unknown_path(head.uri.path()))),
    }
}

async fn reload(process: &Process, body: Incoming) -> Result<impl Serialize, FailureBody> {
    let Acknowledged {} = read_json(body).await?;
    match &process.reloader {
        Some(reloader) => reloader.reload().await,
        None => {
            let message = "the process is not a daemon and has no configuration to reload";
            Err(FailureBody::new(FailureKind::NotDaemon, message))
        }
    }
}

fn process_mounts(process: &Process) -> ProcessMounts {
    ProcessMounts {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        mounts: process.mounts.all().iter().map(|mount| mount.id()).collect(),
        is_daemon: process.reloader.is_some(),
    }
}

/// Returns the addresses and credentials of the embedded servers. The client is this user or root,
/// who could read them from the memory of the process as well.
fn embedded_servers(mounts: &MountRegistry) -> EmbeddedServers {
    let servers = mounts.all().into_iter().flat_map(|mount| mount.embedded_servers());
    EmbeddedServers { servers: servers.collect() }
}

async fn refresh(mounts: &MountRegistry, body: Incoming) -> Result<impl Serialize, FailureBody> {
    let request: RefreshRequest = read_json(body).await?;
    let mount = mounts.find(request.mountpoint.as_deref())?;
    mount.refresh(request).await
}

async fn cache_stats(
    mounts: &MountRegistry,
    body: Incoming,
) -> Result<impl Serialize, FailureBody> {
    let MountSelector { mountpoint } = read_json(body).await?;
    mounts.find(mountpoint.as_deref())?.cache_stats()
}

async fn clear(mounts: &MountRegistry, body: Incoming) -> Result<impl Serialize, FailureBody> {
    let ClearRequest { mountpoint, parts } = read_json(body).await?;
    mounts.find(mountpoint.as_deref())?.clear(parts).await
}

async fn unmount(mounts: &MountRegistry, body: Incoming) -> Result<impl Serialize, FailureBody> {
    let UnmountRequest { mountpoint, mode } = read_json(body).await?;
    mounts.find(mountpoint.as_deref())?.unmount(mode).await
}

async fn tag(mounts: &MountRegistry, body: Incoming) -> Result<Acknowledged, FailureBody> {
    let request: TagRequest = read_json(body).await?;
    let change = tag_change(&request)?;
    let mounts = mounts.all();
    // Blocking: the state directory is on a disk.
    blocking(move || {
        // A failure of one mount does not keep the others from the change.
        let tagged: Vec<_> = mounts.iter().map(|mount| mount.tag(&change)).collect();
        tagged.into_iter().collect::<Result<(), _>>().map(|()| Acknowledged {})
    })
    .await
}

/// Parses the change of tags of a request.
fn tag_change(request: &TagRequest) -> Result<TagChange, FailureBody> {
    let bad = |what: String| FailureBody::new(FailureKind::BadRequest, what);
    let TagRequest { torrents, add, remove, remove_all } = request;
    if torrents.len() > TagRequest::TORRENTS_MAX {
        let max = TagRequest::TORRENTS_MAX;
        return Err(bad(format!("a request may tag at most {max} torrents")));
    }
    let tags = |texts: &[String]| {
        let parsed = texts.iter().map(|text| {
            text.parse::<Tag>().map_err(|error| bad(format!("{text:?} is no tag: {error}")))
        });
        parsed.collect::<Result<_, _>>()
    };
    let torrents = torrents.iter().map(|text| {
        text.parse().map_err(|error| bad(format!("\"torrents\" has no info hash: {error}")))
    });
    Ok(TagChange {
        torrents: torrents.collect::<Result<_, _>>()?,
        add: tags(add)?,
        remove: tags(remove)?,
        remove_all: *remove_all,
    })
}

async fn search(mounts: &MountRegistry, body: Incoming) -> Result<impl Serialize, FailureBody> {
    let request: SearchRequest = read_json(body).await?;
    let mount = mounts.find(request.mountpoint.as_deref())?;
    mount.note_command();
    blocking(move || mount.search(&request)).await
}

async fn preload(
    mounts: &MountRegistry,
    body: Incoming,
) -> Result<BoxStream<'static, PreloadEvent>, FailureBody> {
    let request: PreloadRequest = read_json(body).await?;
    let mount = mounts.find(request.mountpoint.as_deref())?;
    mount.note_command();
    // Blocking: there may be a million files below a path.
    blocking(move || mount.preload(&request)).await
}

fn unknown_path(path: &str) -> FailureBody {
    let message = format!("version {API_VERSION} of the API has no {path}");
    FailureBody::new(FailureKind::UnknownPath, message)
}

fn wrong_method(method: &str) -> Result<Acknowledged, FailureBody> {
    Err(FailureBody::new(FailureKind::WrongMethod, format!("the path requires {method}")))
}

/// Returns the status of the mounts of this process. Reads `/proc`.
fn process_status(mounts: &MountRegistry, missing: Vec<MissingMount>) -> StatusReply {
    mounts.note_command();
    StatusReply { pid: std::process::id(), mounts: mounts.statuses(), missing }
}
