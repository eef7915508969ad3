//! The requests of televisions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tfs_http::{Hosts, ResponseBody, read_bytes, text};
use vfs_core::TorrentSource;
use webdav_adapter::WebdavHandler;

use crate::description::{
    CONNECTION_MANAGER_CONTROL, CONNECTION_MANAGER_PATH, CONNECTION_MANAGER_XML,
    CONTENT_DIRECTORY_CONTROL, CONTENT_DIRECTORY_PATH, CONTENT_DIRECTORY_XML, DEVICE_PATH,
};
use crate::directory::{Directory, DlnaFound, features_of};
use crate::soap::{SoapCall, SoapFault, fault, reply};

const XML: &str = "text/xml; charset=\"utf-8\"";
const PLAIN: &str = "text/plain; charset=utf-8";

/// Maximum size of a call: Browse has about 700 bytes.
const BODY_BYTES_MAX: usize = 16 << 10;

/// Timeout for the body of a call.
const BODY_TIME_MAX: Duration = Duration::from_secs(5);

const SOAP_ACTION: HeaderName = HeaderName::from_static("soapaction");
const CONTENT_FEATURES: HeaderName = HeaderName::from_static("contentfeatures.dlna.org");
const TRANSFER_MODE: HeaderName = HeaderName::from_static("transfermode.dlna.org");

pub(crate) const CONTENT_DIRECTORY: &str = "urn:schemas-upnp-org:service:ContentDirectory:1";
pub(crate) const CONNECTION_MANAGER: &str = "urn:schemas-upnp-org:service:ConnectionManager:1";

/// The types that televisions may get, for GetProtocolInfo.
const SOURCES: &str = "http-get:*:video/*:*,http-get:*:audio/*:*,http-get:*:image/*:*";

/// What answers requests.
#[derive(Debug)]
pub(crate) struct DlnaRoutes<S: TorrentSource> {
    pub(crate) directory: Directory<S>,
    pub(crate) files: WebdavHandler<S>,
    /// The path before the files in URLs, `/k/TOKEN/`.
    pub(crate) files_path: String,
    pub(crate) device: Bytes,
    pub(crate) hosts: Hosts,
    /// Requests that are not for files, and those of them that were refused.
    pub(crate) requests: AtomicU64,
    pub(crate) refused: AtomicU64,
}

impl<S: TorrentSource> DlnaRoutes<S> {
    /// Answers a request.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Response<ResponseBody> {
        // The token in the path is the permission.
        if request.uri().path().starts_with("/k/") {
            return self.answer_file(request).await;
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let (head, body) = request.into_parts();
        let Ok(Some(host)) = self.hosts.check(&head) else {
            // A page of a browser that got this address for its own name.
            return self.refuse(StatusCode::FORBIDDEN, "ask for this server by its IP address\n");
        };
        match (head.uri.path(), &head.method) {
            (DEVICE_PATH, &Method::GET | &Method::HEAD) => {
                text(StatusCode::OK, XML, self.device.clone())
            }
            (CONTENT_DIRECTORY_PATH, &Method::GET | &Method::HEAD) => {
                text(StatusCode::OK, XML, CONTENT_DIRECTORY_XML)
            }
            (CONNECTION_MANAGER_PATH, &Method::GET | &Method::HEAD) => {
                text(StatusCode::OK, XML, CONNECTION_MANAGER_XML)
            }
            (CONTENT_DIRECTORY_CONTROL, &Method::POST) => {
                // Nothing but an address and a number, which mean nothing in XML.
                let port = host.port_u16().map_or_else(String::new, |port| format!(":{port}"));
                let url = format!("http://{}{port}{}", host.host(), self.files_path);
                self.answer_call(&head.headers, body, CONTENT_DIRECTORY, &url).await
            }
            (CONNECTION_MANAGER_CONTROL, &Method::POST) => {
                self.answer_call(&head.headers, body, CONNECTION_MANAGER, "").await
            }
            (DEVICE_PATH | CONTENT_DIRECTORY_PATH | CONNECTION_MANAGER_PATH, _) => {
                self.refuse_method("GET, HEAD")
            }
            (CONTENT_DIRECTORY_CONTROL | CONNECTION_MANAGER_CONTROL, _) => {
                self.refuse_method("POST")
            }
            _ => self.refuse(StatusCode::NOT_FOUND, "no such page\n"),
        }
    }

    async fn answer_call(
        &self,
        headers: &HeaderMap,
        body: Incoming,
        service: &'static str,
        files_url: &str,
    ) -> Response<ResponseBody> {
        // A page of a browser cannot send the header without asking first.
        let Some(action) = action_of(headers, service) else {
            let message = "the header SOAPACTION does not name an action of this service\n";
            return self.refuse(StatusCode::BAD_REQUEST, message);
        };
        let body = match read_bytes(body, BODY_BYTES_MAX, BODY_TIME_MAX).await {
            Ok(body) => body,
            Err(failure) => {
                return self.refuse(tfs_http::status(failure.kind), failure.message);
            }
        };
        let answer = match SoapCall::parse(&body) {
            Ok(call) if call.action == action => self.call(&call, service, files_url).await,
            Ok(_) => Err(SoapFault::INVALID_ACTION),
            Err(fault) => Err(fault),
        };
        match answer {
            Ok(answer) => text(StatusCode::OK, XML, answer),
            Err(failure) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(action, ?failure, "a call fails");
                text(StatusCode::INTERNAL_SERVER_ERROR, XML, fault(failure))
            }
        }
    }

    async fn call(
        &self,
        call: &SoapCall,
        service: &'static str,
        files_url: &str,
    ) -> Result<String, SoapFault> {
        let update_id = self.directory.update_id().to_string();
        let answer = |action, results: &[_]| Ok(reply(service, action, results));
        match (service, call.action.as_str()) {
            (CONTENT_DIRECTORY, "Browse") => {
                let DlnaFound { didl, returned, total } =
                    self.directory.browse(call, files_url).await?;
                let (returned, total) = (returned.to_string(), total.to_string());
                answer(
                    "Browse",
                    &[
                        ("Result", &didl),
                        ("NumberReturned", &returned),
                        ("TotalMatches", &total),
                        ("UpdateID", &update_id),
                    ],
                )
            }
            (CONTENT_DIRECTORY, "GetSystemUpdateID") => {
                answer("GetSystemUpdateID", &[("Id", &update_id)])
            }
            (CONTENT_DIRECTORY, "GetSearchCapabilities") => {
                answer("GetSearchCapabilities", &[("SearchCaps", "")])
            }
            (CONTENT_DIRECTORY, "GetSortCapabilities") => {
                answer("GetSortCapabilities", &[("SortCaps", "")])
            }
            (CONNECTION_MANAGER, "GetProtocolInfo") => {
                answer("GetProtocolInfo", &[("Source", SOURCES), ("Sink", "")])
            }
            (CONNECTION_MANAGER, "GetCurrentConnectionIDs") => {
                answer("GetCurrentConnectionIDs", &[("ConnectionIDs", "0")])
            }
            (CONNECTION_MANAGER, "GetCurrentConnectionInfo") => {
                if call.argument("ConnectionID")? != "0" {
                    return Err(SoapFault::NO_SUCH_CONNECTION);
                }
                answer(
                    "GetCurrentConnectionInfo",
                    &[
                        ("RcsID", "-1"),
                        ("AVTransportID", "-1"),
                        ("ProtocolInfo", ""),
                        ("PeerConnectionManager", ""),
                        ("PeerConnectionID", "-1"),
                        ("Direction", "Output"),
                        ("Status", "OK"),
                    ],
                )
            }
            _ => Err(SoapFault::INVALID_ACTION),
        }
    }

    /// Answers a request for a file, with the headers of DLNA.
    async fn answer_file(&self, request: Request<Incoming>) -> Response<ResponseBody> {
        let features = HeaderValue::from_static(features_of(request.uri().path()));
        let mode = request.headers().get(TRANSFER_MODE).cloned();
        let mut response = self.files.answer(request).await;
        if response.status().is_success() {
            let mode = mode.unwrap_or_else(|| HeaderValue::from_static("Streaming"));
            response.headers_mut().insert(TRANSFER_MODE, mode);
            response.headers_mut().insert(CONTENT_FEATURES, features);
        }
        response
    }

    fn refuse_method(&self, allowed: &'static str) -> Response<ResponseBody> {
        let mut response = self.refuse(StatusCode::METHOD_NOT_ALLOWED, "this is read-only\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        response
    }

    fn refuse(&self, status: StatusCode, message: impl Into<Bytes>) -> Response<ResponseBody> {
        self.refused.fetch_add(1, Ordering::Relaxed);
        text(status, PLAIN, message)
    }
}

/// Returns the action in the header `SOAPACTION`, if it is one of the service.
fn action_of(headers: &HeaderMap, service: &str) -> Option<String> {
    let header = headers.get(SOAP_ACTION)?.to_str().ok()?;
    let (own, action) = header.trim().trim_matches('"').split_once('#')?;
    (own == service).then(|| action.to_owned())
}
