//! The answer to a request.

mod directory;
mod file;
mod lock;
mod playlist;
mod propfind;
mod sending;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::header::{
    ALLOW, CONNECTION, CONTENT_SECURITY_POLICY, HOST, HeaderMap, HeaderName, HeaderValue,
    USER_AGENT,
};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{Method, Request, Response, StatusCode};
use tfs_http::{PeerAddress, ResponseBody, read_bytes, text};
use vfs_core::{Attr, ReaderOrigin, TorrentSource};

use crate::access::{WebdavPeer, WebdavVisitor};
use crate::refusal::{METHODS, TEXT_TYPE, WebdavAnswer, WebdavRefusal};
use crate::site::WebdavSite;
use crate::target::{BadTarget, WebdavTarget};

/// Maximum size of the body of a request in bytes: a list of properties, or the owner of a lock.
const BODY_BYTES_MAX: usize = 64 << 10;

/// Timeout for the body of a request after its head.
const BODY_TIME_MAX: Duration = Duration::from_secs(5);

/// Maximum length of what a client calls itself, in characters.
const AGENT_CHARS_MAX: usize = 200;

/// What a browser may do with an answer: play and show it, and run nothing.
const POLICY: &str = "sandbox allow-same-origin allow-downloads; default-src 'none'; \
                      media-src 'self'; img-src 'self' data:; style-src 'unsafe-inline'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Headers of all answers. An address may have a device token, which no other site may learn.
const HEADERS: [(HeaderName, &str); 4] = [
    (HeaderName::from_static("x-content-type-options"), "nosniff"),
    (HeaderName::from_static("referrer-policy"), "no-referrer"),
    (HeaderName::from_static("x-frame-options"), "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// A request that may read.
struct WebdavCall<S: TorrentSource> {
    site: Arc<WebdavSite<S>>,
    head: Parts,
    target: WebdavTarget,
    peer: WebdavPeer,
    visitor: WebdavVisitor,
}

/// Answers a request.
pub(crate) async fn answer<S: TorrentSource>(
    site: Arc<WebdavSite<S>>,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let (head, body) = request.into_parts();
    let has_body = !body.is_end_stream();
    let counters = Arc::clone(&site.counters);
    let answered = route(site, head, body).await;
    counters.count_request(answered.as_ref().is_err_and(WebdavRefusal::is_refused));
    let is_failed = answered.is_err();
    let mut response = answered.unwrap_or_else(WebdavRefusal::into_response);
    let headers = response.headers_mut();
    if is_failed && has_body {
        // Its body was not read: the connection cannot be used for another request.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    response
}

async fn route<S: TorrentSource>(
    site: Arc<WebdavSite<S>>,
    head: Parts,
    body: Incoming,
) -> WebdavAnswer {
    if head.method == Method::OPTIONS {
        // Without a login: clients ask before they have one, some of them for another path.
        return options(head.uri.path());
    }
    let target = WebdavTarget::parse(head.uri.path())?;
    // A listener on TCP knows its peers, unless they are gone already.
    let unknown = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let address = head.extensions.get::<PeerAddress>().map_or(unknown, |address| address.0);
    let peer = WebdavPeer::new(address, &head.headers);
    let visitor = match target.token() {
        Some(token) => site.gate.device(token, peer)?,
        None => site.gate.visitor(&head.headers, peer)?,
    };
    if visitor == WebdavVisitor::Anyone {
        let _host = site.hosts.check(&head)?;
    }
    let call = WebdavCall { site, head, target, peer, visitor };
    match call.head.method.as_str() {
        "GET" | "HEAD" => call.get().await,
        "PROPFIND" => {
            let body = read(body).await?;
            propfind::propfind(&call, &body)
        }
        "LOCK" => {
            let body = read(body).await?;
            lock::lock(&call, &body)
        }
        "UNLOCK" => lock::unlock(&call),
        _ => Err(WebdavRefusal::read_only()),
    }
}

fn options(path: &str) -> WebdavAnswer {
    if path != "*" {
        match WebdavTarget::parse(path) {
            Ok(_) | Err(BadTarget::Unknown) => {}
            Err(bad) => return Err(bad.into()),
        }
    }
    let mut response = text(StatusCode::OK, TEXT_TYPE, "");
    let headers = response.headers_mut();
    headers.insert("dav", HeaderValue::from_static("1, 2"));
    headers.insert("ms-author-via", HeaderValue::from_static("DAV"));
    headers.insert(ALLOW, HeaderValue::from_static(METHODS));
    Ok(response)
}

async fn read(body: Incoming) -> Result<Bytes, WebdavRefusal> {
    read_bytes(body, BODY_BYTES_MAX, BODY_TIME_MAX)
        .await
        .map_err(|failure| WebdavRefusal::new(tfs_http::status(failure.kind), failure.message))
}

impl<S: TorrentSource> WebdavCall<S> {
    /// Returns the attributes of the target.
    fn find(&self) -> Result<Attr, WebdavRefusal> {
        let parts = self.target.parts.iter().map(String::as_bytes);
        Ok(self.site.export.resolve(parts)?)
    }

    fn is_head(&self) -> bool {
        self.head.method == Method::HEAD
    }

    /// Returns who reads, for the status.
    fn origin(&self) -> Arc<ReaderOrigin> {
        let agent = self.head.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        let agent = match (&self.visitor, agent) {
            (WebdavVisitor::Device(name), Some(agent)) => Some(format!("device {name}, {agent}")),
            (WebdavVisitor::Device(name), None) => Some(format!("device {name}")),
            (WebdavVisitor::Anyone | WebdavVisitor::User, agent) => agent.map(str::to_owned),
        };
        let cut = |agent: String| -> String {
            let plain = agent.chars().filter(|character| !character.is_control());
            plain.take(AGENT_CHARS_MAX).collect()
        };
        let peer = self.peer.client().to_string();
        Arc::new(ReaderOrigin { front: self.site.front, peer, agent: agent.map(cut) })
    }

    /// Returns the scheme and host for absolute links, as the client knows them.
    fn origin_url(&self) -> String {
        let headers = &self.head.headers;
        let proto = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
        let nearest = proto.and_then(|list| list.split(',').next()).map(str::trim);
        let is_proxied = nearest.is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
        let scheme = if self.site.is_https || is_proxied { "https" } else { "http" };
        let host = self.head.uri.authority().cloned().or_else(|| host_of(headers));
        let host = host.map_or_else(|| self.site.address.to_string(), |host| host.to_string());
        format!("{scheme}://{host}")
    }
}

/// Returns the host and port that a request names.
fn host_of(headers: &HeaderMap) -> Option<Authority> {
    let host = headers.get(HOST)?.to_str().ok()?.parse::<Authority>().ok()?;
    (!host.as_str().contains('@')).then_some(host)
}

/// Inserts a value of printable ASCII characters.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
