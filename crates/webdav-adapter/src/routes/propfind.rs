//! `PROPFIND`: the properties of a node, and of the entries of a directory.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use tfs_http::{encoded, text};
use vfs_core::{Attr, Export, NodeKind, TorrentSource};

use super::WebdavCall;
use super::directory::pages;
use crate::properties::{PropertySubject, PropertyWriter};
use crate::refusal::{WebdavAnswer, WebdavRefusal};
use crate::version::etag_of;
use crate::xml::property_query;

const XML_TYPE: &str = "application/xml; charset=utf-8";

/// What a `Depth` header selects (RFC 4918, section 10.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// The node.
    Zero,
    /// The node and its entries.
    One,
    /// The entries: what old programs of Microsoft ask for.
    OneWithoutRoot,
    /// Everything below.
    Infinity,
}

/// `PROPFIND`
pub(super) fn propfind<S: TorrentSource>(call: &WebdavCall<S>, body: &[u8]) -> WebdavAnswer {
    let attr = call.find()?;
    let depth = depth_of(&call.head.headers)?;
    let query = property_query(body).map_err(|bad| WebdavRefusal::bad_request(bad.to_string()))?;
    let is_dir = attr.kind == NodeKind::Directory;
    if depth == Depth::Infinity && is_dir {
        // The entries of the directory alone would look like a tree of empty directories.
        return Err(WebdavRefusal::condition("propfind-finite-depth"));
    }
    let export = &call.site.export;
    let writer = Arc::new(PropertyWriter::new(&query));
    let mut begin =
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\">\n".to_owned();
    let base = call.target.href();
    if depth != Depth::OneWithoutRoot || !is_dir {
        let name = call.target.name().unwrap_or("tfs");
        push(export, &writer, &base, name, &attr, &mut begin);
    }
    let end = "</D:multistatus>\n";
    let mut response = if depth == Depth::Zero || !is_dir {
        text(StatusCode::MULTI_STATUS, XML_TYPE, begin + end)
    } else {
        // A directory that cannot be listed has no multistatus.
        export.list(attr.ino, 0, 1)?;
        let listed = export.clone();
        let lines = pages(export.clone(), attr.ino).map(move |page| {
            let mut lines = String::with_capacity(page.len() * 800);
            for entry in &page {
                let href = format!("{base}/{}", encoded(&entry.name));
                push(&listed, &writer, &href, &entry.name, &entry.attr, &mut lines);
            }
            lines
        });
        let all = stream::once(async { begin })
            .chain(lines)
            .chain(stream::once(async move { end.to_owned() }));
        let frames = all.map(|text| Ok::<_, Infallible>(Frame::data(Bytes::from(text))));
        Response::new(StreamBody::new(frames).boxed_unsync())
    };
    *response.status_mut() = StatusCode::MULTI_STATUS;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(XML_TYPE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn depth_of(headers: &HeaderMap) -> Result<Depth, WebdavRefusal> {
    let Some(depth) = headers.get("depth") else { return Ok(Depth::Infinity) };
    match depth.as_bytes() {
        b"0" => Ok(Depth::Zero),
        b"1" => Ok(Depth::One),
        b"1,noroot" => Ok(Depth::OneWithoutRoot),
        depth if depth.eq_ignore_ascii_case(b"infinity") => Ok(Depth::Infinity),
        _ => Err(WebdavRefusal::bad_request("Depth must be 0, 1 or infinity")),
    }
}

/// Appends the response of a node.
fn push<S: TorrentSource>(
    export: &Export<S>,
    writer: &PropertyWriter,
    href: &str,
    name: &str,
    attr: &Attr,
    out: &mut String,
) {
    let is_file = attr.kind == NodeKind::File;
    // A file that was removed meanwhile has none.
    let etag = (is_file && writer.needs_etag()).then(|| export.file_id(attr.ino).ok()).flatten();
    let etag = etag.map(etag_of);
    writer.push(&PropertySubject { href, name, attr, etag }, out);
}
