//! Locks that lock nothing: nothing can be written, and Finder, Windows and Office want a lock
//! before they read (RFC 4918, section 9.10). No state is kept.

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use tfs_http::{escaped, text};
use vfs_core::TorrentSource;

use super::{WebdavCall, insert};
use crate::refusal::{TEXT_TYPE, WebdavAnswer, WebdavRefusal};
use crate::xml::{LockScope, lock_scope};

/// How long a client may think that it has the lock, in seconds.
const LOCK_SECONDS: u32 = 600;

const LOCK_TOKEN: HeaderName = HeaderName::from_static("lock-token");

/// `LOCK`
pub(super) fn lock<S: TorrentSource>(call: &WebdavCall<S>, body: &[u8]) -> WebdavAnswer {
    let headers = &call.head.headers;
    // An empty body renews the lock that `If` names.
    let scope = match body.is_empty() && headers.contains_key("if") {
        true => LockScope::Exclusive,
        false => lock_scope(body).map_err(|bad| WebdavRefusal::bad_request(bad.to_string()))?,
    };
    let depth = match headers.get("depth").map(HeaderValue::as_bytes) {
        Some(b"0") => "0",
        None => "infinity",
        Some(depth) if depth.eq_ignore_ascii_case(b"infinity") => "infinity",
        Some(_) => return Err(WebdavRefusal::bad_request("Depth must be 0 or infinity")),
    };
    // A lock would create what does not exist.
    let Ok(attr) = call.find() else { return Err(WebdavRefusal::read_only()) };
    let scope = match scope {
        LockScope::Exclusive => "exclusive",
        LockScope::Shared => "shared",
    };
    let token = format!("urn:uuid:7f5a0000-0000-4000-8000-{:012x}", attr.ino.0 & 0xffff_ffff_ffff);
    let root = escaped(&call.target.href());
    let mut response = text(
        StatusCode::OK,
        "application/xml; charset=utf-8",
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
             <D:prop xmlns:D=\"DAV:\"><D:lockdiscovery><D:activelock>\
             <D:locktype><D:write/></D:locktype><D:lockscope><D:{scope}/></D:lockscope>\
             <D:depth>{depth}</D:depth><D:timeout>Second-{LOCK_SECONDS}</D:timeout>\
             <D:locktoken><D:href>{token}</D:href></D:locktoken>\
             <D:lockroot><D:href>{root}</D:href></D:lockroot>\
             </D:activelock></D:lockdiscovery></D:prop>\n"
        ),
    );
    insert(response.headers_mut(), LOCK_TOKEN, &format!("<{token}>"));
    Ok(response)
}

/// `UNLOCK`
pub(super) fn unlock<S: TorrentSource>(call: &WebdavCall<S>) -> WebdavAnswer {
    let _attr = call.find()?;
    if !call.head.headers.contains_key(LOCK_TOKEN) {
        return Err(WebdavRefusal::bad_request("UNLOCK needs a Lock-Token"));
    }
    Ok(text(StatusCode::NO_CONTENT, TEXT_TYPE, ""))
}
