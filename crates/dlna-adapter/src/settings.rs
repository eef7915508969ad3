//! Settings and errors of the server.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::{Request, Response};
use tfs_http::ResponseBody;

/// Maximum length of a name in bytes: UPnP allows 64 characters.
const NAME_CHARS_MAX: usize = 64;

/// Settings of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DlnaSettings {
    /// The IPv4 address to listen at: that of one interface, or 0.0.0.0 for all. With port 0 the
    /// kernel chooses one.
    pub listen: SocketAddr,
    /// The name that televisions show. Longer ones than 64 characters are cut.
    pub friendly_name: String,
    /// What distinguishes this server from others, also on other machines. The same text is the
    /// same server for televisions.
    pub identity: String,
    /// The path before the files in URLs, with a slash at both ends, such as `/k/TOKEN/`. Requests
    /// below it are passed to the [`DlnaFiles`].
    pub files_path: String,
}

impl DlnaSettings {
    /// Returns the name, cut to what UPnP allows.
    pub(crate) fn name(&self) -> String {
        self.friendly_name.chars().take(NAME_CHARS_MAX).collect()
    }
}

/// Answers GET and HEAD of files, with ranges. Clones share it.
#[derive(Clone)]
pub struct DlnaFiles {
    answer:
        Arc<dyn Fn(Request<Incoming>) -> BoxFuture<'static, Response<ResponseBody>> + Send + Sync>,
}

impl DlnaFiles {
    /// Answers by a function. Its future is dropped when the client disconnects.
    pub fn new<F>(answer: impl Fn(Request<Incoming>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response<ResponseBody>> + Send + 'static,
    {
        Self { answer: Arc::new(move |request| Box::pin(answer(request))) }
    }

    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<ResponseBody> {
        (self.answer)(request).await
    }
}

impl fmt::Debug for DlnaFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DlnaFiles").finish_non_exhaustive()
    }
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum DlnaError {
    /// Televisions search over IPv4 only.
    #[error("{0} is not an IPv4 address; DLNA needs one, such as 0.0.0.0:8200 for all interfaces")]
    NotIpv4(SocketAddr),
    /// The path of the files is not between slashes.
    #[error("the path of files, {0:?}, does not begin and end with a slash")]
    FilesPath(String),
    /// The address cannot be listened at.
    #[error("cannot listen at {address}: {source}; choose another address or port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Port 1900 cannot be shared.
    #[error(
        "cannot answer searches of televisions at UDP port 1900: {0}; another program may have it \
         for itself"
    )]
    Ssdp(io::Error),
}
