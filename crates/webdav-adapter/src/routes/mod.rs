//! The answer to a request.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use tfs_http::{ResponseBody, text};
use vfs_core::TorrentSource;

use crate::site::WebdavSite;

/// Answers a request.
pub(crate) async fn answer<S: TorrentSource>(
    site: Arc<WebdavSite<S>>,
    _request: Request<Incoming>,
) -> Response<ResponseBody> {
    site.counters.count_request(true);
    text(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "")
}
