//! The index of a directory, for browsers, Kodi and the `http` backend of rclone.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Response, StatusCode};
use tfs_http::{ResponseBody, encoded, escaped, is_media, push_escaped, text};
use vfs_core::{Attr, Export, ExportEntry, Ino, NodeKind, TorrentSource};

use super::{WebdavCall, insert};
use crate::order::compare;
use crate::refusal::{TEXT_TYPE, WebdavAnswer};

/// Entries that are read and sent at once. The lock of the tree is held meanwhile.
const PAGE_ENTRIES: usize = 500;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// How an index looks.
const STYLE: &str = "html{color-scheme:light dark}body{font:1em sans-serif;margin:1em}\
                     td{padding:.2em 1em .2em 0;overflow-wrap:anywhere}\
                     td+td{text-align:right;white-space:nowrap}";

/// The end of an index.
const INDEX_END: &str = "</table>\n</body></html>\n";

/// The type of an index.
const INDEX_TYPE: &str = "text/html; charset=utf-8";

impl<S: TorrentSource> WebdavCall<S> {
    /// `GET` of a directory: its index, or its playlist with `?m3u`.
    pub(super) async fn directory(&self, attr: &Attr) -> WebdavAnswer {
        if !self.target.has_slash {
            let mut response = text(StatusCode::MOVED_PERMANENTLY, TEXT_TYPE, "");
            let query = self.head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            let location = format!("{}/{query}", self.target.href());
            insert(response.headers_mut(), LOCATION, &location);
            return Ok(response);
        }
        if self.head.uri.query().is_some_and(|query| query.split('&').any(|it| it == "m3u")) {
            return self.playlist(attr.ino, &self.target).await;
        }
        // A directory that cannot be listed is no index.
        let first = self.site.export.list(attr.ino, 0, PAGE_ENTRIES)?;
        let mut response = if self.is_head() {
            text(StatusCode::OK, INDEX_TYPE, "")
        } else if first.is_end {
            self.sorted_index(first.entries)
        } else {
            self.streamed_index(attr)
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(INDEX_TYPE));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }

    /// Returns the index of a directory of one page: directories first, ordered by name.
    fn sorted_index(&self, mut entries: Vec<ExportEntry>) -> Response<ResponseBody> {
        entries.retain_mut(|entry| is_listed(&self.site.export, entry));
        entries.sort_by(|one, other| {
            let (is_file, is_other_file) = (one.attr.kind, other.attr.kind);
            let is_file = (is_file == NodeKind::File).cmp(&(is_other_file == NodeKind::File));
            is_file.then_with(|| compare(&one.name, &other.name))
        });
        let has_media =
            |entry: &ExportEntry| entry.attr.kind == NodeKind::Directory || is_media(&entry.name);
        let mut index = self.index_begin(entries.iter().any(has_media));
        for entry in &entries {
            push_line(entry, &mut index);
        }
        index.push_str(INDEX_END);
        text(StatusCode::OK, INDEX_TYPE, index)
    }

    /// Returns the index of a large directory, in the order of the tree.
    fn streamed_index(&self, attr: &Attr) -> Response<ResponseBody> {
        // Whether it has media is known at its end only.
        let begin = self.index_begin(true);
        let frame = |text: String| Ok::<_, Infallible>(Frame::data(Bytes::from(text)));
        let lines = pages(self.site.export.clone(), attr.ino).map(|page| {
            let mut lines = String::with_capacity(page.len() * 128);
            for entry in &page {
                push_line(entry, &mut lines);
            }
            lines
        });
        let all = stream::once(async { begin })
            .chain(lines)
            .chain(stream::once(async { INDEX_END.to_owned() }));
        Response::new(StreamBody::new(all.map(frame)).boxed_unsync())
    }

    /// Returns the head of an index, with a link to its playlist if it may have something to play.
    fn index_begin(&self, has_playlist: bool) -> String {
        let title = escaped(self.target.name().unwrap_or("tfs"));
        let mut begin = format!(
            "<!doctype html>\n<html><head><meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
             <style>{STYLE}</style>\n</head><body>\n<h1>{title}</h1>\n"
        );
        if has_playlist {
            begin.push_str("<p><a href=\"?m3u\">Playlist</a></p>\n");
        }
        begin.push_str("<table>\n");
        if !self.target.parts.is_empty() {
            begin.push_str("<tr><td><a href=\"../\">../</a></td><td></td></tr>\n");
        }
        begin
    }
}

/// Appends the line of an entry. Kodi takes a link whose decoded address is its text.
fn push_line(entry: &ExportEntry, out: &mut String) {
    let is_dir = entry.attr.kind == NodeKind::Directory;
    let slash = if is_dir { "/" } else { "" };
    out.push_str("<tr><td><a href=\"");
    out.push_str(&encoded(&entry.name));
    out.push_str(slash);
    out.push_str("\">");
    push_escaped(&entry.name, out);
    out.push_str(slash);
    out.push_str("</a></td><td>");
    if !is_dir {
        // Writing to a `String` cannot fail.
        let _written = match entry.attr.size {
            size @ 0..KIB => write!(out, "{size} B"),
            size @ KIB..MIB => write!(out, "{} KiB", size.div_ceil(KIB)),
            size @ MIB..GIB => write!(out, "{} MiB", size / MIB),
            size => write!(out, "{}.{} GiB", size / GIB, size % GIB * 10 / GIB),
        };
    }
    out.push_str("</td></tr>\n");
}

/// Returns the entries of a directory in pages. Links to files are files; links to directories are
/// left out, since programs that walk the tree could walk in circles.
pub(super) fn pages<S: TorrentSource>(
    export: Export<S>,
    dir: Ino,
) -> impl Stream<Item = Vec<ExportEntry>> + Send + 'static {
    stream::unfold((Arc::new(export), Some(0)), move |(export, cookie)| async move {
        let page = export.list(dir, cookie?, PAGE_ENTRIES);
        let mut page =
            page.inspect_err(|error| tracing::debug!(%error, "a listing ends early")).ok()?;
        let next = page.entries.last().filter(|_| !page.is_end).map(|entry| entry.cookie);
        page.entries.retain_mut(|entry| is_listed(&export, entry));
        // Other connections of this thread go on between two pages.
        tokio::task::yield_now().await;
        Some((page.entries, (export, next)))
    })
}

fn is_listed<S: TorrentSource>(export: &Export<S>, entry: &mut ExportEntry) -> bool {
    if entry.attr.kind != NodeKind::Symlink {
        return true;
    }
    match export.follow(entry.attr.ino) {
        Ok(attr) => {
            entry.attr = attr;
            attr.kind == NodeKind::File
        }
        Err(_) => false,
    }
}
