//! A scripted server that writes exact bytes, and logs its input.

mod script;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rqbit_client::{Client, ClientConfig, Timeouts};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use self::script::play;
pub(crate) use self::script::{Script, ScriptStep};

/// Longer than any test takes: no wait may end by it.
const NEVER: Duration = Duration::from_secs(600);

/// Short enough for a test to wait for.
pub(crate) const SOON: Duration = Duration::from_millis(50);

/// No time-out ends a test unless the test sets it.
pub(crate) const PATIENT: Timeouts =
    Timeouts { connect: NEVER, headers: NEVER, chunk: NEVER, total: NEVER };

/// A server on a free port of the loopback address.
///
/// The n-th connection plays the n-th script; an additional connection is closed and logged.
pub(crate) struct ScriptedServer {
    address: SocketAddr,
    shared: Arc<ScriptShared>,
    task: JoinHandle<()>,
}

/// State shared by the connections.
struct ScriptShared {
    log: Mutex<Vec<(usize, String)>>,
    /// A script waits here until the test opens the gate.
    gate: Semaphore,
}

impl ScriptShared {
    fn log(&self, connection: usize, line: impl Into<String>) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push((connection, line.into()));
    }
}

impl ScriptedServer {
    /// Starts the server.
    pub(crate) async fn start(scripts: Vec<Script>) -> Self {
        Self::start_with(scripts, None).await
    }

    /// Starts the server with a TLS handshake before each script.
    #[cfg(feature = "tls")]
    pub(crate) async fn start_tls(
        scripts: Vec<Script>,
        tls: Arc<tokio_rustls::rustls::ServerConfig>,
    ) -> Self {
        Self::start_with(scripts, Some(tls.into())).await
    }

    async fn start_with(scripts: Vec<Script>, tls: Option<Acceptor>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("bind to loopback");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(ScriptShared { log: Mutex::default(), gate: Semaphore::new(0) });
        let task = tokio::spawn(accept(listener, scripts, tls, Arc::clone(&shared)));
        Self { address, shared, task }
    }

    /// Returns the address as a URL without a path.
    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }

    /// Returns a client of this server under a path prefix.
    pub(crate) fn client(&self, timeouts: Timeouts) -> Client {
        let base_url = format!("{}/rqbit", self.url("http")).parse().expect("a valid address");
        let config = ClientConfig { timeouts, ..ClientConfig::new(base_url) };
        Client::new(config).expect("set up a client")
    }

    /// Lets a script pass one gate.
    pub(crate) fn open_gate(&self) {
        self.shared.gate.add_permits(1);
    }

    /// Waits until a line was logged `count` times.
    pub(crate) async fn wait_for(&self, line: &str, count: usize) {
        let is_there = || {
            let log = self.shared.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.iter().filter(|it| it.1 == line).count() >= count
        };
        let waiting = async {
            while !is_there() {
                tokio::task::yield_now().await;
            }
        };
        let limit = Duration::from_secs(30);
        tokio::time::timeout(limit, waiting).await.expect("the line is logged");
    }

    /// Waits until every connection has ended, and returns the server's log, by connection.
    pub(crate) async fn finish(self) -> String {
        self.task.await.expect("no script fails");
        let mut log =
            std::mem::take(&mut *self.shared.log.lock().unwrap_or_else(PoisonError::into_inner));
        log.sort_by_key(|&(connection, _)| connection);
        log.iter().fold(String::new(), |mut text, (connection, line)| {
            writeln!(text, "connection {connection}: {line}").expect("write to a string");
            text
        })
    }
}

/// Wraps a socket in TLS; without the feature `tls`, it has no values.
#[cfg(feature = "tls")]
type Acceptor = tokio_rustls::TlsAcceptor;
#[cfg(not(feature = "tls"))]
#[derive(Clone)]
enum Acceptor {}

/// Accepts a connection for each script, and then all additional ones.
async fn accept(
    listener: TcpListener,
    scripts: Vec<Script>,
    tls: Option<Acceptor>,
    shared: Arc<ScriptShared>,
) {
    let mut playing = Vec::new();
    for (idx, script) in scripts.into_iter().enumerate() {
        let (socket, _peer) = listener.accept().await.expect("accept a connection");
        let shared = Arc::clone(&shared);
        let tls = tls.clone();
        playing
            .push(tokio::spawn(async move { serve(idx + 1, socket, tls, script, &shared).await }));
    }
    let mut extra = playing.len();
    // Additional connections arrive before the last script ends, or never.
    for mut it in playing {
        loop {
            tokio::select! {
                biased;
                accepted = listener.accept() => {
                    accepted.expect("accept a connection");
                    extra += 1;
                    shared.log(extra, "nobody expected it");
                }
                played = &mut it => {
                    played.expect("play a script");
                    break;
                }
            }
        }
    }
}

async fn serve(
    idx: usize,
    socket: TcpStream,
    tls: Option<Acceptor>,
    script: Script,
    shared: &ScriptShared,
) {
    match tls {
        None => play(idx, socket, script, shared).await,
        #[cfg(feature = "tls")]
        Some(tls) => match tls.accept(socket).await {
            Ok(socket) => play(idx, socket, script, shared).await,
            Err(_error) => shared.log(idx, "tls handshake failed"),
        },
        #[cfg(not(feature = "tls"))]
        Some(never) => match never {},
    }
}

/// Runs a test on a runtime of its own.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("make a runtime").block_on(test)
}
