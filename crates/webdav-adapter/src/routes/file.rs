//! The bytes of a file, whole or a range.

use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue,
    LAST_MODIFIED, RANGE,
};
use hyper::{Response, StatusCode};
use tfs_http::{FileSelection, FileVersion, ResponseBody, select_of, text, type_of};
use vfs_core::{Attr, NodeKind, TorrentSource, VfsError};

use super::sending::FileSending;
use super::{WebdavCall, insert};
use crate::refusal::{TEXT_TYPE, WebdavAnswer, WebdavRefusal};
use crate::version::{etag_of, modified_at, modified_secs};

/// Browsers ask each time whether a file is still the same; it costs no data.
const FILE_CACHING: &str = "private, no-cache";

impl<S: TorrentSource> WebdavCall<S> {
    /// `GET` and `HEAD`.
    pub(super) async fn get(&self) -> WebdavAnswer {
        let attr = match self.find() {
            Ok(attr) => attr,
            Err(refusal) => return self.folder_playlist().await.unwrap_or(Err(refusal)),
        };
        match attr.kind {
            NodeKind::Directory => self.directory(&attr).await,
            // A slash means a directory.
            NodeKind::File | NodeKind::Symlink if self.target.has_slash => {
                Err(WebdavRefusal::not_found())
            }
            NodeKind::File => self.file(&attr).await,
            // Links were followed.
            NodeKind::Symlink => Err(VfsError::NotFound.into()),
        }
    }

    async fn file(&self, attr: &Attr) -> WebdavAnswer {
        let id = self.site.export.file_id(attr.ino)?;
        let (etag, len) = (etag_of(id), attr.size);
        let mut conditions = self.head.headers.clone();
        if self.is_head() {
            // Ranges are for GET.
            drop(conditions.remove(RANGE));
        }
        let version = FileVersion { etag: &etag, modified: Some(modified_secs(attr)) };
        let (status, part) = match select_of(&conditions, version, len) {
            FileSelection::Whole => (StatusCode::OK, 0..len),
            FileSelection::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
            FileSelection::NotModified => return Ok(not_modified(&etag, attr)),
            FileSelection::Changed => {
                let message = "it is another version of the file";
                return Err(WebdavRefusal::new(StatusCode::PRECONDITION_FAILED, message));
            }
            FileSelection::Unsatisfiable => return Ok(unsatisfiable(len)),
        };
        let count = part.end.saturating_sub(part.start);
        let last = part.end.saturating_sub(1);
        let first = part.start;
        let mut response = if self.is_head() || part.is_empty() {
            text(status, TEXT_TYPE, "")
        } else {
            FileSending::begin(self, attr, part).await?
        };
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let kind = type_of(self.target.name().unwrap_or_default());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(FILE_CACHING));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(count));
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        insert(headers, ETAG, &etag);
        insert(headers, LAST_MODIFIED, &httpdate::fmt_http_date(modified_at(attr)));
        if status == StatusCode::PARTIAL_CONTENT {
            insert(headers, CONTENT_RANGE, &format!("bytes {first}-{last}/{len}"));
        }
        Ok(response)
    }
}

fn not_modified(etag: &str, attr: &Attr) -> Response<ResponseBody> {
    let mut response = text(StatusCode::NOT_MODIFIED, TEXT_TYPE, "");
    let headers = response.headers_mut();
    drop(headers.remove(CONTENT_TYPE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(FILE_CACHING));
    insert(headers, ETAG, etag);
    insert(headers, LAST_MODIFIED, &httpdate::fmt_http_date(modified_at(attr)));
    response
}

fn unsatisfiable(len: u64) -> Response<ResponseBody> {
    let status = StatusCode::RANGE_NOT_SATISFIABLE;
    let mut response = text(status, TEXT_TYPE, "the file has no such bytes\n");
    insert(response.headers_mut(), CONTENT_RANGE, &format!("bytes */{len}"));
    response
}
