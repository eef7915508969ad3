//! Opens connections: name resolution, TCP connect, TLS handshake.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use super::connection::{HttpConnection, Io};
use super::pool::ConnectionPool;
use super::tls::Tls;
use super::tunnel;
use crate::direct::InlineClient;
use crate::error::CallFailure;
use crate::{BaseUrl, ErrorKind, Proxy, ProxyFailure, TimeoutPhase};

/// Maximum number of addresses that are tried. A host with more is not one server.
const ADDRESSES_MAX: usize = 8;

/// A pending name resolution.
type Resolving = Pin<Box<dyn Future<Output = Result<Vec<SocketAddr>, CallFailure>> + Send>>;

/// The server that connections go to, or its proxy.
pub(super) struct DialTarget {
    /// Host and port of the first hop: of the proxy, if there is one.
    host: String,
    port: u16,
    server: BaseUrl,
    proxy: Option<Proxy>,
    tls: Option<Tls>,
    direct: Arc<InlineClient>,
    /// Whether all connections so far went to addresses of this machine. Held for one access.
    is_own: Mutex<Option<bool>>,
    /// The pending name resolution, whose result a later call takes. Held for one access.
    resolving: Mutex<Option<Resolving>>,
}

impl DialTarget {
    /// Creates the target of a server. Without TLS, `direct` gets the addresses of its connections.
    pub(super) fn new(
        base_url: &BaseUrl,
        proxy: Option<Proxy>,
        tls: Option<Tls>,
        direct: Arc<InlineClient>,
    ) -> Self {
        let (host, port) = match &proxy {
            Some(proxy) => (proxy.host(), proxy.port()),
            None => (base_url.host(), base_url.port()),
        };
        Self {
            host,
            port,
            server: base_url.clone(),
            // The server is somewhere behind the proxy, even if the proxy is on this machine.
            is_own: Mutex::new(proxy.as_ref().map(|_| false)),
            proxy,
            tls,
            direct,
            resolving: Mutex::default(),
        }
    }

    /// Returns whether all connections so far went to addresses of this machine; `None` before the
    /// first.
    pub(super) fn is_own(&self) -> Option<bool> {
        *lock(&self.is_own)
    }

    /// Runs the work of a call. Meanwhile the name is resolved again, if the inline client needs
    /// it. A resolution that takes longer than the call is taken over by a later call, so that no
    /// call waits for the resolver and no task is needed. If the server has moved, the connections
    /// of `pool` are closed too.
    ///
    /// # Cancel safety
    /// As that of `work`; the name is then resolved by a later call.
    pub(super) async fn with_fresh_address<T>(
        &self,
        pool: &ConnectionPool,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> T {
        let mut resolving = self.resolving(limit);
        let mut work = pin!(work);
        let done = poll_fn(|cx| {
            if let Some(answer) = &mut resolving
                && let Poll::Ready(answer) = answer.as_mut().poll(cx)
            {
                resolving = None;
                self.on_resolved(answer, pool);
            }
            work.as_mut().poll(cx)
        });
        let done = done.await;
        if resolving.is_some() {
            *lock(&self.resolving) = resolving;
        }
        done
    }

    /// Returns the pending name resolution, or starts one if it is due.
    fn resolving(&self, limit: Duration) -> Option<Resolving> {
        let known = lock(&self.resolving).take();
        known.or_else(|| {
            let host = self.direct.wants_resolving().then(|| self.host.clone())?;
            let port = self.port;
            let answer =
                async move { within(limit, TimeoutPhase::Resolve, resolve(&host, port)).await };
            Some(Box::pin(answer) as Resolving)
        })
    }

    fn on_resolved(&self, answer: Result<Vec<SocketAddr>, CallFailure>, pool: &ConnectionPool) {
        match answer {
            Ok(addresses) if self.direct.on_resolved(&addresses) => {
                tracing::info!(host = self.host, "the address of the server has changed");
                pool.clear();
            }
            Ok(_) => {}
            Err(CallFailure { kind, .. }) => {
                tracing::debug!(host = self.host, ?kind, "cannot resolve the name");
            }
        }
    }

    /// Opens a connection, all phases together within `limit`.
    pub(super) async fn dial(&self, limit: Duration) -> Result<HttpConnection, CallFailure> {
        let begin = Instant::now();
        let left = || limit.saturating_sub(begin.elapsed());
        let tcp = self.first_hop(&left).await;
        let mut tcp = match &self.proxy {
            Some(proxy) => tcp.map_err(|failure| tunnel::connect_failure(proxy, failure))?,
            None => tcp?,
        };
        self.note_machine(&tcp);
        let io: Box<dyn Io> = match &self.tls {
            None => {
                if let Ok(address) = tcp.peer_addr() {
                    self.direct.on_reached(address);
                }
                Box::new(tcp)
            }
            Some(tls) => {
                if let Some(proxy) = &self.proxy {
                    let opening = tunnel::open(proxy, &self.server, &mut tcp);
                    let opened = timeout(left(), opening).await;
                    let late = |_| Err(tunnel::failure_of(proxy, ProxyFailure::TimedOut));
                    opened.unwrap_or_else(late)?;
                }
                within(left(), TimeoutPhase::Tls, tls.handshake(tcp)).await?
            }
        };
        HttpConnection::new(io).await.map_err(super::hyper_failure)
    }

    /// Connects to the proxy, or to the server if there is none.
    async fn first_hop(&self, left: impl Fn() -> Duration) -> Result<TcpStream, CallFailure> {
        let resolving = resolve(&self.host, self.port);
        let addresses = within(left(), TimeoutPhase::Resolve, resolving).await?;
        connect(&addresses, left).await
    }

    /// Records whether a connection goes to this machine: both ends have the same address, or the
    /// peer is loopback. A server that was remote once counts as remote from then on, as the next
    /// connection may be remote again.
    fn note_machine(&self, tcp: &TcpStream) {
        let (Ok(peer), Ok(local)) = (tcp.peer_addr(), tcp.local_addr()) else { return };
        let (peer, local) = (peer.ip().to_canonical(), local.ip().to_canonical());
        let is_own = peer.is_loopback() || peer == local;
        let mut known = lock(&self.is_own);
        *known = Some(is_own && known.unwrap_or(true));
    }
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, CallFailure> {
    let addresses = lookup_host((host, port)).await;
    let addresses = addresses.map_err(|error| CallFailure::new(ErrorKind::Resolve, error))?;
    Ok(addresses.take(ADDRESSES_MAX).collect())
}

/// Nothing panics under these locks, and the protected state is consistent after each step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connects to the first address that accepts.
///
/// Sequentially, each with an equal share of the remaining time, so that an address that drops
/// packets does not use up the time of the next. Racing them would be faster for hosts with a
/// broken IPv6, but the intended servers have one or two addresses on one machine.
async fn connect(
    addresses: &[SocketAddr],
    left: impl Fn() -> Duration,
) -> Result<TcpStream, CallFailure> {
    let mut last = CallFailure::from(ErrorKind::Resolve);
    for (tried, address) in addresses.iter().enumerate() {
        let share = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX).max(1);
        let attempt = async { TcpStream::connect(address).await.map_err(connect_failure) };
        match within(left() / share, TimeoutPhase::Connect, attempt).await {
            Ok(tcp) => {
                // Requests are single small writes; waiting for more data only delays them.
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

/// Runs one phase within its time limit.
async fn within<T>(
    limit: Duration,
    phase: TimeoutPhase,
    work: impl Future<Output = Result<T, CallFailure>>,
) -> Result<T, CallFailure> {
    timeout(limit, work).await.unwrap_or_else(|_elapsed| Err(ErrorKind::Timeout { phase }.into()))
}

/// Converts the error of a connect into its kind.
fn connect_failure(error: io::Error) -> CallFailure {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is std's and open")]
    let kind = match error.kind() {
        io::ErrorKind::ConnectionRefused => ErrorKind::Refused,
        io::ErrorKind::TimedOut => ErrorKind::Timeout { phase: TimeoutPhase::Connect },
        io::ErrorKind::ConnectionReset => ErrorKind::Closed,
        _ => ErrorKind::Connect,
    };
    CallFailure::new(kind, error)
}
