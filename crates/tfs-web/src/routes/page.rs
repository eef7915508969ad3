//! The page and its files.

use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, ETAG, HeaderMap, HeaderValue, VARY,
};
use hyper::{Response, StatusCode};
use tfs_http::{ResponseBody, text};

use super::{Answered, PageCall, login};
use crate::access::{Denied, check_read};
use crate::files::{FIRST_VIEW_MARK, INDEX, PageFile};
use crate::refusal::{Refusal, TEXT_TYPE};
use crate::render::{HTML_TYPE, bare_page, first_view, reload};
use tfs_http::is_known;

/// Sent by browsers: the relation of the page with the link to this address.
const FETCH_SITE: &str = "sec-fetch-site";

/// `GET /`: the page with the first view, or the form for the token.
pub(super) async fn page(call: &PageCall) -> Answered {
    let headers = &call.head.headers;
    check_read(headers, true)?;
    match call.visitor().await {
        Ok(_visitor) => {}
        Err(Denied::Missing) if headers.get(FETCH_SITE).is_some_and(is_other_site) => {
            return Ok(text(StatusCode::UNAUTHORIZED, HTML_TYPE, reload()));
        }
        Err(denied) => return Ok(login::refused(denied)),
    }
    let view = match call.site.snapshot().await {
        Ok(snapshot) => first_view(&snapshot.overview),
        Err(failure) => return Err(Refusal::from(failure)),
    };
    let template = call.site.files.find(INDEX).await;
    let page = match template.as_ref().and_then(|file| std::str::from_utf8(&file.bytes).ok()) {
        Some(template) => template.replacen(FIRST_VIEW_MARK, &view, 1),
        None => bare_page(&view),
    };
    Ok(text(StatusCode::OK, HTML_TYPE, page))
}

fn is_other_site(site: &HeaderValue) -> bool {
    site == "cross-site" || site == "same-site"
}

/// `GET /app.js` and the like. They tell nothing, so that the form for the token has its style.
pub(super) async fn asset(call: &PageCall, name: &str) -> Answered {
    let found = call.site.files.find(name).await.filter(|_| name != INDEX);
    let Some(PageFile { kind, etag, bytes, zipped }) = found else {
        return Ok(text(StatusCode::NOT_FOUND, TEXT_TYPE, "there is no such page\n"));
    };
    let headers = &call.head.headers;
    let mut response = if is_known(headers, &etag) {
        let mut response = text(StatusCode::NOT_MODIFIED, kind, "");
        drop(response.headers_mut().remove(hyper::header::CONTENT_TYPE));
        response
    } else if takes_gzip(headers) {
        let mut response = text(StatusCode::OK, kind, zipped);
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response
    } else {
        text(StatusCode::OK, kind, bytes)
    };
    describe(&mut response, &etag);
    Ok(response)
}

/// Browsers ask each time whether the file has changed: a new version of tfs is seen at once.
fn describe(response: &mut Response<ResponseBody>, etag: &str) {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    // Weak, since the compressed file has the same.
    if let Ok(etag) = HeaderValue::from_str(&format!("W/{etag}")) {
        headers.insert(ETAG, etag);
    }
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|list| list.to_str().ok());
    accepted.unwrap_or_default().split(',').any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        let is_refused = matches!(quality.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}
