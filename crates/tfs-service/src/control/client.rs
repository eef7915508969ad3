//! The client: one request to one process, with a limit on everything that the process can make
//! last.

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
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::lines::{LINE_BYTES_MAX, ResponseLines};
use super::wire::{
    API_VERSION, Acknowledged, CacheStats, ClearRequest, Cleared, EmbeddedServers, FailureBody,
    FailureKind, MountSelector, PreloadEvent, PreloadRequest, ProcessMounts, RefreshRequest,
    Refreshed, Reloaded, SearchAnswer, SearchRequest, StatusReply, UnmountRequest, Unmounted,
};
use crate::limit_text::limit_text;

/// How long an answer from memory may take. It takes milliseconds; a process that is stopped never
/// answers.
const QUICK_TIME_MAX: Duration = Duration::from_secs(5);

/// How long an answer may take for which the process asks a server: the client of that gives up
/// after half a minute, and a first look at ten thousand torrents takes as long.
const SERVER_TIME_MAX: Duration = Duration::from_secs(120);

/// How long a clean end may take: two seconds for those who use the mount, some for what a server
/// inside the process has to save, three for the search for who is in the way.
const UNMOUNT_TIME_MAX: Duration = Duration::from_secs(60);

/// The most that an answer may hold: a search for a hundred thousand files has some 30 MB.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// How long an answer of many lines may be silent. There are some a second.
const SILENCE_TIME_MAX: Duration = Duration::from_secs(30);

type Sender = http1::SendRequest<Full<Bytes>>;
type ControlConnection = http1::Connection<TokioIo<UnixStream>, Full<Bytes>>;

/// Talks to one process. Each request is a connection of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlClient {
    socket: PathBuf,
    /// The users whose processes are believed, beside this one and root.
    trusted_uids: BTreeSet<u32>,
}

/// Why a process was not asked or did not do it. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody listens: the process is gone.
    #[error("reach the process behind {}", socket.display())]
    Gone {
        /// Where it listened.
        socket: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Whoever listens is another user.
    #[error("trust {}: user {uid} listens there", socket.display())]
    Foreign {
        /// Where.
        socket: PathBuf,
        /// Who.
        uid: u32,
    },
    /// The process did not answer in time.
    #[error("get an answer from {} within {}", socket.display(), limit_text(*time_max))]
    TimedOut {
        /// Who was asked.
        socket: PathBuf,
        /// How long it had.
        time_max: Duration,
    },
    /// The connection broke, or what came is no answer of tfs.
    #[error("understand the answer of {}", socket.display())]
    Protocol {
        /// Who was asked.
        socket: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The process says that it could not do it.
    #[error(transparent)]
    Refused(#[from] FailureBody),
}

impl ControlError {
    /// Returns the same as a sentence that fits behind a colon.
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
                format!("the answer of {} is not understood: {source}", socket.display())
            }
            Self::Refused(failure) => failure.to_string(),
        }
    }
}

impl ControlClient {
    /// Returns the client of whoever listens on a socket.
    #[must_use]
    pub fn new(socket: PathBuf) -> Self {
        Self { socket, trusted_uids: BTreeSet::new() }
    }

    /// Believes the processes of these users too. For root, who asks about their mounts.
    #[must_use]
    pub(super) fn trusting(self, uids: BTreeSet<u32>) -> Self {
        Self { trusted_uids: uids, ..self }
    }

    /// Returns where the process listens.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Returns what the process has mounted.
    ///
    /// # Errors
    /// [`ControlError`], as for all requests.
    pub async fn mounts(&self) -> Result<ProcessMounts, ControlError> {
        self.get("mounts", QUICK_TIME_MAX).await
    }

    /// Returns all that the process knows of itself.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn status(&self) -> Result<StatusReply, ControlError> {
        self.get("status", QUICK_TIME_MAX).await
    }

    /// Returns the servers that run inside the process, with the passwords for them.
    ///
    /// # Errors
    /// [`ControlError`]; of kind `UnknownPath` if the process is of an older version.
    pub async fn embedded(&self) -> Result<EmbeddedServers, ControlError> {
        self.get("embedded", QUICK_TIME_MAX).await
    }

    /// Has the process look at the server now, and returns what changed.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn refresh(&self, mountpoint: &str) -> Result<Refreshed, ControlError> {
        let mountpoint = Some(mountpoint.to_owned());
        self.refresh_with(&RefreshRequest { mountpoint, ..RefreshRequest::default() }).await
    }

    /// Does what [`refresh`](Self::refresh) does, with options.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn refresh_with(&self, request: &RefreshRequest) -> Result<Refreshed, ControlError> {
        self.post("refresh", request, SERVER_TIME_MAX).await
    }

    /// Returns what a mount keeps.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn cache_stats(&self, mountpoint: &str) -> Result<CacheStats, ControlError> {
        self.post("cache/stats", &target(mountpoint), QUICK_TIME_MAX).await
    }

    /// Has a mount drop what it keeps.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn clear_cache(&self, request: &ClearRequest) -> Result<Cleared, ControlError> {
        self.post("cache/clear", request, SERVER_TIME_MAX).await
    }

    /// Ends a mount, and returns where it is still mounted.
    ///
    /// # Errors
    /// [`ControlError`]; of kind `Busy` with those who use it.
    pub async fn unmount(&self, request: &UnmountRequest) -> Result<Unmounted, ControlError> {
        self.post("unmount", request, UNMOUNT_TIME_MAX).await
    }

    /// Has a daemon reload its configuration, and returns what came of it.
    ///
    /// # Errors
    /// [`ControlError`]; of kind `ConfigInvalid` if all stays as it was.
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

    /// Has files preloaded, and calls `each` with what happens until that is over. Dropping the
    /// future gives the preload up.
    ///
    /// # Errors
    /// [`ControlError`]; of kind `UnknownFile` if a path leads nowhere.
    pub async fn preload(
        &self,
        request: &PreloadRequest,
        mut each: impl FnMut(PreloadEvent),
    ) -> Result<(), ControlError> {
        let body = serde_json::to_vec(request).map_err(|error| self.protocol(error))?;
        let request = self.request(Method::POST, "preload", body.into())?;
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
            let mut lines = ResponseLines::default();
            loop {
                let frame = timeout(SILENCE_TIME_MAX, body.frame()).await;
                let Some(frame) = frame.map_err(|_elapsed| silence())? else {
                    return Err(self.foreign("the answer breaks off".into()));
                };
                let frame = frame.map_err(|error| self.protocol(error))?;
                lines.push(frame.data_ref().map_or(&[], |data| data));
                while let Some(line) = lines.next() {
                    let event = serde_json::from_slice(&line);
                    let event = event.map_err(|error| self.protocol(error))?;
                    let is_over = matches!(event, PreloadEvent::Ended { .. });
                    each(event);
                    if is_over {
                        return Ok(());
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
        // The connection moves only while it is polled, and ends with this future.
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

    /// Connects to the process, and makes sure that it is one of this user or of root.
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
        FailureBody::new(FailureKind::Unknown, format!("the process answers with {status}"))
    });
    ControlError::Refused(failure)
}

fn target(mountpoint: &str) -> MountSelector {
    MountSelector { mountpoint: Some(mountpoint.to_owned()) }
}
