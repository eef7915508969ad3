//! Making a connection: resolve, connect, shake hands.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use super::connection::{Connection, Io};
use super::tls::Tls;
use crate::direct::DirectWay;
use crate::error::Failure;
use crate::{BaseUrl, ErrorKind, TimeoutPhase};

/// A host with more addresses than this is not one server.
const ADDRESSES_MAX: usize = 8;

/// Where connections go.
pub(super) struct Target {
    host: String,
    port: u16,
    tls: Option<Tls>,
    direct: Arc<DirectWay>,
}

impl Target {
    /// Makes the target of a server. Where it is reached without TLS, `direct` is told.
    pub(super) fn new(base_url: &BaseUrl, tls: Option<Tls>, direct: Arc<DirectWay>) -> Self {
        Self { host: base_url.host(), port: base_url.port(), tls, direct }
    }

    /// Makes a connection, all phases together within `limit`.
    pub(super) async fn dial(&self, limit: Duration) -> Result<Connection, Failure> {
        let begin = Instant::now();
        let left = || limit.saturating_sub(begin.elapsed());
        let addresses = within(left(), TimeoutPhase::Resolve, self.resolve()).await?;
        let tcp = connect(&addresses, left).await?;
        let io: Box<dyn Io> = match &self.tls {
            None => {
                if let Ok(address) = tcp.peer_addr() {
                    self.direct.on_reached(address);
                }
                Box::new(tcp)
            }
            Some(tls) => within(left(), TimeoutPhase::Tls, tls.handshake(tcp)).await?,
        };
        Connection::new(io).await.map_err(super::hyper_failure)
    }

    async fn resolve(&self) -> Result<Vec<SocketAddr>, Failure> {
        let addresses = lookup_host((self.host.as_str(), self.port)).await;
        let addresses = addresses.map_err(|error| Failure::new(ErrorKind::Resolve, error))?;
        Ok(addresses.take(ADDRESSES_MAX).collect())
    }
}

/// Connects to the first address that answers.
///
/// One after the other, each with a fair share of the time that is left, so that one that swallows
/// packets does not use up the time of the next. Racing them would be faster for hosts with a
/// broken IPv6; the servers meant here have one address or two on one machine.
async fn connect(
    addresses: &[SocketAddr],
    left: impl Fn() -> Duration,
) -> Result<TcpStream, Failure> {
    let mut last = Failure::from(ErrorKind::Resolve);
    for (tried, address) in addresses.iter().enumerate() {
        let share = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX).max(1);
        let attempt = async { TcpStream::connect(address).await.map_err(connect_failure) };
        match within(left() / share, TimeoutPhase::Connect, attempt).await {
            Ok(tcp) => {
                // Requests are single small writes, waiting for more of them only delays.
                if let Err(error) = tcp.set_nodelay(true) {
                    tracing::debug!(%error, "cannot set TCP_NODELAY");
                }
                return Ok(tcp);
            }
            Err(failure) => last = failure,
        }
    }
    Err(last)
}

/// Runs one phase within its time.
async fn within<T>(
    limit: Duration,
    phase: TimeoutPhase,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    timeout(limit, work).await.unwrap_or_else(|_elapsed| Err(ErrorKind::Timeout { phase }.into()))
}

/// Turns the error of a connect into its kind.
fn connect_failure(error: io::Error) -> Failure {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is std's and open")]
    let kind = match error.kind() {
        io::ErrorKind::ConnectionRefused => ErrorKind::Refused,
        io::ErrorKind::TimedOut => ErrorKind::Timeout { phase: TimeoutPhase::Connect },
        io::ErrorKind::ConnectionReset => ErrorKind::Closed,
        _ => ErrorKind::Connect,
    };
    Failure::new(kind, error)
}
