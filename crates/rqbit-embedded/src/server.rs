//! A running server: start, addresses, shutdown.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use librqbit::http_api::{HttpApi, HttpApiOptions};
use librqbit::{Api, Session};
use librqbit_dualstack_sockets::{BindOpts, TcpListener};
use tokio::task::{AbortHandle, JoinError};

use crate::config::{ApiCredentials, EmbeddedConfig};
use crate::dir::{self, SessionLock};
use crate::error::{BoxedError, EmbeddedError, EmbeddedErrorKind};
use crate::metainfo::SeedOptions;
use crate::peer_lookup::PeerLookup;
use crate::runtime::ServerRuntime;
use crate::seed::{self, SeededTorrent};
use crate::session;

/// How long [`EmbeddedServer::stop`] waits for tasks to end by themselves. They write the
/// bitfields, a few KiB for each torrent; only a failing disk needs longer.
const STOP_IDLE_MAX: Duration = Duration::from_secs(2);

/// Maximum time for the runtime to end. Its threads are detached afterwards.
const SHUTDOWN_MAX: Duration = Duration::from_secs(2);

/// A librqbit session with its HTTP API on a loopback port.
///
/// Dropping it ends every task of the server without waiting and without saving, as if the process
/// had been killed; [`EmbeddedServer::stop`] shuts it down cleanly.
pub struct EmbeddedServer {
    api_addr: SocketAddr,
    dir: PathBuf,
    session: Arc<Session>,
    /// Ends the accept loop. The connections it accepted end with the runtime.
    http: AbortHandle,
    /// Comes before the lock: fields are dropped in order.
    runtime: ServerRuntime,
    _lock: Option<SessionLock>,
}

impl EmbeddedServer {
    /// Starts a server. Its API answers when this returns; torrents of a persistent session are
    /// listed, and may still be `initializing`.
    ///
    /// # Errors
    /// See [`EmbeddedErrorKind`] for each possible cause.
    ///
    /// # Cancel safety
    /// Dropping the future ends the parts already started.
    pub async fn start(config: EmbeddedConfig) -> Result<Self, EmbeddedError> {
        let context = config.dir.clone();
        let fail_session = |e: BoxedError| {
            EmbeddedError::new(EmbeddedErrorKind::StartSession, context.display(), e)
        };
        let runtime = ServerRuntime::new().map_err(|e| fail_session(e.into()))?;
        let launched = runtime.spawn(launch(config)).await;
        let Launched { api_addr, dir, session, http, lock } =
            launched.map_err(|e: JoinError| fail_session(e.into()))??;
        Ok(Self { api_addr, dir, session, http, runtime, _lock: lock })
    }

    /// Returns the address of the HTTP API: 127.0.0.1 and the configured or automatic port.
    pub fn api_addr(&self) -> SocketAddr {
        self.api_addr
    }

    /// Returns the address for other peers, `None` if the server does not listen. In
    /// [`Network::Internet`](crate::Network::Internet) it listens on every address, and only the
    /// port is meaningful.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.session.listen_addr()
    }

    /// Returns the directory of the files, absolute and without symlinks.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns what finds peers of the server's torrents. It does not keep the server.
    pub fn peer_lookup(&self) -> PeerLookup {
        PeerLookup::new(&self.session, self.runtime.handle())
    }

    /// Creates a torrent from a file or directory, and seeds it from there.
    ///
    /// All data is read twice: once to create the torrent, once by rqbit to check it. rqbit opens
    /// the files for writing once, so they must be writable; they are not changed. Symlinks and
    /// other special files in the directory are skipped.
    ///
    /// # Errors
    /// [`EmbeddedErrorKind::CreateTorrent`] or [`EmbeddedErrorKind::SeedTorrent`].
    ///
    /// # Cancel safety
    /// Not cancel safe: after the future is dropped the session may or may not contain the torrent.
    pub async fn seed(
        &self,
        path: &Path,
        options: SeedOptions,
    ) -> Result<SeededTorrent, EmbeddedError> {
        let task = seed::seed(Arc::clone(&self.session), path.to_owned(), options);
        self.runtime.spawn(task).await.unwrap_or_else(|e: JoinError| {
            Err(EmbeddedError::new(EmbeddedErrorKind::SeedTorrent, path.display(), e))
        })
    }

    /// Stops every torrent, saves the session, and ends the server, within 4 seconds.
    ///
    /// Close HTTP connections first: rqbit saves the last pieces of the bitfields when the last one
    /// has closed. Open connections cost the full time. Unsaved pieces are hashed or downloaded
    /// again after the next start, and never mistaken for others.
    ///
    /// # Cancel safety
    /// Dropping the future has the effect of dropping the server.
    pub async fn stop(self) {
        let Self { session, http, runtime, _lock, .. } = self;
        http.abort();
        // Not `Session::stop`: it sleeps for a second instead of polling for completion.
        session.cancellation_token().cancel();
        drop(session);
        if !runtime.wait_idle(STOP_IDLE_MAX).await {
            tracing::debug!(
                "HTTP clients of the embedded rqbit are still connected; \
                             disconnecting them"
            );
        }
        runtime.shutdown(SHUTDOWN_MAX).await;
    }

    /// Ends the server at once and waits for its end, at most 2 seconds. It leaves the state of a
    /// crash, for tests of restarts.
    pub async fn kill(self) {
        let Self { session, runtime, _lock, .. } = self;
        drop(session);
        runtime.shutdown(SHUTDOWN_MAX).await;
    }
}

impl fmt::Debug for EmbeddedServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedServer")
            .field("api_addr", &self.api_addr)
            .field("peer_addr", &self.peer_addr())
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

/// The parts of a server, created on its runtime and passed to its owner.
struct Launched {
    api_addr: SocketAddr,
    dir: PathBuf,
    session: Arc<Session>,
    http: AbortHandle,
    lock: Option<SessionLock>,
}

/// Starts the session and the HTTP API. Runs on the server's runtime and may block there.
async fn launch(mut config: EmbeddedConfig) -> Result<Launched, EmbeddedError> {
    let dir = dir::prepare(&config.dir)?;
    let mut lock = None;
    if let Some(session_dir) = &mut config.session_dir {
        *session_dir = dir::prepare(session_dir)?;
        lock = Some(dir::lock_session(session_dir)?);
    }
    let listener = bind_api(config.api_port)?;
    let api_addr = listener.bind_addr();
    let session = session::start(&dir, &config).await?;
    let http = serve(&session, listener, config.credentials);
    tracing::info!(%api_addr, dir = %dir.display(), "embedded rqbit started");
    Ok(Launched { api_addr, dir, session, http, lock })
}

fn bind_api(port: u16) -> Result<TcpListener, EmbeddedError> {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind_tcp(addr, BindOpts::default())
        .map_err(|e| EmbeddedError::new(EmbeddedErrorKind::BindPort, addr, e))
}

fn serve(
    session: &Arc<Session>,
    listener: TcpListener,
    credentials: Option<ApiCredentials>,
) -> AbortHandle {
    let options = HttpApiOptions {
        read_only: false,
        basic_auth: credentials.map(|c| (c.username, c.password)),
        // It would create torrents from any path of this machine; `EmbeddedServer::seed` does that.
        allow_create: false,
        ..HttpApiOptions::default()
    };
    let api = Api::new(Arc::clone(session), None, None);
    let serving = HttpApi::new(api, Some(options)).make_http_api_and_run(listener, None);
    let task = tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!(error = format!("{error:#}"), "the embedded rqbit stopped");
        }
    });
    task.abort_handle()
}
