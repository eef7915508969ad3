//! The stream of overviews: server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::Response;
use hyper::body::Frame;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::{Answered, PageCall};
use crate::access::Visitor;
use crate::feed::{Snapshot, Viewer};
use crate::refusal::Refusal;
use crate::site::PageSite;

/// Time without an overview after which a comment is sent, so that proxies keep the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Tells nginx not to keep events back.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// An open stream. The overview is computed as long as there is one.
struct EventStream {
    site: Arc<PageSite>,
    viewer: Viewer,
    visitor: Visitor,
    /// Whether the time of the next attempt was sent.
    has_begun: bool,
    _place: OwnedSemaphorePermit,
}

/// `GET /events`
pub(super) async fn events(call: &PageCall) -> Answered {
    let visitor = call.check_reader().await?;
    let site = Arc::clone(&call.site);
    let place = Arc::clone(&site.event_places).try_acquire_owned();
    let place = place.map_err(|_full| Refusal::too_many("too many pages are open"))?;
    let viewer = site.feed.view();
    let open = EventStream { site, viewer, visitor, has_begun: false, _place: place };
    let frames = stream::unfold(open, |mut open| async {
        let bytes = open.next().await?;
        Some((Ok::<_, Infallible>(Frame::data(bytes)), open))
    });
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

impl EventStream {
    /// Returns what to send next. `None` if the page or the session has ended.
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.has_begun, true) {
            return Some(Bytes::from_static(b"retry: 2000\n\n"));
        }
        let end = self.site.end.clone();
        let next = timeout(KEEP_ALIVE, self.viewer.next());
        let bytes = match end.run_until_cancelled(next).await? {
            Ok(snapshot) => event(&*snapshot?),
            Err(_elapsed) => Bytes::from_static(b": keep-alive\n\n"),
        };
        self.site.gate.is_alive(self.visitor).then_some(bytes)
    }
}

fn event(snapshot: &Snapshot) -> Bytes {
    let mut event = BytesMut::with_capacity(snapshot.json.len() + 32);
    event.put_slice(b"event: overview\ndata: ");
    event.put_slice(&snapshot.json);
    event.put_slice(b"\n\n");
    event.freeze()
}
