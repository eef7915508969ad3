//! Counters for the status and for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a server has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WebdavCounts {
    /// Connections that are open.
    pub connections: u64,
    /// Requests that were answered, also with errors.
    pub requests: u64,
    /// Requests that were refused: wrong credentials, malformed, or too many.
    pub refused: u64,
    /// Bytes of files that were sent.
    pub sent_bytes: u64,
}

/// Counters since the start.
#[derive(Debug, Default)]
pub(crate) struct SiteCounters {
    requests: AtomicU64,
    refused: AtomicU64,
    sent_bytes: AtomicU64,
}

impl SiteCounters {
    pub(crate) fn count_request(&self, is_refused: bool) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if is_refused {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_sent(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.sent_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, connections: u64) -> WebdavCounts {
        WebdavCounts {
            connections,
            requests: self.requests.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            sent_bytes: self.sent_bytes.load(Ordering::Relaxed),
        }
    }
}
