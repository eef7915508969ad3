//! The overview, computed once a second for all open pages, and never without one.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use crate::backend::WebBackend;
use crate::model::Overview;

/// Time between two overviews.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

/// An overview, and its text.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) overview: Overview,
    /// As JSON, without line breaks.
    pub(crate) json: Bytes,
    at: Instant,
}

/// The newest overview. It has one task, [`run`](Self::run).
#[derive(Debug)]
pub(crate) struct Feed {
    /// Has the newest only: a viewer that is slow misses some.
    newest: watch::Sender<Option<Arc<Snapshot>>>,
    /// Told of each new viewer.
    viewers: Notify,
}

/// One that looks. The overview is computed as long as there is one.
#[derive(Debug)]
pub(crate) struct Viewer {
    newest: watch::Receiver<Option<Arc<Snapshot>>>,
    is_new: bool,
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self { newest: watch::Sender::new(None), viewers: Notify::new() }
    }

    /// Begins to look.
    pub(crate) fn view(&self) -> Viewer {
        let newest = self.newest.subscribe();
        self.viewers.notify_one();
        Viewer { newest, is_new: true }
    }

    /// Computes overviews while a page is open, until it is dropped.
    pub(crate) async fn run(&self, backend: &dyn WebBackend, control: bool) {
        let mut next_at = Instant::now();
        loop {
            while self.newest.receiver_count() == 0 {
                self.viewers.notified().await;
            }
            sleep_until(next_at).await;
            next_at = Instant::now() + INTERVAL;
            let computing = AssertUnwindSafe(backend.overview()).catch_unwind();
            tokio::select! {
                computed = computing => match computed {
                    Ok(overview) => self.publish(Overview { control, ..overview }),
                    Err(_panic) => tracing::error!("computing the overview of the page panicked"),
                },
                // The last viewer is gone.
                () = self.newest.closed() => {}
            }
        }
    }

    fn publish(&self, overview: Overview) {
        match serde_json::to_vec(&overview) {
            Ok(json) => {
                let snapshot = Snapshot { overview, json: json.into(), at: Instant::now() };
                self.newest.send_replace(Some(Arc::new(snapshot)));
            }
            // Numbers, strings and lists of them always serialize.
            Err(error) => tracing::error!(%error, "cannot write the overview of the page"),
        }
    }
}

impl Viewer {
    /// Returns the next overview; the first time also one that is less than a second old. `None` if
    /// the page has ended.
    ///
    /// # Cancel safety
    /// Nothing is lost but an overview that is not the newest.
    pub(crate) async fn next(&mut self) -> Option<Arc<Snapshot>> {
        if std::mem::take(&mut self.is_new) {
            let newest = self.newest.borrow_and_update().clone();
            if let Some(fresh) = newest.filter(|newest| newest.at.elapsed() < INTERVAL) {
                return Some(fresh);
            }
        }
        loop {
            self.newest.changed().await.ok()?;
            let newest = self.newest.borrow_and_update().clone();
            if newest.is_some() {
                return newest;
            }
        }
    }
}
