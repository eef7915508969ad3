//! A proxy in front of a real server that does to answers what networks, proxies and servers in
//! trouble do: by a seeded schedule, or on command.
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
//! Bytes of bodies are never changed and never put in another order: under a right head that could
//! not be noticed without the hashes of the torrent, which rqbit does not give out with a stream.
//! What is cut, delayed, or announced wrongly can be noticed, and has to be.

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

/// A proxy on a free port of the loopback address, in front of one server. It ends when it is
/// dropped, and its connections with it.
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
    /// What is done to which answer, and what was done. Held for a few statements only.
    plan: Mutex<FaultPlan>,
    /// How many streams are under way, and the most of them. Held for a statement only.
    streams: Mutex<StreamCount>,
}

/// How many answers with bytes of files are under way at a time.
#[derive(Debug, Clone, Copy, Default)]
struct StreamCount {
    open: usize,
    open_max: usize,
}

/// One stream that is under way, from its request to the end of its answer.
struct OpenStream<'a>(&'a ProxyShared);

impl Drop for OpenStream<'_> {
    fn drop(&mut self) {
        self.0.streams().open -= 1;
    }
}

impl ProxyShared {
    fn plan(&self) -> MutexGuard<'_, FaultPlan> {
        // It is whole between any two of its statements.
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ProxyShared {
    fn streams(&self) -> MutexGuard<'_, StreamCount> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request until the answer is dropped, if it is one for bytes of a file.
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
    /// Starts a proxy that passes everything on as it is.
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

    /// Does this to the next answer that is meant and has no other fault. Any number of them can
    /// wait for their answer; those of one target come in this order.
    pub fn once(&self, target: Target, fault: Fault) {
        self.shared.plan().once(target, fault);
    }

    /// Does this to every answer that is meant from now on.
    pub fn always(&self, target: Target, fault: Fault) {
        self.shared.plan().always(target, fault);
    }

    /// Does random things to answers from now on.
    pub fn set_weather(&self, weather: Weather) {
        self.shared.plan().set_weather(weather);
    }

    /// Passes on as it is what is asked for from now on. What was stalled before stays so.
    pub fn clear(&self) {
        self.shared.plan().clear();
    }

    /// Returns the most streams that were under way at a time, from all clients together.
    #[must_use]
    pub fn streams_open_max(&self) -> usize {
        self.shared.streams().open_max
    }

    /// Returns what was done to answers so far, and how often.
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
        // A side that goes away in the middle is no fault of this one.
        async move { connection::serve(client, &shared).await }
    })
    .await;
}

#[cfg(test)]
mod tests;
