//! Counts of requests and errors, for monitoring.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::ErrorKind;

/// The reason of a failed call, as counted: kinds that have the same remedy are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorReason {
    /// The host name cannot be resolved.
    Resolve,
    /// No process listens on the port.
    Refused,
    /// The connection failed for another reason.
    Connect,
    /// The proxy cannot be used.
    Proxy,
    /// The TLS handshake failed.
    Tls,
    /// The server took too long.
    TimedOut,
    /// The connection was closed before the answer was complete.
    Closed,
    /// The server requires a login or other credentials.
    Denied,
    /// The server has no such torrent.
    NotFound,
    /// The torrent is being checked, or in state error.
    Initializing,
    /// Another error status.
    Status,
    /// The server is not rqbit, or redirects to another address.
    NotRqbit,
    /// The answer violates a format, or a limit of this library.
    Malformed,
}

impl ErrorReason {
    /// All reasons, in the order of their values.
    pub const ALL: [Self; 13] = [
        Self::Resolve,
        Self::Refused,
        Self::Connect,
        Self::Proxy,
        Self::Tls,
        Self::TimedOut,
        Self::Closed,
        Self::Denied,
        Self::NotFound,
        Self::Initializing,
        Self::Status,
        Self::NotRqbit,
        Self::Malformed,
    ];

    /// Returns the reason in one word with `_`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Refused => "refused",
            Self::Connect => "connect",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::TimedOut => "timed_out",
            Self::Closed => "closed",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::Initializing => "initializing",
            Self::Status => "status",
            Self::NotRqbit => "not_rqbit",
            Self::Malformed => "malformed",
        }
    }

    /// Returns the reason of a kind of error.
    pub(crate) fn of(kind: &ErrorKind) -> Self {
        match kind {
            ErrorKind::Resolve => Self::Resolve,
            ErrorKind::Refused => Self::Refused,
            ErrorKind::Connect => Self::Connect,
            ErrorKind::Proxy { .. } => Self::Proxy,
            ErrorKind::Tls(_) => Self::Tls,
            ErrorKind::Timeout { .. } => Self::TimedOut,
            ErrorKind::Closed | ErrorKind::ShortBody { .. } => Self::Closed,
            ErrorKind::Unauthorized | ErrorKind::LoginPage { .. } => Self::Denied,
            ErrorKind::NotFound(_) => Self::NotFound,
            ErrorKind::Initializing => Self::Initializing,
            ErrorKind::Status(_) => Self::Status,
            ErrorKind::NotRqbit { .. } | ErrorKind::Redirect { .. } => Self::NotRqbit,
            ErrorKind::MalformedJson { .. }
            | ErrorKind::Protocol { .. }
            | ErrorKind::BodyTooLarge { .. }
            | ErrorKind::LongBody
            | ErrorKind::WrongRange { .. } => Self::Malformed,
        }
    }
}

/// How many requests a client has made, and how many of them have failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallCounts {
    /// All requests: calls, streams and inline reads, also those whose connection failed. The
    /// repetition of a request on a new connection is not counted.
    pub requests: u64,
    /// Errors for each reason, in a fixed order, also those with 0. A call that was dropped is no
    /// error, and an inline read neither: a stream follows it.
    pub errors: Vec<(ErrorReason, u64)>,
}

/// The counters of a client.
#[derive(Debug)]
pub(crate) struct CallCounters {
    requests: AtomicU64,
    /// By the position of the reason.
    errors: [AtomicU64; ErrorReason::ALL.len()],
}

impl Default for CallCounters {
    fn default() -> Self {
        let errors = std::array::from_fn(|_| AtomicU64::new(0));
        Self { requests: AtomicU64::new(0), errors }
    }
}

impl CallCounters {
    pub(crate) fn on_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn on_error(&self, kind: &ErrorKind) {
        if let Some(count) = self.errors.get(ErrorReason::of(kind) as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn counts(&self) -> CallCounts {
        let errors = self.errors.iter().map(|count| count.load(Ordering::Relaxed));
        CallCounts {
            requests: self.requests.load(Ordering::Relaxed),
            errors: ErrorReason::ALL.into_iter().zip(errors).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_place_and_its_own_word() {
        for (place, reason) in ErrorReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
            let same = ErrorReason::ALL.iter().filter(|it| it.as_str() == reason.as_str());
            assert_eq!(same.count(), 1, "{reason:?}");
        }
    }
}
