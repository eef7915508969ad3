//! What connections do: which of them are idle, and may be closed for new ones.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::http::ResponseBody;

/// The connections of a listener. At most as many as there are places.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    /// By number. Held for a few instructions, except to choose one of some hundred.
    all: Mutex<(u64, BTreeMap<u64, Arc<ConnectionActivity>>)>,
    /// Told when a connection becomes idle.
    idle: Notify,
}

/// What a connection does.
#[derive(Debug)]
pub(crate) struct ConnectionActivity {
    number: u64,
    owner: Arc<Connections>,
    state: Mutex<State>,
    /// Whether bytes of an answer wait for the peer.
    pub(crate) is_blocked: Arc<AtomicBool>,
    /// Told when the connection is to be closed if it is still idle.
    evicted: Notify,
}

/// What a connection does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It waits for a request.
    Idle { since: Instant },
    /// It waits for a request, and is to be closed.
    Evicted,
    /// A request is answered.
    Busy,
}

/// The connection is busy until this is dropped.
#[derive(Debug)]
pub(crate) struct BusyGuard(Arc<ConnectionActivity>);

/// The body of an answer. The connection is busy until its end.
pub(crate) struct BusyBody {
    pub(crate) body: ResponseBody,
    pub(crate) _busy: BusyGuard,
}

/// Removes the connection from its listener when it is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionEntry(pub(crate) Arc<ConnectionActivity>);

impl Connections {
    /// Adds a connection, which waits for its first request.
    pub(crate) fn add(self: &Arc<Self>) -> ConnectionEntry {
        let mut all = lock(&self.all);
        all.0 += 1;
        let activity = Arc::new(ConnectionActivity {
            number: all.0,
            owner: Arc::clone(self),
            state: Mutex::new(State::Idle { since: Instant::now() }),
            is_blocked: Arc::default(),
            evicted: Notify::new(),
        });
        all.1.insert(activity.number, Arc::clone(&activity));
        ConnectionEntry(activity)
    }

    /// Returns the number of connections.
    pub(crate) fn count(&self) -> usize {
        lock(&self.all).1.len()
    }

    /// Asks the connection that has been idle for the longest time to close.
    pub(crate) fn evict_idle(&self) {
        let idle_since = |activity: &Arc<ConnectionActivity>| match *lock(&activity.state) {
            State::Idle { since } if !activity.is_blocked.load(Ordering::Relaxed) => Some(since),
            State::Idle { .. } | State::Evicted | State::Busy => None,
        };
        let all = lock(&self.all);
        let idle = all.1.values().filter_map(|it| idle_since(it).map(|since| (since, it)));
        if let Some((_since, activity)) = idle.min_by_key(|(since, _)| *since) {
            *lock(&activity.state) = State::Evicted;
            activity.evicted.notify_one();
        }
    }

    /// Waits until a connection has become idle.
    pub(crate) async fn idle(&self) {
        self.idle.notified().await;
    }
}

impl ConnectionActivity {
    /// Begins a request.
    pub(crate) fn begin(self: &Arc<Self>) -> BusyGuard {
        let before = std::mem::replace(&mut *lock(&self.state), State::Busy);
        if before == State::Evicted {
            // Another one has to be found.
            self.owner.idle.notify_one();
        }
        BusyGuard(Arc::clone(self))
    }

    /// Waits until the connection is to be closed.
    pub(crate) async fn evicted(&self) {
        loop {
            self.evicted.notified().await;
            let mut state = lock(&self.state);
            if *state != State::Evicted {
                continue;
            }
            if !self.is_blocked.load(Ordering::Relaxed) {
                return;
            }
            // The end of an answer is still to be sent.
            *state = State::Idle { since: Instant::now() };
            self.owner.idle.notify_one();
        }
    }
}

impl Drop for BusyGuard {
    fn drop(&mut self) {
        *lock(&self.0.state) = State::Idle { since: Instant::now() };
        self.0.owner.idle.notify_one();
    }
}

impl Drop for ConnectionEntry {
    fn drop(&mut self) {
        lock(&self.0.owner.all).1.remove(&self.0.number);
    }
}

impl Body for BusyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Nothing panics while it holds one of these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
