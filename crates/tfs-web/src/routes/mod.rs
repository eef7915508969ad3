//! The routes of the page: which request may do what, and its answer.

mod changes;
mod data;
mod events;
mod file;
mod login;
mod page;
mod playlist;
mod route;

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{Request, Response, StatusCode};
use tfs_http::{ResponseBody, text};
use tokio::time::sleep;

use crate::access::{Denied, Visitor, check_read};
use crate::query::UrlQuery;
use crate::refusal::{Refusal, TEXT_TYPE};
use crate::site::PageSite;
use route::{DataRoute, PageRoute};

/// Pause before a wrong token is refused.
const GUESS_PAUSE: Duration = Duration::from_millis(500);

/// What the page may load: nothing of other origins, no script and no style in the HTML.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; media-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// Headers of all answers. Without a referrer for this site, browsers would send `Origin: null`
/// with a form.
const HEADERS: [(HeaderName, &str); 4] = [
    (HeaderName::from_static("x-content-type-options"), "nosniff"),
    (HeaderName::from_static("referrer-policy"), "same-origin"),
    (HeaderName::from_static("x-frame-options"), "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// A request that has passed the check of its host name.
struct PageCall {
    site: Arc<PageSite>,
    head: Parts,
    query: UrlQuery,
    /// The host and port that it names.
    host: Option<Authority>,
}

type Answered = Result<Response<ResponseBody>, Refusal>;

/// Answers a request.
pub(crate) async fn answer(
    site: Arc<PageSite>,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let (head, body) = request.into_parts();
    let is_api = PageRoute::is_api(head.uri.path());
    let answered = route_request(site, head, body).await;
    let mut response = answered.unwrap_or_else(|refusal| refusal.into_response(is_api));
    secure(response.headers_mut());
    response
}

async fn route_request(site: Arc<PageSite>, head: Parts, body: Incoming) -> Answered {
    let route = PageRoute::of(&head.method, head.uri.path())?;
    if route == PageRoute::Health {
        // Tells nothing, and is asked for by container engines under any name.
        return Ok(text(StatusCode::OK, TEXT_TYPE, "ok\n"));
    }
    let host = site.hosts.check(&head)?;
    let query = UrlQuery::parse(head.uri.query().unwrap_or_default())?;
    let call = PageCall { site, head, query, host };
    match route {
        PageRoute::Page => page::page(&call).await,
        PageRoute::Asset(name) => page::asset(&call, &name).await,
        PageRoute::Health => Ok(text(StatusCode::OK, TEXT_TYPE, "ok\n")),
        PageRoute::LoginForm => login::form(&call),
        PageRoute::Login => login::log_in(&call, body).await,
        PageRoute::Logout => login::log_out(&call),
        PageRoute::Events => events::events(&call).await,
        PageRoute::File { info_hash, file_index } => file::file(&call, info_hash, file_index).await,
        PageRoute::Playlist { info_hash, file_index } => {
            playlist::playlist(&call, info_hash, file_index).await
        }
        PageRoute::Data(route) => data::data(&call, route).await,
        PageRoute::Act { info_hash } => changes::act(&call, info_hash, body).await,
        PageRoute::Add => changes::add(&call, body).await,
    }
}

impl PageCall {
    /// Returns who sends the request. A wrong token is refused after a pause.
    async fn visitor(&self) -> Result<Visitor, Denied> {
        let visitor = self.site.gate.visitor(&self.head.headers);
        if visitor == Err(Denied::Wrong) {
            sleep(GUESS_PAUSE).await;
        }
        visitor
    }

    /// Checks that the request may read, and is not one of a page of another site.
    async fn check_reader(&self) -> Result<Visitor, Refusal> {
        check_read(&self.head.headers, false)?;
        self.visitor().await.map_err(Refusal::denied)
    }

    /// Returns whether a proxy says that the client uses TLS.
    fn is_https(&self) -> bool {
        let proto = self.head.headers.get("x-forwarded-proto").and_then(|it| it.to_str().ok());
        let nearest = proto.and_then(|list| list.split(',').next());
        nearest.is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"))
    }
}

/// Adds the headers of all answers. A policy that is there stays.
fn secure(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
}
