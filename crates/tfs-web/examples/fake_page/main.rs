//! The page over mounts that do not exist, for work on the page.
//!
//! `cargo run -p tfs-web --example fake_page -- PORT [ASSETS_DIR] [--mounts N] [--token TOKEN]
//! [--control]`. Files of the page are read from ASSETS_DIR at each request.
#![expect(clippy::print_stdout, reason = "it is an example")]
#![expect(clippy::cast_possible_truncation, reason = "the numbers are made up, and small")]

mod backend;
mod library;
mod mount;

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tfs_http::{Listening, ResponseBody, json, read_bytes, read_json, text};
use tfs_web::WebBackend;
use tfs_web::model::{AddRequest, FilePlace, MountQuery};
use tokio::net::TcpListener;

use backend::FakeBackend;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (mut port, mut dir, mut mounts) = (None, None, 1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--mounts" => mounts = arguments.next().ok_or("--mounts needs a number")?.parse()?,
            "--control" => {}
            "--token" => drop(arguments.next()),
            _ if port.is_none() => port = Some(argument.parse::<u16>()?),
            _ => dir = Some(PathBuf::from(argument)),
        }
    }
    let listener = TcpListener::bind(("127.0.0.1", port.unwrap_or(9132))).await?;
    println!("http://{}/", listener.local_addr()?);
    let backend: Arc<dyn WebBackend> = Arc::new(FakeBackend::new(mounts, true));
    let dir = dir.unwrap_or_else(|| PathBuf::from("crates/tfs-web/src/assets"));
    let listening = Listening::start(listener, move |request| {
        answer(Arc::clone(&backend), dir.clone(), request)
    });
    tokio::signal::ctrl_c().await?;
    listening.end().await;
    Ok(())
}

async fn answer(
    backend: Arc<dyn WebBackend>,
    dir: PathBuf,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let (head, body) = request.into_parts();
    let query = url_query(head.uri.query().unwrap_or_default());
    let get = |name: &str| query.get(name).cloned().unwrap_or_default();
    let mount = MountQuery { mountpoint: query.get("mountpoint").cloned() };
    let path = head.uri.path();
    if let Some(hash) = path.strip_prefix("/api/torrents/") {
        return match head.method {
            Method::POST => match read_json(body).await {
                Ok(action) => json(&backend.act(mount, hash.to_owned(), action).await),
                Err(failure) => json::<()>(&Err(failure)),
            },
            _ => json(&backend.torrent(mount, hash.to_owned()).await),
        };
    }
    match path {
        "/api/overview" => json(&Ok(backend.overview().await)),
        "/api/history" => json(&Ok(backend.history())),
        "/api/torrents" => json(&backend.torrents(mount).await),
        "/api/search" => {
            let limit = get("limit").parse().unwrap_or(100);
            json(&backend.search(mount, get("q"), limit).await)
        }
        "/api/pieces" => {
            let place = FilePlace {
                mountpoint: get("mountpoint"),
                info_hash: get("info_hash"),
                file_index: get("file_index").parse().unwrap_or(0),
            };
            json(&backend.pieces(place, get("buckets").parse().unwrap_or(512)).await)
        }
        "/api/add" => match read_bytes(body, 10 << 20, Duration::from_secs(30)).await {
            Ok(content) => {
                let paused = get("paused") == "true";
                let server = query.get("server").cloned();
                json(&backend.add(AddRequest { mount, server, paused, content }).await)
            }
            Err(failure) => json::<()>(&Err(failure)),
        },
        "/events" => events(backend),
        path => file(&dir, path).await,
    }
}

fn events(backend: Arc<dyn WebBackend>) -> Response<ResponseBody> {
    let events = stream::unfold(backend, |backend| async move {
        let data = serde_json::to_string(&backend.overview().await).unwrap_or_default();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let event = Bytes::from(format!("event: overview\ndata: {data}\n\n"));
        Some((Ok::<_, Infallible>(Frame::data(event)), backend))
    });
    let mut response = Response::new(StreamBody::new(events).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn file(dir: &std::path::Path, path: &str) -> Response<ResponseBody> {
    let name = if path == "/" { "index.html" } else { path.trim_start_matches('/') };
    let kind = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    match (name.contains('/'), tokio::fs::read(dir.join(name)).await) {
        (false, Ok(bytes)) => {
            let mut response = text(StatusCode::OK, kind, bytes);
            let policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src \
                          'self'; img-src 'self' data:; media-src 'self'; form-action 'self'; \
                          base-uri 'none'; frame-ancestors 'none'";
            let policy = HeaderValue::from_static(policy);
            response.headers_mut().insert("content-security-policy", policy);
            response
        }
        _ => text(StatusCode::NOT_FOUND, "text/plain", "no such file\n"),
    }
}

fn url_query(query: &str) -> HashMap<String, String> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}
