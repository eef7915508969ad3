//! Requests without a listener: of an own one, or of another front end.

use std::fmt;
use std::io;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, Response};
use tfs_http::ResponseBody;
use tokio_util::sync::DropGuard;
use tokio_util::task::AbortOnDropHandle;
use vfs_core::{Export, TorrentSource};

use crate::counters::WebdavCounts;
use crate::error::WebdavError;
use crate::routes::answer;
use crate::settings::WebdavSettings;
use crate::site::WebdavSite;
use crate::tokens::DeviceTokens;

/// Answers requests that a listener accepted. When it is dropped, files that are sent end.
pub struct WebdavHandler<S: TorrentSource> {
    pub(crate) site: Arc<WebdavSite<S>>,
    /// Closes files that no request reads.
    _cleaning: AbortOnDropHandle<()>,
    _end: DropGuard,
}

impl<S: TorrentSource> WebdavHandler<S> {
    /// Serves a tree in the current runtime of tokio. `front` is the name of the front end in the
    /// status; the address of the settings is that of its listener.
    ///
    /// # Errors
    /// [`WebdavError`]: unsafe settings, or a system without random numbers.
    pub fn new(
        export: Export<S>,
        front: &'static str,
        settings: &WebdavSettings,
        tokens: Arc<dyn DeviceTokens>,
    ) -> Result<Self, WebdavError> {
        settings.check()?;
        let address = settings.listen;
        let failed = |source: io::Error| WebdavError::System { address, source };
        let site = Arc::new(WebdavSite::new(export, front, settings, tokens).map_err(failed)?);
        let end = site.end.clone().drop_guard();
        let cleaning = {
            let site = Arc::clone(&site);
            tokio::spawn(async move { site.files.keep_clean().await })
        };
        Ok(Self { site, _cleaning: AbortOnDropHandle::new(cleaning), _end: end })
    }

    /// Answers a request.
    ///
    /// # Cancel safety
    /// Dropping the future ends the request and its reads.
    pub fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<ResponseBody>> + Send + use<S> {
        answer(Arc::clone(&self.site), request)
    }

    /// Returns what was counted since the start; `connections` are those of the listener.
    #[must_use]
    pub fn counts(&self, connections: usize) -> WebdavCounts {
        self.site.counters.read(u64::try_from(connections).unwrap_or(u64::MAX))
    }
}

impl<S: TorrentSource> fmt::Debug for WebdavHandler<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WebdavHandler").field("site", &self.site).finish_non_exhaustive()
    }
}
