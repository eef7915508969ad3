//! The form for the token, sessions, and their end.

use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{HeaderValue, LOCATION, SET_COOKIE};
use hyper::{Response, StatusCode};
use tfs_http::{ResponseBody, read_bytes, text};
use tokio::time::sleep;

use super::{Answered, GUESS_PAUSE, PageCall};
use crate::access::{Denied, LoginError, check_change};
use crate::query::UrlQuery;
use crate::refusal::{Refusal, TEXT_TYPE};
use crate::render::{HTML_TYPE, login_form};

/// Maximum size of a form: a token of 1024 bytes, encoded, and more.
const FORM_BYTES_MAX: usize = 4 << 10;

/// Maximum time for a form to arrive.
const FORM_TIME_MAX: Duration = Duration::from_secs(5);

/// `GET /login`
#[expect(clippy::unnecessary_wraps, reason = "as all routes")]
pub(super) fn form(call: &PageCall) -> Answered {
    match call.site.gate.is_open() {
        true => Ok(redirect("/", None)),
        false => Ok(text(StatusCode::OK, HTML_TYPE, login_form(None))),
    }
}

/// `POST /login`: begins a session.
pub(super) async fn log_in(call: &PageCall, body: Incoming) -> Answered {
    let PageCall { site, head, host, .. } = call;
    let _claim = check_change(&head.headers, host.as_ref(), &site.hosts)?;
    let form = {
        let place = site.login_places.try_acquire();
        let _place = place.map_err(|_full| Refusal::too_many("too many logins at once"))?;
        read_bytes(body, FORM_BYTES_MAX, FORM_TIME_MAX).await?
    };
    let form = UrlQuery::parse(std::str::from_utf8(&form).unwrap_or_default())?;
    let token = form.get("token").unwrap_or_default().trim();
    match site.gate.log_in(token, call.is_https()) {
        Ok(cookie) => Ok(redirect("/", cookie)),
        Err(LoginError::Denied(denied)) => {
            if denied == Denied::Wrong {
                sleep(GUESS_PAUSE).await;
            }
            Ok(refused(denied))
        }
        Err(LoginError::System(error)) => {
            tracing::error!(%error, "cannot begin a session of the page");
            let message = "the system has no random numbers\n";
            Ok(text(StatusCode::INTERNAL_SERVER_ERROR, TEXT_TYPE, message))
        }
    }
}

/// `POST /logout`: ends the session.
pub(super) fn log_out(call: &PageCall) -> Answered {
    let PageCall { site, head, host, .. } = call;
    let _claim = check_change(&head.headers, host.as_ref(), &site.hosts)?;
    let cookie = site.gate.log_out(&head.headers, call.is_https());
    Ok(redirect("/login", cookie))
}

/// Returns the form for the token, with what went wrong.
pub(super) fn refused(denied: Denied) -> Response<ResponseBody> {
    let problem = match denied {
        Denied::Missing => None,
        Denied::Wrong => Some("This is not the token."),
        Denied::TooMany(_) => Some("Too many wrong tokens: wait a minute, then try again."),
    };
    // The status and its headers, with a page in place of the text.
    let (parts, _body) = Refusal::denied(denied).into_response(false).into_parts();
    let mut response = text(parts.status, HTML_TYPE, login_form(problem));
    for (name, value) in &parts.headers {
        if !response.headers().contains_key(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn redirect(to: &'static str, cookie: Option<String>) -> Response<ResponseBody> {
    let mut response = text(StatusCode::SEE_OTHER, TEXT_TYPE, "");
    let headers = response.headers_mut();
    headers.insert(LOCATION, HeaderValue::from_static(to));
    // Digits and constants only.
    if let Some(Ok(cookie)) = cookie.map(|cookie| HeaderValue::from_str(&cookie)) {
        headers.insert(SET_COOKIE, cookie);
    }
    response
}
