//! HTTP/1.1 to one origin: connections, deadlines, limits.

mod answer;
mod body;
mod call;
mod connection;
mod dial;
mod pool;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;
mod tunnel;

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, HOST, HeaderName, HeaderValue,
    PROXY_AUTHORIZATION, USER_AGENT,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub(crate) use self::body::{AnswerBody, BodyEnd, hyper_failure, is_early_end};
pub(crate) use self::call::HttpRequest;
use self::connection::HttpConnection;
use self::dial::DialTarget;
use self::pool::ConnectionPool;
use self::tls::Tls;
use crate::call_counts::CallCounters;
use crate::direct::{DirectError, FilePosition, InlineClient};
use crate::error::CallFailure;
use crate::json::{Elements, parse_element};
use crate::list_print::{ListChanges, ListPrint};
use crate::{
    AccessOptions, BaseUrl, ClientConfig, Credentials, Endpoint, Error, ErrorContext, ErrorKind,
    ExtraHeader, Proxy, ProxyFailure, Result, TimeoutPhase, Timeouts,
};

/// Identifies the library in the logs of servers and proxies.
const USER_AGENT_TEXT: &str = concat!("rqbit-client/", env!("CARGO_PKG_VERSION"));

/// Maximum memory of all elements of a list: a hundred thousand torrents with a million files take
/// 15 MB. The size of the text does not bound it: two characters may become a number of eight
/// bytes.
const LIST_HELD_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Memory of the elements of a list so far.
#[derive(Default)]
struct HeldMemory {
    bytes: usize,
}

impl HeldMemory {
    fn add(&mut self, bytes: usize) -> Result<(), CallFailure> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > LIST_HELD_BYTES_MAX {
            return Err(ErrorKind::BodyTooLarge { limit_bytes: LIST_HELD_BYTES_MAX }.into());
        }
        Ok(())
    }
}

/// HTTP transport to one server.
pub(crate) struct Transport {
    base_url: BaseUrl,
    host: HeaderValue,
    /// What precedes the path of a call in its request: the prefix of the server, and before it,
    /// for a proxy that is not a tunnel, scheme and host.
    target_prefix: String,
    /// Headers of every request of this client, apart from those of the call.
    fixed: Vec<(HeaderName, HeaderValue)>,
    /// The proxy that answers requests to an `http` server.
    proxy: Option<Proxy>,
    timeouts: Timeouts,
    target: DialTarget,
    /// Inline client for short ranges.
    direct: Arc<InlineClient>,
    pool: Arc<ConnectionPool>,
    /// One permit: large answers are held in memory one at a time, for any number of concurrent
    /// calls. The others wait, within their deadlines, with the bytes received so far.
    large: Arc<Semaphore>,
    /// Whether the server supports only open-ended ranges.
    has_open_ranges_only: AtomicBool,
    counters: Arc<CallCounters>,
}

impl Transport {
    /// Creates the transport; sends nothing.
    pub(crate) fn new(config: ClientConfig) -> Result<Self> {
        let context = ErrorContext {
            endpoint: Endpoint::SetUp,
            method: "GET",
            url: config.base_url.to_string(),
        };
        let tls = if config.base_url.is_https() {
            Some(Tls::new(&config).map_err(|failure| failure.at(&context))?)
        } else {
            None
        };
        let host = HeaderValue::try_from(config.base_url.authority()).map_err(|error| {
            CallFailure::new(ErrorKind::Protocol { reason: "host name" }, error).at(&context)
        })?;
        let ClientConfig { base_url, credentials, timeouts, access } = config;
        // In a tunnel, the proxy sees no request.
        let proxy = access.proxy.clone().filter(|_| !base_url.is_https());
        let fixed = fixed_headers(&access, credentials.as_ref(), proxy.as_ref());
        let headers = direct_headers(&host, &fixed);
        let is_named = access.proxy.as_ref().map_or(base_url.is_named(), Proxy::is_named);
        let direct = Arc::new(InlineClient::new(headers, is_named));
        let target_prefix = match &proxy {
            Some(_) => base_url.to_string(),
            None => base_url.prefix().to_owned(),
        };
        Ok(Self {
            host,
            target_prefix,
            fixed,
            proxy,
            timeouts,
            target: DialTarget::new(&base_url, access.proxy, tls, Arc::clone(&direct)),
            direct,
            pool: Arc::default(),
            large: Arc::new(Semaphore::new(1)),
            has_open_ranges_only: AtomicBool::new(false),
            counters: Arc::default(),
            base_url,
        })
    }

    /// Returns the address of the server.
    pub(crate) fn base_url(&self) -> &BaseUrl {
        &self.base_url
    }

    /// Returns the deadlines of every call.
    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// Returns the counters of requests and errors.
    pub(crate) fn counters(&self) -> &Arc<CallCounters> {
        &self.counters
    }

    /// Closes the idle connections.
    pub(crate) fn close_idle(&self) {
        self.pool.clear();
        self.direct.close_idle();
    }

    /// Returns whether [`read_direct`](Self::read_direct) is available.
    pub(crate) fn has_direct_way(&self) -> bool {
        // It requests bounded ranges, and keeps its connection for the next request.
        self.direct.is_known() && !self.has_open_ranges_only()
    }

    /// Returns whether all connections so far went to addresses of this machine; `None` before the
    /// first.
    pub(crate) fn is_on_this_machine(&self) -> Option<bool> {
        self.target.is_own()
    }

    /// Returns whether the server supports only open-ended ranges, like rqbit before version 9.
    pub(crate) fn has_open_ranges_only(&self) -> bool {
        self.has_open_ranges_only.load(Ordering::Relaxed)
    }

    /// Records that the server supports only open-ended ranges.
    pub(crate) fn set_open_ranges_only(&self) {
        self.has_open_ranges_only.store(true, Ordering::Relaxed);
    }

    /// Fills `buffer` with the bytes of a file from `position`, on this thread: see
    /// [`InlineClient::read`].
    pub(crate) fn read_direct(
        &self,
        path: &str,
        position: FilePosition,
        buffer: &mut [u8],
        time_max: Duration,
    ) -> Result<(), DirectError> {
        let path = format!("{}{path}", self.target_prefix);
        let result = self.direct.read(&path, position, buffer, time_max);
        if !matches!(result, Err(DirectError::NoWay)) {
            self.counters.on_request();
        }
        result
    }

    /// Creates the error of a call, and counts it.
    pub(crate) fn error(&self, call: &HttpRequest, failure: CallFailure) -> Error {
        self.counters.on_error(&failure.kind);
        failure.at(&call.context(&self.base_url))
    }

    /// Makes a call and collects its whole answer in memory.
    pub(crate) async fn collect(
        &self,
        call: &HttpRequest,
        limit_bytes: usize,
    ) -> Result<Response<Bytes>> {
        let work = async {
            let (mut parts, body) = self.send(call).await?.into_parts();
            let (body, turn) = body.collect(limit_bytes, self.timeouts.chunk, &self.large).await?;
            // The permit is held until the answer is parsed and dropped.
            turn.map(|turn| parts.extensions.insert(Arc::new(turn)));
            Ok(Response::from_parts(parts, body))
        };
        self.in_time(call, work).await
    }

    /// Makes a call that returns a list, and parses it as it arrives. `weight` returns the memory
    /// of an element, which may be large for a short text.
    pub(crate) async fn collect_list<T: DeserializeOwned>(
        &self,
        call: &HttpRequest,
        limit_bytes: usize,
        weight: impl Fn(&T) -> usize,
    ) -> Result<Vec<T>> {
        let (mut list, mut held) = (Vec::new(), HeldMemory::default());
        let collect = |idx: usize, text: &[u8]| {
            let element = parse_element(idx, text)?;
            held.add(weight(&element))?;
            list.push(element);
            Ok(())
        };
        self.read_list(call, limit_bytes, collect).await?;
        Ok(list)
    }

    /// Like [`collect_list`](Self::collect_list), but parses only the elements whose text differs
    /// from that of the element at the same index in the list of `known`.
    pub(crate) async fn collect_list_changes<T: DeserializeOwned>(
        &self,
        call: &HttpRequest,
        limit_bytes: usize,
        known: &ListPrint,
        weight: impl Fn(&T) -> usize,
    ) -> Result<ListChanges<T>> {
        let (mut print, mut held) = (known.start(), HeldMemory::default());
        let mut changed = Vec::new();
        let collect = |idx: usize, text: &[u8]| {
            held.add(size_of::<u64>())?;
            print.push(text);
            if print.is_new_in(known) {
                let element = parse_element(idx, text)?;
                held.add(weight(&element))?;
                changed.push((idx, element));
            }
            Ok(())
        };
        self.read_list(call, limit_bytes, collect).await?;
        Ok(ListChanges { changed, print })
    }

    /// Makes a call that returns a list, and calls `each` with the index and text of its elements
    /// as they arrive.
    async fn read_list(
        &self,
        call: &HttpRequest,
        limit_bytes: usize,
        mut each: impl FnMut(usize, &[u8]) -> Result<(), CallFailure>,
    ) -> Result<()> {
        let work = async {
            let body = self.send(call).await?.into_body();
            let mut elements = Elements::default();
            let feed = |part: &[u8]| elements.feed(part, &mut each);
            body.for_each_chunk(limit_bytes, self.timeouts.chunk, feed).await?;
            elements.finish()
        };
        self.in_time(call, work).await
    }

    /// Makes a call whose answer is not needed. At most `limit_bytes` of the answer are read, so
    /// that the server is not cut off while it writes a short one.
    pub(crate) async fn send_only(&self, call: &HttpRequest, limit_bytes: usize) -> Result<()> {
        let work = async {
            let body = self.send(call).await?.into_body();
            // The status has told that it succeeded.
            drop(body.for_each_chunk(limit_bytes, self.timeouts.chunk, |_part| Ok(())).await);
            Ok(())
        };
        self.in_time(call, work).await
    }

    /// Runs the work of a call within its time limit.
    async fn in_time<T>(
        &self,
        call: &HttpRequest,
        work: impl Future<Output = Result<T, CallFailure>>,
    ) -> Result<T> {
        match timeout(call.within(self.timeouts.total), work).await {
            Ok(answer) => answer.map_err(|failure| self.error(call, failure)),
            Err(_elapsed) => {
                Err(self.error(call, ErrorKind::Timeout { phase: TimeoutPhase::Total }.into()))
            }
        }
    }

    /// Sends a request, and returns its answer when the headers have arrived and report success.
    ///
    /// A `GET` on a kept-alive connection that turns out to be closed is retried once on a new
    /// connection. A `POST` always uses a new connection: after a connection failure it is unknown
    /// whether the server has executed the request, so it is never repeated.
    pub(crate) async fn send(
        &self,
        call: &HttpRequest,
    ) -> Result<Response<AnswerBody>, CallFailure> {
        self.counters.on_request();
        // Boxed: otherwise the future of each call would be twice as large.
        let work = Box::pin(self.send_anywhere(call));
        self.target.with_fresh_address(&self.pool, self.timeouts.connect, work).await
    }

    /// Sends a request on a kept-alive connection or a new one.
    async fn send_anywhere(&self, call: &HttpRequest) -> Result<Response<AnswerBody>, CallFailure> {
        if call.method == Method::GET
            && let Some(connection) = self.pool.take()
        {
            match self.send_on(connection, call).await {
                Err(CallFailure { kind: ErrorKind::Closed, source }) => {
                    // The others of the same age are likely to be dead as well.
                    tracing::debug!(endpoint = ?call.endpoint, ?source, "kept connection was dead");
                    self.pool.clear();
                }
                result => return self.check_answer(call, result?).await,
            }
        }
        let connection = self.target.dial(self.timeouts.connect).await?;
        let response = self.send_on(connection, call).await?;
        self.check_answer(call, response).await
    }

    /// Sends a request on a connection and waits for the headers of its answer.
    async fn send_on(
        &self,
        mut connection: HttpConnection,
        call: &HttpRequest,
    ) -> Result<Response<AnswerBody>, CallFailure> {
        let request = self.request(call)?;
        let answer = timeout(call.within(self.timeouts.headers), connection.send(request)).await;
        let Ok(answer) = answer else {
            return Err(ErrorKind::Timeout { phase: TimeoutPhase::Headers }.into());
        };
        let (parts, incoming) = answer.map_err(hyper_failure)?.into_parts();
        tracing::trace!(endpoint = ?call.endpoint, status = parts.status.as_u16(), "answer");
        let body = AnswerBody::new(incoming, connection, Arc::clone(&self.pool));
        Ok(Response::from_parts(parts, body))
    }

    /// Converts an unsuccessful answer into its error.
    async fn check_answer(
        &self,
        call: &HttpRequest,
        response: Response<AnswerBody>,
    ) -> Result<Response<AnswerBody>, CallFailure> {
        if let Some(proxy) = &self.proxy
            && response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
        {
            return Err(tunnel::failure_of(proxy, ProxyFailure::Unauthorized));
        }
        if !response.status().is_success() {
            let (endpoint, limit) = (call.endpoint, self.timeouts.chunk);
            return Err(answer::refusal(endpoint, &self.base_url, response, limit).await);
        }
        match response.headers().get(CONTENT_ENCODING) {
            Some(coding) if coding != "identity" => {
                Err(ErrorKind::Protocol { reason: "unrequested content coding" }.into())
            }
            _ => Ok(response),
        }
    }

    /// Builds the request of a call.
    fn request(&self, call: &HttpRequest) -> Result<Request<Full<Bytes>>, CallFailure> {
        let uri = format!("{}{}", self.target_prefix, call.path);
        let mut request = Request::builder().method(&call.method).uri(uri).header(HOST, &self.host);
        if let Some(headers) = request.headers_mut() {
            headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
            // Compression by a proxy would invalidate offsets and lengths.
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            for (name, value) in &self.fixed {
                headers.insert(name, value.clone());
            }
            for (name, value) in &call.headers {
                headers.insert(name, value.clone());
            }
        }
        request.body(Full::new(call.body.clone())).map_err(|error| {
            CallFailure::new(ErrorKind::Protocol { reason: "request cannot be written" }, error)
        })
    }
}

/// Returns the headers of every request: those of the access and the credentials, which replace an
/// `Authorization` header of the access.
fn fixed_headers(
    access: &AccessOptions,
    credentials: Option<&Credentials>,
    proxy: Option<&Proxy>,
) -> Vec<(HeaderName, HeaderValue)> {
    let mut fixed = HeaderMap::new();
    fixed.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_TEXT));
    for (name, value) in access.headers.iter().map(ExtraHeader::parts) {
        fixed.insert(name, value.clone());
    }
    if let Some(credentials) = credentials {
        fixed.insert(AUTHORIZATION, credentials.header());
    }
    if let Some(value) = proxy.and_then(Proxy::authorization) {
        fixed.insert(PROXY_AUTHORIZATION, value);
    }
    fixed.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Returns the headers of all inline requests, each terminated by a line end.
fn direct_headers(host: &HeaderValue, fixed: &[(HeaderName, HeaderValue)]) -> String {
    let mut headers = String::new();
    let identity = HeaderValue::from_static("identity");
    let any = HeaderValue::from_static("*/*");
    // Compression by a proxy would invalidate offsets and lengths.
    let own = [(&HOST, host), (&ACCEPT, &any), (&ACCEPT_ENCODING, &identity)];
    for (name, value) in own.into_iter().chain(fixed.iter().map(|(name, value)| (name, value))) {
        // All values are ASCII.
        if let Ok(value) = value.to_str() {
            // Writing to a string cannot fail.
            _ = write!(headers, "{name}: {value}\r\n");
        }
    }
    headers
}
