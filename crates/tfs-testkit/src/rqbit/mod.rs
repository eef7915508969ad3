//! One fake rqbit for all tests: a server of rqbit's HTTP API whose behaviours are data.
//!
//! - [`Backend`] is what it serves: a few [torrents](FakeTorrent), a generated
//!   [library](LargeLibrary) of any size, another server (then this one is a proxy), or exact
//!   bytes: a [`Script`] for each connection.
//! - Torrents are served in the form of rqbit 9.1.0: list, details, `.torrent` file, bitfield,
//!   stats and streams. A missing piece arrives only by [`FakeRqbit::step`], so no test needs time.
//! - Permits are those of rqbit (`--max-blocking-threads`). Each stream holds one for its whole
//!   life, and a received piece needs one to be written. Streams that wait for pieces can hold all
//!   of them; then nothing is ever written, and another stream does not even get its headers.
//! - A [`Fault`] replaces or damages one response: once, always, or by a seeded [`Weather`]. The
//!   bytes of a body are never changed: with correct headers, a client could not detect that.
//! - An [`Attack`] is a fault, too: its response is a script. [`HostileServer`] carries it out.
//! - The server is stricter than rqbit. It records each request that no client should send as a
//!   [violation](FakeRqbit::violations), and counts all requests and streams.
//!
//! Each server has a thread, so that tests with and without a runtime can use it.
//!
//! ```no_run
//! use tfs_testkit::rqbit::{Cut, FakeRqbit, Fault, LargeLibrary, Target};
//!
//! let server = FakeRqbit::start(LargeLibrary { torrent_count: 10_000 })?;
//! // Mount `server.url()`. The next stream stops after 1000 bytes.
//! server.once(Target::Streams, Fault::Stall(Cut::Body(1000)));
//! # Ok::<(), std::io::Error>(())
//! ```

mod answers;
mod attacks;
#[cfg(feature = "tls")]
mod authority;
mod client;
mod connection;
mod fault;
mod forward_proxy;
mod gate;
mod head;
mod held;
mod hostile;
mod large;
mod lie;
mod log;
mod plan;
mod play;
mod response;
mod schedule;
mod script;
mod setup;
mod state;
mod stream;
mod text;
mod torrent;

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use self::attacks::{ATTACKS, Attack, Effect};
#[cfg(feature = "tls")]
pub use self::authority::{ClientCertificates, IssuedCertificate, TestAuthority};
pub use self::fault::{Cut, Fault, FaultKind, Target};
pub use self::forward_proxy::ForwardProxy;
pub use self::gate::Gate;
pub use self::hostile::HostileServer;
pub use self::large::LargeLibrary;
pub use self::lie::Lie;
use self::log::RequestLog;
pub use self::log::Route;
use self::plan::FaultPlan;
pub use self::plan::Weather;
pub use self::schedule::{Episode, Schedule, Spell, Trouble};
pub use self::script::{Script, ScriptStep};
pub use self::setup::{Backend, ClientSocket, Handshake, Override, RqbitSetup};
use self::state::RqbitState;
pub use self::state::{Census, PermitStep};
pub use self::torrent::{FakeFile, FakeTorrent};
use crate::until::until_async;

/// A fake rqbit on loopback. Dropping it ends it and its connections.
#[derive(Debug)]
pub struct FakeRqbit {
    address: SocketAddr,
    shared: Arc<RqbitShared>,
    /// Dropping it stops the server.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Resolves when the thread ends.
    ended: oneshot::Receiver<()>,
}

/// What the connections share.
#[derive(Debug)]
struct RqbitShared {
    setup: RqbitSetup,
    /// Torrents and streams; a change wakes all waiting tasks.
    state: watch::Sender<RqbitState>,
    /// In FIFO order, like rqbit's.
    permits: Option<Arc<Semaphore>>,
    /// Held for a few statements only, as the log.
    plan: Mutex<FaultPlan>,
    log: Mutex<RequestLog>,
    /// A script waits here until the test opens the gate.
    gate: Semaphore,
    /// When a connection of limited speed is free again.
    line_free_at: Mutex<Option<Instant>>,
}

/// Locks a mutex whose data is consistent between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FakeRqbit {
    /// Starts a server, with a thread of its own.
    ///
    /// # Errors
    /// Those of opening a port and of starting a thread.
    pub fn start(setup: impl Into<RqbitSetup>) -> io::Result<Self> {
        let setup = setup.into();
        let listener = TcpListener::bind(setup.address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(RqbitShared {
            state: watch::Sender::new(RqbitState::new(&setup.backend)),
            permits: setup.permits.map(|count| Arc::new(Semaphore::new(count))),
            plan: Mutex::default(),
            log: Mutex::default(),
            gate: Semaphore::new(0),
            line_free_at: Mutex::default(),
            setup,
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (ending, ended) = oneshot::channel();
        let thread = thread::Builder::new().name("fake rqbit".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                let _ending: oneshot::Sender<()> = ending;
                runtime.block_on(async {
                    tokio::select! {
                        () = serve(listener, &shared) => {}
                        _ = stopped => {}
                    }
                });
            }
        })?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread), ended })
    }

    /// Returns the address as a URL without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Applies a fault to the next matching response without another fault. Any number of faults
    /// can be pending; those of one target are applied in this order.
    pub fn once(&self, target: Target, fault: Fault) {
        lock(&self.shared.plan).once(target, fault);
    }

    /// Applies a fault to every matching response from now on. If several match, the last one that
    /// was set applies.
    pub fn always(&self, target: Target, fault: Fault) {
        lock(&self.shared.plan).always(target, fault);
    }

    /// Ends what [`always`](Self::always) began for this target.
    pub fn heal(&self, target: &Target) {
        lock(&self.shared.plan).heal(target);
    }

    /// Applies random faults to responses from now on.
    pub fn set_weather(&self, weather: Weather) {
        lock(&self.shared.plan).set_weather(weather);
    }

    /// Ends all faults for new requests. Stalled responses stay stalled.
    pub fn clear(&self) {
        lock(&self.shared.plan).clear();
    }

    /// Returns the faults so far, with their numbers.
    #[must_use]
    pub fn done(&self) -> BTreeMap<FaultKind, u64> {
        lock(&self.shared.plan).done().clone()
    }

    /// Fetches and writes one piece, if a permit is free: the piece at the position of the stream
    /// that has waited longest, or the first missing piece if no stream waits.
    pub fn step(&self) -> PermitStep {
        let permit = self.shared.permits.as_ref().map(|permits| permits.try_acquire());
        if matches!(permit, Some(Err(_))) {
            return PermitStep::Frozen;
        }
        let mut step = PermitStep::Complete;
        self.shared.state.send_modify(|state| step = state.write_next());
        step
    }

    /// Returns the current streams.
    #[must_use]
    pub fn census(&self) -> Census {
        self.shared.state.borrow().census()
    }

    /// Waits until `is_so` returns true for the census.
    ///
    /// # Cancel safety
    /// Nothing is lost; any number of callers may wait.
    pub async fn wait_until(&self, mut is_so: impl FnMut(Census) -> bool) {
        let mut states = self.shared.state.subscribe();
        // The sender lives as long as this server.
        drop(states.wait_for(|state| is_so(state.census())).await);
    }

    /// Returns the forbidden requests so far.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.state.borrow().violations.clone()
    }

    /// Adds a torrent.
    pub fn add(&self, torrent: FakeTorrent) {
        self.shared.state.send_modify(|state| state.add(torrent));
    }

    /// Sets the upload of every torrent, so that the list changes.
    pub fn set_uploaded_bytes(&self, bytes: u64) {
        self.shared
            .state
            .send_modify(|state| state.change_list(|list| list.uploaded_bytes = bytes));
    }

    /// Simulates a server that was started this many seconds ago, with its torrents or without.
    pub fn restart(&self, lists_nothing: bool, uptime_seconds: u64) {
        self.shared.state.send_modify(|state| {
            state.uptime_seconds = uptime_seconds;
            state.change_list(|list| list.is_empty = lists_nothing);
        });
    }

    /// Returns how many requests a route had.
    #[must_use]
    pub fn count(&self, route: Route) -> usize {
        lock(&self.shared.log).count(route)
    }

    /// Returns the heads of the requests. A proxy records none.
    #[must_use]
    pub fn heads(&self) -> Vec<String> {
        lock(&self.shared.log).heads().to_vec()
    }

    /// Returns how many recorded requests had a path for which `is_it` returns true.
    pub fn asked(&self, is_it: impl Fn(&str) -> bool) -> usize {
        lock(&self.shared.log).asked(is_it)
    }

    /// Lets a script pass one gate.
    pub fn open_gate(&self) {
        self.shared.gate.add_permits(1);
    }

    /// Returns whether a script logged this line at least `count` times.
    #[must_use]
    pub fn has_logged(&self, line: &str, count: usize) -> bool {
        lock(&self.shared.log).has_line(line, count)
    }

    /// Waits until every script has ended, and returns their log, by connection.
    ///
    /// # Panics
    /// If a script failed, or if one has not ended in half a minute, for example because the client
    /// has not made its connection.
    pub async fn finish(mut self) -> String {
        // The end of the thread drops the sender.
        let has_ended = async || (self.ended.try_recv() == Err(TryRecvError::Closed)).then_some(());
        until_async("every script ends", has_ended).await;
        let ended = self.thread.take().map_or(Ok(()), JoinHandle::join);
        ended.expect("no script fails");
        lock(&self.shared.log).script_lines()
    }
}

impl Drop for FakeRqbit {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server shows in the results of its clients.
            drop(thread.join());
        }
    }
}

/// Serves connections: for ever, or until all scripts have ended.
async fn serve(listener: TcpListener, shared: &Arc<RqbitShared>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    if let Backend::Scripts(scripts) = &shared.setup.backend {
        return play::serve(listener, scripts, shared).await;
    }
    // Dropping it ends its tasks.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((socket, _peer)) = listener.accept() => {
                let shared = Arc::clone(shared);
                // A client may close the connection at any time.
                connections.spawn(async move { connection::serve(socket, &shared).await });
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
}

#[cfg(test)]
mod tests;
