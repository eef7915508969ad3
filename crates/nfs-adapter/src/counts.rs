//! Counters of a server.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a server did since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NfsCounts {
    /// Connections that are open now.
    pub connections: u64,
    /// Calls that were answered, also with errors.
    pub requests: u64,
    /// What was refused: malformed or too large calls, calls without a valid file handle or of
    /// another path, and connections that found no place.
    pub refused: u64,
    /// Bytes of files that were sent.
    pub sent_bytes: u64,
}

/// The counters behind [`NfsCounts`].
#[derive(Debug, Default)]
pub(crate) struct NfsCounters {
    connections: AtomicU64,
    requests: AtomicU64,
    refused: AtomicU64,
    sent_bytes: AtomicU64,
}

/// Counts a connection until it is dropped.
#[derive(Debug)]
pub(crate) struct CountedConnection<'a>(&'a NfsCounters);

impl NfsCounters {
    pub(crate) fn on_connection(&self) -> CountedConnection<'_> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        CountedConnection(self)
    }

    pub(crate) fn on_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn on_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn on_sent(&self, bytes: u64) {
        self.sent_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> NfsCounts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        NfsCounts {
            connections: get(&self.connections),
            requests: get(&self.requests),
            refused: get(&self.refused),
            sent_bytes: get(&self.sent_bytes),
        }
    }
}

impl Drop for CountedConnection<'_> {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
