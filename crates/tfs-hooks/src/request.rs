//! Calls a URL, and repeats what failed for the moment.

use std::time::Duration;

use rqbit_client::{AccessOptions, ErrorKind, ExtraHeader, UrlClient};
use tfs_sys::blocking;
use tfs_types::Backoff;
use tokio::time::sleep;

use crate::batch::EventBatch;
use crate::error::CallError;
use crate::settings::{HookBody, RequestTarget};

/// Number of attempts: with the pauses between them, a server may be away for half a minute.
const ATTEMPTS_MAX: u32 = 5;

/// Pauses between attempts: 2, 4, 8 and 16 s.
const PAUSES: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(16));

/// Names the program in the logs of servers.
const USER_AGENT: &str = concat!("tfs/", env!("CARGO_PKG_VERSION"));

/// The header with the number of all events, since the list has a limit.
const EVENTS_HEADER: &str = "tfs-events";

/// Sends a request until it succeeds, [`ATTEMPTS_MAX`] times at most.
///
/// # Errors
/// The last failure.
pub(crate) async fn run(
    target: &RequestTarget,
    events: &EventBatch,
    time_max: Duration,
) -> Result<(), CallError> {
    let url = target.url.to_string();
    let failed = |kind: ErrorKind| CallError::Request { url: url.clone(), kind: Box::new(kind) };
    let access = AccessOptions { headers: headers(target, events), ..AccessOptions::default() };
    let address = target.url.clone();
    // Blocking: it reads the root certificates. Each call reads them again, as they may change.
    let client = blocking(move || UrlClient::new(address, access, time_max)).await;
    let client = client.map_err(|error| failed(error.kind().clone()))?;
    let (content_type, body) = match target.body {
        HookBody::Json => (Some("application/json"), events.to_json()),
        HookBody::Text => (Some("text/plain; charset=utf-8"), events.to_text().into_bytes()),
        HookBody::Empty => (None, Vec::new()),
    };
    let body = bytes::Bytes::from(body);
    let mut attempt = 1;
    loop {
        let Err(error) = client.send(target.method, content_type, body.clone()).await else {
            tracing::debug!(url, attempt, "the URL of a hook was called");
            return Ok(());
        };
        if !is_worth_a_retry(error.kind()) || attempt >= ATTEMPTS_MAX {
            return Err(failed(error.kind().clone()));
        }
        tracing::debug!(url, attempt, error = %error.kind(), "the URL of a hook is tried again");
        sleep(PAUSES.delay(attempt)).await;
        attempt += 1;
    }
}

/// Returns whether a request may succeed later. An error of the client (4xx) is final, except for
/// those that ask for a later request.
fn is_worth_a_retry(kind: &ErrorKind) -> bool {
    if let ErrorKind::Status(error) = kind
        && (400..500).contains(&error.status)
    {
        return matches!(error.status, 408 | 425 | 429);
    }
    kind.is_retryable()
}

/// Returns the headers: those of the settings come last, and replace others.
fn headers(target: &RequestTarget, events: &EventBatch) -> Vec<ExtraHeader> {
    let count = events.count().to_string();
    let own = [("user-agent", USER_AGENT), (EVENTS_HEADER, &*count)];
    let own = own.into_iter().filter_map(|(name, value)| ExtraHeader::new(name, value).ok());
    own.chain(target.headers.iter().cloned()).collect()
}
