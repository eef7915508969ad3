//! A connection to a server, checked before anything is built on it.

use std::time::Duration;

use rqbit_client::{
    BaseUrl, Client, ClientConfig, Credentials, Error, ErrorKind, TimeoutPhase, Timeouts,
};

/// How long a server may take to accept a connection. Most are on this machine or this network;
/// a user at a prompt waits for it.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// How long a server may take to begin an answer. rqbit answers in milliseconds, but a machine
/// that just woke its disks does not.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

/// The statuses below 500 that ask to try again later (RFC 9110, RFC 8470, RFC 6585).
const BUSY_STATUSES: [u16; 3] = [408, 425, 429];

/// Where a server is and who we are to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSettings {
    /// The address of its API.
    pub url: BaseUrl,
    /// Who we are, if it asks.
    pub credentials: Option<Credentials>,
}

/// A client of one server. After [`connect`](RqbitServer::connect) it has answered, and is rqbit.
#[derive(Debug, Clone)]
pub struct RqbitServer {
    client: Client,
}

/// Why a server cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{} rqbit at {url}: {}{}", if self.is_answer() { "cannot use" } else { "cannot reach" },
    self.reason(), .source.kind())]
pub struct ConnectError {
    /// Which server.
    pub url: BaseUrl,
    /// What went wrong.
    #[source]
    pub source: Error,
}

/// The classes of [`ConnectError`] that call for different action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerFailure {
    /// Nobody answers.
    Unreachable,
    /// Somebody answers too late.
    TimedOut,
    /// TLS cannot be agreed on.
    Tls,
    /// The credentials are missing or wrong.
    Unauthorized,
    /// The server, or a proxy in front of it, forbids the call (status 403).
    Forbidden,
    /// The server, or a proxy in front of it, asks to try again later (status 408, 425 or 429).
    Busy,
    /// Whoever answers is not rqbit, or sends us elsewhere.
    NotRqbit,
    /// rqbit answers with an error.
    Failed,
}

impl RqbitServer {
    /// Connects to a server and asks for its version.
    ///
    /// `chunk_time_max` is how long a byte stream may stay silent.
    ///
    /// # Errors
    /// [`ConnectError`] within half a minute.
    pub async fn connect(
        settings: &ServerSettings,
        chunk_time_max: Duration,
    ) -> Result<Self, ConnectError> {
        let server = Self::new(settings, chunk_time_max)?;
        server.check().await?;
        Ok(server)
    }

    /// Returns a server that may or may not be there; nothing is sent.
    pub(crate) fn new(
        settings: &ServerSettings,
        chunk_time_max: Duration,
    ) -> Result<Self, ConnectError> {
        let mut config = ClientConfig::new(settings.url.clone());
        config.credentials.clone_from(&settings.credentials);
        config.timeouts = Timeouts {
            connect: CONNECT_TIME_MAX,
            headers: ANSWER_TIME_MAX,
            chunk: chunk_time_max,
            ..Timeouts::default()
        };
        let client = Client::new(config)
            .map_err(|source| ConnectError { url: settings.url.clone(), source })?;
        Ok(Self { client })
    }

    /// Asks for the version, which shows that the server is there and is rqbit, and returns it.
    pub(crate) async fn check(&self) -> Result<String, ConnectError> {
        let url = self.client.base_url();
        let failed = |source| ConnectError { url: url.clone(), source };
        let version = self.client.server_info().await.map_err(failed)?.version;
        tracing::debug!(%url, version, "connected");
        Ok(version)
    }

    /// Returns the client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }
}

impl ConnectError {
    /// Returns what class of fault it is.
    #[must_use]
    pub fn fault(&self) -> ServerFailure {
        match self.source.kind() {
            ErrorKind::Resolve
            | ErrorKind::Refused
            | ErrorKind::Connect
            | ErrorKind::Closed
            | ErrorKind::ShortBody { .. } => ServerFailure::Unreachable,
            ErrorKind::Timeout { phase } => match phase {
                TimeoutPhase::Resolve | TimeoutPhase::Connect => ServerFailure::Unreachable,
                TimeoutPhase::Tls
                | TimeoutPhase::Headers
                | TimeoutPhase::Chunk
                | TimeoutPhase::Total => ServerFailure::TimedOut,
            },
            ErrorKind::Tls(_) => ServerFailure::Tls,
            ErrorKind::Unauthorized => ServerFailure::Unauthorized,
            ErrorKind::Status(answer) if answer.status == 403 => ServerFailure::Forbidden,
            ErrorKind::Status(answer) if BUSY_STATUSES.contains(&answer.status) => {
                ServerFailure::Busy
            }
            // A server that is not rqbit answers `GET /` or `GET /torrents` in its own way, with
            // an error or with something that is no JSON of rqbit's.
            ErrorKind::Status(answer) if answer.error_kind.is_none() && answer.status < 500 => {
                ServerFailure::NotRqbit
            }
            ErrorKind::NotRqbit { .. }
            | ErrorKind::MalformedJson { .. }
            | ErrorKind::Protocol { .. }
            | ErrorKind::BodyTooLarge { .. }
            | ErrorKind::LongBody
            | ErrorKind::WrongRange { .. }
            | ErrorKind::Redirect { .. } => ServerFailure::NotRqbit,
            ErrorKind::Status(_) | ErrorKind::NotFound(_) | ErrorKind::Initializing => {
                ServerFailure::Failed
            }
        }
    }

    fn is_answer(&self) -> bool {
        match self.fault() {
            ServerFailure::Unreachable | ServerFailure::TimedOut | ServerFailure::Tls => false,
            ServerFailure::Unauthorized
            | ServerFailure::Forbidden
            | ServerFailure::Busy
            | ServerFailure::NotRqbit
            | ServerFailure::Failed => true,
        }
    }

    /// Returns what the number of a status means, where the answer itself need not say so.
    fn reason(&self) -> &'static str {
        match self.fault() {
            ServerFailure::Forbidden => "access is forbidden: ",
            ServerFailure::Busy => "the server is busy: ",
            ServerFailure::Unreachable
            | ServerFailure::TimedOut
            | ServerFailure::Tls
            | ServerFailure::Unauthorized
            | ServerFailure::NotRqbit
            | ServerFailure::Failed => "",
        }
    }

    /// Returns whether a mount comes up all the same and tries again: the server may recover by
    /// itself. A server that is not rqbit never becomes one.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.source.is_retryable() && self.fault() != ServerFailure::NotRqbit
    }
}
