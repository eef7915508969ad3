//! The control client: sends one request to one process. Every wait and every size is limited.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustix::process::geteuid;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tfs_sys::clock::limit_text;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::lines::{LINE_BYTES_MAX, ResponseLines};
use super::wire::{
    API_VERSION, Acknowledged, CacheStats, ClearRequest, Cleared, EmbeddedServers, EventLine,
    FailureBody, FailureKind, MountSelector, PreloadEvent, PreloadRequest, ProcessMounts,
    RefreshRequest, Refreshed, Reloaded, SearchAnswer, SearchRequest, StatusReply, TagRequest,
    UnmountRequest, Unmounted,
};

/// Timeout for an answer from memory. It takes milliseconds; a stopped process never answers.
const QUICK_TIME_MAX: Duration = Duration::from_secs(5);

/// Timeout for an answer that needs requests to a server: the server's client times out after half
/// a minute, and the first poll of ten thousand torrents takes as long.
const SERVER_TIME_MAX: Duration = Duration::from_secs(120);

/// Timeout for a clean unmount: two seconds for programs that use the mount, some for the session
/// of an embedded server, three for the search for the processes that use the mount.
const UNMOUNT_TIME_MAX: Duration = Duration::from_secs(60);

/// Maximum size of an answer: a search result with a hundred thousand files has some 30 MB.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Stall timeout of an answer with many lines. A process sends some lines per second.
const SILENCE_TIME_MAX: Duration = Duration::from_secs(30);

type Sender = http1::SendRequest<Full<Bytes>>;
type ControlConnection = http1::Connection<TokioIo<UnixStream>, Full<Bytes>>;

/// Client of one process. Each request uses a connection of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlClient {
    socket: PathBuf,
    /// Users whose processes are trusted, besides this user and root.
    trusted_uids: BTreeSet<u32>,
}

/// Why a request failed. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The socket has no listener: the process is gone.
    #[error("reach the process behind {}", socket.display())]
    Gone {
        /// The socket.
        socket: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The listener belongs to another user.
    #[error("trust {}: user {uid} listens there", socket.display())]
    Foreign {
        /// The socket.
        socket: PathBuf,
        /// The user.
        uid: u32,
    },
    /// The process did not answer in time.
    #[error("get an answer from {} within {}", socket.display(), limit_text(*time_max))]
    TimedOut {
        /// The socket.
        socket: PathBuf,
        /// The timeout.
        time_max: Duration,
    },
    /// The connection broke, or the answer is not one of tfs.
    #[error("parse the answer of {}", socket.display())]
    Protocol {
        /// The socket.
        socket: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The process reports that the request failed.
    #[error(transparent)]
    Refused(#[from] FailureBody),
}

impl ControlError {
    /// Returns the same as a sentence that fits after a colon.
    #[must_use]
    pub fn as_reason(&self) -> String {
        match self {
            Self::Gone { socket, source } => {
                format!("nothing listens at {}: {source}", socket.display())
            }
            Self::Foreign { socket, uid } => {
                format!("user {uid} listens at {}", socket.display())
            }
            Self::TimedOut { socket, time_max } => {
                format!("no answer from {} within {}", socket.display(), limit_text(*time_max))
            }
            Self::Protocol { socket, source } => {
                format!("the answer of {} is invalid: {source}", socket.display())
            }
            Self::Refused(failure) => failure.to_string(),
        }
    }
}

impl ControlClient {
    /// Returns a client for the process that listens on a socket.
    #[must_use]
    pub fn new(socket: PathBuf) -> Self {
        Self { socket, trusted_uids: BTreeSet::new() }
    }

    /// Also trusts the processes of these users. For root, who queries the mounts of other users.
    #[must_use]
    pub fn trusting(self, uids: BTreeSet<u32>) -> Self {
        Self { trusted_uids: uids, ..self }
    }

    /// Returns the path of the socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Returns the mounts of the process.
    ///
    /// # Errors
    /// [`ControlError`], as for all requests.
    pub async fn mounts(&self) -> Result<ProcessMounts, ControlError> {
        self.get("mounts", QUICK_TIME_MAX).await
    }

    /// Returns the status of the process and its mounts.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn status(&self) -> Result<StatusReply, ControlError> {
        self.get("status", QUICK_TIME_MAX).await
    }

    /// Returns the embedded servers of the process, with their passwords.
    ///
    /// # Errors
    /// [`ControlError`]; of kind `UnknownPath` if the process is of an older version.
    pub async fn embedded(&self) -> Result<EmbeddedServers, ControlError> {
        self.get("embedded", QUICK_TIME_MAX).await
    }

    /// Makes the process poll its servers now. Returns what changed.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn refresh(&self, mountpoint: &str) -> Result<Refreshed, ControlError> {
        let mountpoint = Some(mountpoint.to_owned());
        self.refresh_with(&RefreshRequest { mountpoint, ..RefreshRequest::default() }).await
    }

    /// Like [`refresh`](Self::refresh), with options.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn refresh_with(&self, request: &RefreshRequest) -> Result<Refreshed, ControlError> {
        self.post("refresh", request, SERVER_TIME_MAX).await
    }

    /// Returns the statistics of a mount's caches.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn cache_stats(&self, mountpoint: &str) -> Result<CacheStats, ControlError> {
        self.post("cache/stats", &target(mountpoint), QUICK_TIME_MAX).await
    }

    /// Clears the caches of a mount.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn clear_cache(&self, request: &ClearRequest) -> Result<Cleared, ControlError> {
        self.post("cache/clear", request, SERVER_TIME_MAX).await
    }

    /// Changes the tags of torrents in all mounts of the process.
    ///
    /// # Errors
    /// [`ControlError`]; of kind `UnknownPath` if the process is of an older version.
    pub async fn tag(&self, request: &TagRequest) -> Result<Acknowledged, ControlError> {
        self.post("tags", request, QUICK_TIME_MAX).await
    }

    /// Unmounts a mount. Returns where it is still mounted.
    ///
    /// # Errors
    /// [`ControlError`]; of kind `Busy` with the processes that use the mount.
    pub async fn unmount(&self, request: &UnmountRequest) -> Result<Unmounted, ControlError> {
        self.post("unmount", request, UNMOUNT_TIME_MAX).await
    }

    /// Makes a daemon reload its configuration. Returns the result.
    ///
    /// # Errors
    /// [`ControlError`]; of kind `ConfigInvalid` if nothing was applied.
    pub async fn reload(&self) -> Result<Reloaded, ControlError> {
        self.post("reload", &Acknowledged {}, SERVER_TIME_MAX).await
    }

    /// Searches the files of a mount.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn search(&self, request: &SearchRequest) -> Result<SearchAnswer, ControlError> {
        self.post("search", request, SERVER_TIME_MAX).await
    }

    /// Preloads files, and calls `each` with every event until the preload ends. Dropping the
    /// future cancels the preload.
    ///
    /// # Errors
    /// [`ControlError`]; of kind `UnknownFile` if a path does not exist.
    pub async fn preload(
        &self,
        request: &PreloadRequest,
        mut each: impl FnMut(PreloadEvent),
    ) -> Result<(), ControlError> {
        let body = serde_json::to_vec(request).map_err(|error| self.protocol(error))?;
        let request = self.request(Method::POST, "preload", body.into())?;
        let take = |line: &[u8]| {
            let event = serde_json::from_slice(line).map_err(|error| self.protocol(error))?;
            let is_over = matches!(event, PreloadEvent::Ended { .. });
            each(event);
            Ok(is_over)
        };
        match self.read_lines(request, Some(SILENCE_TIME_MAX), || {}, take).await? {
            true => Ok(()),
            false => Err(self.foreign("the answer is incomplete".into())),
        }
    }

    /// Calls `begun` when the process has accepted the request, and then `each` with every event
    /// until the process ends. Dropping the future ends it earlier.
    ///
    /// # Errors
    /// [`ControlError`], if the process does not accept the request; of kind `UnknownPath` if it is
    /// of an older version.
    pub async fn events(
        &self,
        begun: impl FnOnce(),
        mut each: impl FnMut(EventLine),
    ) -> Result<(), ControlError> {
        let request = self.request(Method::GET, "events", Bytes::new())?;
        let mut has_begun = false;
        let begin = || {
            has_begun = true;
            begun();
        };
        let take = |line: &[u8]| {
            // A line of a later version may be of an unknown kind.
            serde_json::from_slice(line).map(&mut each).unwrap_or_default();
            Ok(false)
        };
        match self.read_lines(request, None, begin, take).await {
            Ok(_) => Ok(()),
            // The process has ended.
            Err(ControlError::Protocol { .. }) if has_begun => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sends a request whose answer is lines. Calls `begun` when the process accepts it, and then
    /// `each` with every line until it returns true. `silence_max` limits the wait for a part of
    /// the answer after its first. Returns whether `each` has ended it; otherwise the answer is
    /// over.
    async fn read_lines(
        &self,
        request: Request<Full<Bytes>>,
        silence_max: Option<Duration>,
        begun: impl FnOnce(),
        mut each: impl FnMut(&[u8]) -> Result<bool, ControlError>,
    ) -> Result<bool, ControlError> {
        let silence =
            || ControlError::TimedOut { socket: self.socket.clone(), time_max: SILENCE_TIME_MAX };
        let (mut sender, connection) = self.handshake().await?;
        let mut connection = pin!(connection);
        let exchange = async {
            let response = timeout(SILENCE_TIME_MAX, sender.send_request(request)).await;
            let response = response.map_err(|_elapsed| silence())?;
            let response = response.map_err(|error| self.protocol(error))?;
            let (status, mut body) = (response.status(), response.into_body());
            if status != StatusCode::OK {
                let body = Limited::new(body, LINE_BYTES_MAX).collect().await;
                let body = body.map_err(|source| self.foreign(source))?.to_bytes();
                return Err(refusal(status, &body));
            }
            begun();
            let mut lines = ResponseLines::default();
            loop {
                let frame = match silence_max {
                    None => body.frame().await,
                    Some(silence_max) => {
                        timeout(silence_max, body.frame()).await.map_err(|_elapsed| silence())?
                    }
                };
                let Some(frame) = frame else { return Ok(false) };
                let frame = frame.map_err(|error| self.protocol(error))?;
                lines.push(frame.data_ref().map_or(&[], |data| data));
                while let Some(line) = lines.next() {
                    if each(&line)? {
                        return Ok(true);
                    }
                }
                if lines.is_too_long() {
                    return Err(self.foreign("a line is too long".into()));
                }
            }
        };
        tokio::select! {
            biased;
            exchanged = exchange => exchanged,
            Err(error) = &mut connection => Err(self.protocol(error)),
        }
    }

    async fn get<A: DeserializeOwned>(
        &self,
        path: &str,
        time_max: Duration,
    ) -> Result<A, ControlError> {
        self.call(Method::GET, path, Bytes::new(), time_max).await
    }

    async fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        request: &impl Serialize,
        time_max: Duration,
    ) -> Result<A, ControlError> {
        let body = serde_json::to_vec(request).map_err(|error| self.protocol(error))?;
        self.call(Method::POST, path, body.into(), time_max).await
    }

    async fn call<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        time_max: Duration,
    ) -> Result<A, ControlError> {
        let request = self.request(method, path, body)?;
        match timeout(time_max, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(ControlError::TimedOut { socket: self.socket.clone(), time_max }),
        }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, ControlError> {
        Request::builder()
            .method(method)
            .uri(format!("/v{API_VERSION}/{path}"))
            .header(HOST, "tfs")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| self.protocol(error))
    }

    async fn handshake(&self) -> Result<(Sender, ControlConnection), ControlError> {
        let connection = self.connect().await?;
        let handshake = http1::handshake(TokioIo::new(connection)).await;
        handshake.map_err(|error| self.protocol(error))
    }

    async fn exchange<A: DeserializeOwned>(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<A, ControlError> {
        let (mut sender, connection) = self.handshake().await?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((status, body.to_bytes()))
        };
        // The connection makes progress only while it is polled, and ends with this future.
        let exchanged = tokio::select! {
            biased;
            exchanged = exchange => exchanged,
            Err(error) = connection => Err(error.into()),
        };
        let (status, body) = exchanged
            .map_err(|source| ControlError::Protocol { socket: self.socket.clone(), source })?;
        if status == StatusCode::OK {
            return serde_json::from_slice(&body).map_err(|error| self.protocol(error));
        }
        Err(refusal(status, &body))
    }

    /// Connects to the process. Checks that it belongs to a trusted user.
    async fn connect(&self) -> Result<UnixStream, ControlError> {
        let gone = |source| ControlError::Gone { socket: self.socket.clone(), source };
        let connection = UnixStream::connect(&self.socket).await.map_err(gone)?;
        let uid = connection.peer_cred().map_err(gone)?.uid();
        if uid != 0 && uid != geteuid().as_raw() && !self.trusted_uids.contains(&uid) {
            return Err(ControlError::Foreign { socket: self.socket.clone(), uid });
        }
        Ok(connection)
    }

    fn protocol(&self, source: impl std::error::Error + Send + Sync + 'static) -> ControlError {
        self.foreign(Box::new(source))
    }

    fn foreign(&self, source: Box<dyn std::error::Error + Send + Sync>) -> ControlError {
        ControlError::Protocol { socket: self.socket.clone(), source }
    }
}

fn refusal(status: StatusCode, body: &[u8]) -> ControlError {
    let failure = serde_json::from_slice(body).unwrap_or_else(|_not_ours| {
        FailureBody::new(FailureKind::Unknown, format!("the process answered with status {status}"))
    });
    ControlError::Refused(failure)
}

fn target(mountpoint: &str) -> MountSelector {
    MountSelector { mountpoint: Some(mountpoint.to_owned()) }
}
