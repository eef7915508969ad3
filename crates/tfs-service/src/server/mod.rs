//! A connection to a server, checked before anything else uses it.

pub(crate) mod rqbit_version;

pub use self::rqbit_version::RQBIT_VERSIONS_TESTED;

use std::sync::Arc;
use std::time::Duration;

use rqbit_client::{
    BaseUrl, Client, ClientConfig, Error, ErrorKind, ProxyFailure, TimeoutPhase, Timeouts, TlsError,
};
use tfs_config::ServerSettings;

use crate::on_demand_records::{OnDemandChoice, ServerRecords};

/// Connect timeout. Most servers are on this machine or in this network, and a user at a prompt
/// waits.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// Timeout for the head of an answer. rqbit answers in milliseconds, but a machine that has to spin
/// up its disks takes longer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

/// The port of rqbit's HTTP API, unless another one is chosen.
const RQBIT_PORT: u16 = 3030;

/// The statuses below 500 that ask to try again later (RFC 9110, RFC 8470, RFC 6585).
const BUSY_STATUSES: [u16; 3] = [408, 425, 429];

/// A client of one server. After [`connect`](RqbitServer::connect) it has answered, and is rqbit.
#[derive(Debug, Clone)]
pub struct RqbitServer {
    client: Client,
    /// Where its on-demand torrents are recorded; `None` for the state directory of the user.
    records: Option<Arc<ServerRecords>>,
    /// How torrents are added to it, unless the addition says so.
    on_demand: OnDemandChoice,
}

/// A server of a mount, by its name.
#[derive(Debug, Clone)]
pub(crate) struct NamedServer {
    pub(crate) name: String,
    pub(crate) server: RqbitServer,
}

/// Why a server cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{} rqbit at {url}: {}{}", if self.is_answer() { "cannot use" } else { "cannot reach" },
    self.reason(), .source.kind())]
pub struct ConnectError {
    /// The server's URL.
    pub url: BaseUrl,
    /// The cause.
    #[source]
    pub source: Error,
}

/// Classes of [`ConnectError`] that call for different action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerFailure {
    /// No server accepts the connection.
    Unreachable,
    /// The server answers too late.
    TimedOut,
    /// The proxy cannot be reached, or cannot reach the server.
    Proxy,
    /// The proxy requires other credentials.
    ProxyUnauthorized,
    /// The TLS handshake fails.
    Tls,
    /// The server requires a certificate of its clients, or does not accept the given one.
    ClientCertificate,
    /// An identity provider in front of the server requires a login.
    LoginPage,
    /// The credentials are missing or wrong.
    Unauthorized,
    /// The server, or a proxy in front of it, forbids the call (status 403).
    Forbidden,
    /// The server, or a proxy in front of it, asks to try again later (status 408, 425 or 429).
    Busy,
    /// The server is not rqbit, or redirects to another address.
    NotRqbit,
    /// rqbit returns an error.
    Failed,
}

impl RqbitServer {
    /// Connects to a server and requests its version.
    ///
    /// `chunk_time_max` is the stall timeout of a byte stream.
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

    /// Returns a client without sending anything; the server may be down.
    pub(crate) fn new(
        settings: &ServerSettings,
        chunk_time_max: Duration,
    ) -> Result<Self, ConnectError> {
        let mut config = ClientConfig::new(settings.url.clone());
        config.credentials.clone_from(&settings.credentials);
        config.access.clone_from(&settings.access);
        config.timeouts = Timeouts {
            connect: CONNECT_TIME_MAX,
            headers: ANSWER_TIME_MAX,
            chunk: chunk_time_max,
            ..Timeouts::default()
        };
        let client = Client::new(config)
            .map_err(|source| ConnectError { url: settings.url.clone(), source })?;
        Ok(Self { client, records: None, on_demand: OnDemandChoice::default() })
    }

    /// Sets where its on-demand torrents are recorded.
    pub(crate) fn with_records(mut self, records: ServerRecords) -> Self {
        self.records = Some(Arc::new(records));
        self
    }

    /// Sets how torrents are added to it, unless an addition chooses.
    #[must_use]
    pub fn with_on_demand(mut self, on_demand: OnDemandChoice) -> Self {
        self.on_demand = on_demand;
        self
    }

    /// Returns where its on-demand torrents are recorded, if that is set.
    pub(crate) fn records(&self) -> Option<&Arc<ServerRecords>> {
        self.records.as_ref()
    }

    /// Returns how torrents are added to it.
    pub(crate) fn on_demand(&self) -> &OnDemandChoice {
        &self.on_demand
    }

    /// Requests and returns the version, which shows that the server is up and is rqbit.
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
    /// Returns the class of the error.
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
            ErrorKind::Proxy { failure: ProxyFailure::Unauthorized, .. } => {
                ServerFailure::ProxyUnauthorized
            }
            ErrorKind::Proxy { .. } => ServerFailure::Proxy,
            ErrorKind::Tls(
                TlsError::ClientCertificateMissing | TlsError::ClientCertificateRefused,
            ) => ServerFailure::ClientCertificate,
            ErrorKind::Tls(
                TlsError::NotBuilt
                | TlsError::NoRoots
                | TlsError::Certificate
                | TlsError::Handshake,
            ) => ServerFailure::Tls,
            ErrorKind::LoginPage { .. } => ServerFailure::LoginPage,
            ErrorKind::Unauthorized => ServerFailure::Unauthorized,
            ErrorKind::Status(answer) if answer.status == 403 => ServerFailure::Forbidden,
            ErrorKind::Status(answer) if BUSY_STATUSES.contains(&answer.status) => {
                ServerFailure::Busy
            }
            // A server that is not rqbit answers `GET /` or `GET /torrents` with an error or with
            // something that is not rqbit's JSON.
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

    /// Returns the command that starts an rqbit at this address, without its directory: if it is
    /// one of this machine, and no program listens there.
    #[must_use]
    pub fn start_command(&self) -> Option<String> {
        let Self { url, source } = self;
        let is_here = url.is_loopback() && !url.is_https() && url.prefix() == "/";
        let is_free = matches!(source.kind(), ErrorKind::Refused);
        let listen = match url.port() {
            RQBIT_PORT => String::new(),
            port => format!(" --http-api-listen-addr 127.0.0.1:{port}"),
        };
        (is_here && is_free).then(|| format!("rqbit{listen} server start"))
    }

    /// Returns whether a program of this machine accepts connections at this address, and closes
    /// them without an answer.
    #[must_use]
    pub fn is_closed_by_program(&self) -> bool {
        let is_closed =
            matches!(self.source.kind(), ErrorKind::Closed | ErrorKind::ShortBody { .. });
        self.url.is_loopback() && is_closed
    }

    fn is_answer(&self) -> bool {
        match self.fault() {
            ServerFailure::Unreachable
            | ServerFailure::TimedOut
            | ServerFailure::Proxy
            | ServerFailure::ProxyUnauthorized
            | ServerFailure::Tls => false,
            ServerFailure::Unauthorized
            | ServerFailure::ClientCertificate
            | ServerFailure::LoginPage
            | ServerFailure::Forbidden
            | ServerFailure::Busy
            | ServerFailure::NotRqbit
            | ServerFailure::Failed => true,
        }
    }

    /// Returns the meaning of a status code, for answers without a message.
    fn reason(&self) -> &'static str {
        match self.fault() {
            ServerFailure::Forbidden => "access is forbidden: ",
            ServerFailure::Busy => "the server is busy: ",
            ServerFailure::Unreachable
            | ServerFailure::TimedOut
            | ServerFailure::Proxy
            | ServerFailure::ProxyUnauthorized
            | ServerFailure::Tls
            | ServerFailure::ClientCertificate
            | ServerFailure::LoginPage
            | ServerFailure::Unauthorized
            | ServerFailure::NotRqbit
            | ServerFailure::Failed => "",
        }
    }

    /// Returns whether a mount starts nevertheless and retries: the server may recover by itself. A
    /// server that is not rqbit never becomes one.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.source.is_retryable() && self.fault() != ServerFailure::NotRqbit
    }
}
