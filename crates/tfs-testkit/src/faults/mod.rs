//! A proxy in front of a real server that injects faults of networks, proxies and servers into
//! responses: by a seeded schedule, or on command.
//!
//! ```no_run
//! # async fn example(server: std::net::SocketAddr) -> std::io::Result<()> {
//! use tfs_testkit::faults::{Cut, Fault, FaultProxy, Kind, Target};
//! use tfs_testkit::faults::Weather;
//!
//! let proxy = FaultProxy::start(server).await?;
//! // ... mount `proxy.url()`; the next stream stops after 1000 bytes ...
//! proxy.once(Target::Streams, Fault::Stall(Cut::Body(1000)));
//! // ... and then every fifth answer is spoiled in some way ...
//! proxy.set_weather(Weather::new(1, Target::All, 20, &Kind::ALL));
//! // ... until here.
//! proxy.clear();
//! println!("{:?}", proxy.done());
//! # Ok(())
//! # }
//! ```
//!
//! Bytes of bodies are never changed or reordered: with correct headers, a client could not detect
//! that without the piece hashes, which rqbit does not send with a stream. Cuts, delays and wrong
//! headers can be detected, and must be.

mod connection;
mod fault;
mod head;
mod plan;
mod schedule;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use self::fault::{Cut, Fault, Kind, Lie, Target};
use self::plan::FaultPlan;
pub use self::plan::Weather;
pub use self::schedule::{Episode, Schedule, Spell, Trouble};
use crate::connections::serve_all;

/// A proxy on a free port of the loopback address, in front of one server. Dropping it ends it and
/// its connections.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<ProxyShared>,
    task: JoinHandle<()>,
}

/// What the connections share.
#[derive(Debug)]
struct ProxyShared {
    server: SocketAddr,
    /// The faults of coming responses, and those that occurred. Held for a few statements only.
    plan: Mutex<FaultPlan>,
    /// The number of streams in flight, and its maximum. Held for one statement only.
    streams: Mutex<StreamCount>,
}

/// The number of responses with file data in flight.
#[derive(Debug, Clone, Copy, Default)]
struct StreamCount {
    open: usize,
    open_max: usize,
}

/// One stream in flight, from its request to the end of its response.
struct OpenStream<'a>(&'a ProxyShared);

impl Drop for OpenStream<'_> {
    fn drop(&mut self) {
        self.0.streams().open -= 1;
    }
}

impl ProxyShared {
    fn plan(&self) -> MutexGuard<'_, FaultPlan> {
        // The data is consistent between any two statements.
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ProxyShared {
    fn streams(&self) -> MutexGuard<'_, StreamCount> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request for file data until the returned value is dropped.
    fn count_stream(&self, path: &str) -> Option<OpenStream<'_>> {
        if !path.contains("/stream/") {
            return None;
        }
        let mut streams = self.streams();
        streams.open += 1;
        streams.open_max = streams.open_max.max(streams.open);
        drop(streams);
        Some(OpenStream(self))
    }
}

impl FaultProxy {
    /// Starts a proxy without faults.
    ///
    /// # Errors
    /// If there is no free port.
    pub async fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (plan, streams) = (Mutex::default(), Mutex::default());
        let shared = Arc::new(ProxyShared { server, plan, streams });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, task })
    }

    /// Returns the address as a URL without a path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Applies a fault to the next matching response without another fault. Any number of faults
    /// can be pending; those of one target are applied in this order.
    pub fn once(&self, target: Target, fault: Fault) {
        self.shared.plan().once(target, fault);
    }

    /// Applies a fault to every matching response from now on.
    pub fn always(&self, target: Target, fault: Fault) {
        self.shared.plan().always(target, fault);
    }

    /// Applies random faults to responses from now on.
    pub fn set_weather(&self, weather: Weather) {
        self.shared.plan().set_weather(weather);
    }

    /// Ends the faults for new requests. Stalled responses stay stalled.
    pub fn clear(&self) {
        self.shared.plan().clear();
    }

    /// Returns the maximum number of concurrent streams, over all clients.
    #[must_use]
    pub fn streams_open_max(&self) -> usize {
        self.shared.streams().open_max
    }

    /// Returns the faults so far, with their numbers.
    #[must_use]
    pub fn done(&self) -> BTreeMap<Kind, u64> {
        self.shared.plan().done().clone()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<ProxyShared>) {
    serve_all(listener, |client| {
        let shared = Arc::clone(&shared);
        // An error of either side ends only this connection.
        async move { connection::serve(client, &shared).await }
    })
    .await;
}

#[cfg(test)]
mod tests;
