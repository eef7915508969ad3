//! The bytes of a file, for players.

use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, RANGE,
    USER_AGENT,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use tfs_api::wire::{FailureBody, FailureKind};
use tfs_http::{PeerAddress, ResponseBody, StallLimit, text};
use tokio::sync::OwnedSemaphorePermit;

use super::{Answered, PageCall};
use crate::access::Visitor;
use crate::backend::{WebClient, WebFile};
use crate::model::FilePlace;
use crate::refusal::{Refusal, TEXT_TYPE};
use crate::site::PageSite;
use tfs_http::{FileSelection, disposition, select, type_of};

/// Bytes of the first read. Its failure is the status of the answer, and a player waits for it.
const FIRST_BYTES: u64 = 64 << 10;

/// Bytes of each further read: all that is held in memory of a file.
const READ_BYTES: u64 = 512 << 10;

/// How long a player may take no byte, while it is paused for example. Afterwards it asks anew.
const STALL_MAX: Duration = Duration::from_secs(60);

/// Maximum length of what a client calls itself, in characters.
const AGENT_CHARS_MAX: usize = 200;

/// A browser must not run what is in a file. The origin stays that of the page: otherwise the
/// player of a film in a tab of its own would send no cookie, and get no answer.
const FILE_POLICY: &str = "sandbox allow-same-origin; default-src 'none'; \
                           media-src 'self'; img-src 'self' data:; style-src 'unsafe-inline'; \
                           frame-ancestors 'none'";

/// A file that is sent.
struct Sending {
    site: Arc<PageSite>,
    visitor: Option<Visitor>,
    file: Box<dyn WebFile>,
    rest: Range<u64>,
    /// Bytes that were read before the head was sent.
    first: Option<Bytes>,
    _place: OwnedSemaphorePermit,
}

/// Returns who asks.
fn client(head: &Parts) -> WebClient {
    let peer = head.extensions.get::<PeerAddress>();
    let peer = peer.map(|PeerAddress(address)| address.ip().to_canonical().to_string());
    let agent = head.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let plain = |agent: &str| -> String {
        agent.chars().filter(|character| !character.is_control()).take(AGENT_CHARS_MAX).collect()
    };
    WebClient { peer: peer.unwrap_or_default(), agent: agent.map(plain) }
}

/// `GET /file/HASH/INDEX/NAME?mountpoint=...&key=...`
pub(super) async fn file(call: &PageCall, info_hash: String, file_index: u32) -> Answered {
    let PageCall { site, head, query, .. } = call;
    let named = query.mount().mountpoint;
    let is_keyed = match (query.get("key"), &named) {
        (Some(key), Some(mountpoint)) => {
            let (mountpoint, info_hash) = (mountpoint.clone(), info_hash.clone());
            let place = FilePlace { mountpoint, info_hash, file_index };
            site.gate.is_file_key(&place, key)
        }
        (Some(_) | None, _) => false,
    };
    let visitor = if is_keyed { None } else { Some(call.check_reader().await?) };
    let place = Arc::clone(&site.file_places).try_acquire_owned();
    let place = place.map_err(|_full| Refusal::too_many("too many files are read at once"))?;
    let mountpoint = site.mountpoint(named).await?;
    let etag = format!("\"{info_hash}-{file_index}\"");
    let file =
        site.backend.open(FilePlace { mountpoint, info_hash, file_index }, client(head)).await?;
    let (name, len) = (file.name().to_owned(), file.len());
    let is_head = head.method == Method::HEAD;
    let mut conditions = head.headers.clone();
    if is_head {
        // Ranges are for GET.
        drop(conditions.remove(RANGE));
    }
    let (status, part) = match select(&conditions, &etag, len) {
        FileSelection::Whole => (StatusCode::OK, 0..len),
        FileSelection::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        FileSelection::NotModified => return Ok(not_modified(&etag)),
        FileSelection::Changed => {
            let message = "it is another file\n";
            return Ok(text(StatusCode::PRECONDITION_FAILED, TEXT_TYPE, message));
        }
        FileSelection::Unsatisfiable => return Ok(unsatisfiable(len)),
    };
    let mut response = if is_head || part.is_empty() {
        text(status, TEXT_TYPE, "")
    } else {
        if let Some(limit) = head.extensions.get::<StallLimit>() {
            limit.set(STALL_MAX);
        }
        let (site, rest) = (Arc::clone(site), part.clone());
        let sending = Sending { site, visitor, file, rest, first: None, _place: place };
        sending.begin().await?
    };
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(type_of(&name)));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(part.end - part.start));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(FILE_POLICY));
    insert(headers, ETAG, &etag);
    insert(headers, CONTENT_DISPOSITION, &disposition("inline", &name));
    if status == StatusCode::PARTIAL_CONTENT {
        let (first, last) = (part.start, part.end - 1);
        insert(headers, CONTENT_RANGE, &format!("bytes {first}-{last}/{len}"));
    }
    Ok(response)
}

impl Sending {
    /// Reads the first bytes, and returns the answer with all of them.
    async fn begin(mut self) -> Result<Response<ResponseBody>, FailureBody> {
        self.first = Some(self.read(FIRST_BYTES).await?);
        let frames = stream::unfold(self, |mut sending| async {
            let bytes = sending.next().await?;
            Some((Ok::<_, Infallible>(Frame::data(bytes)), sending))
        });
        let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }

    /// Returns the next bytes. `None` at the end, and if a read fails: the connection is closed
    /// then, since the answer is shorter than its head says.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        if self.rest.is_empty() {
            return None;
        }
        if self.visitor.is_some_and(|visitor| !self.site.gate.is_alive(visitor)) {
            return None;
        }
        let end = self.site.end.clone();
        match end.run_until_cancelled(self.read(READ_BYTES)).await? {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                tracing::debug!(name = self.file.name(), %error, "a player gets no more of a file");
                None
            }
        }
    }

    /// Reads on, at least one byte.
    async fn read(&mut self, bytes_max: u64) -> Result<Bytes, FailureBody> {
        let wanted = (self.rest.end - self.rest.start).min(bytes_max);
        let wanted_u32 = u32::try_from(wanted).unwrap_or(u32::MAX);
        let bytes = self.file.read(self.rest.start, wanted_u32).await?;
        let count = bytes.len() as u64;
        if count == 0 || count > wanted {
            let message = "the file is shorter than its torrent says";
            return Err(FailureBody::new(FailureKind::ServerFailed, message));
        }
        self.rest.start += count;
        Ok(bytes)
    }
}

fn not_modified(etag: &str) -> Response<ResponseBody> {
    let mut response = text(StatusCode::NOT_MODIFIED, TEXT_TYPE, "");
    let headers = response.headers_mut();
    drop(headers.remove(CONTENT_TYPE));
    insert(headers, ETAG, etag);
    response
}

fn unsatisfiable(len: u64) -> Response<ResponseBody> {
    let status = StatusCode::RANGE_NOT_SATISFIABLE;
    let mut response = text(status, TEXT_TYPE, "the file has no such bytes\n");
    insert(response.headers_mut(), CONTENT_RANGE, &format!("bytes */{len}"));
    response
}

/// Inserts a value of printable ASCII characters.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
