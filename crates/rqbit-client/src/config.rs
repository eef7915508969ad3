//! Configuration of a client: address, credentials, time-outs, access.

use std::time::Duration;

use crate::{AccessOptions, BaseUrl, Credentials};

/// A server on the same continent completes TCP and TLS handshakes within one second; ten leave
/// room for a lost packet and a server that is swapping.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// rqbit answers within milliseconds, except while a torrent is being checked: the headers of a
/// stream wait for the check.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(30);

/// The body of a stream waits for peers to send a missing piece, so this is long. A caller with its
/// own deadline cancels earlier.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(60);

/// The largest answers (a list of a hundred thousand files) take seconds on a slow connection.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(60);

/// Time-outs for each phase of a call.
///
/// Each counts from the start of its phase. With zero, the phase fails unless it completes at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Name resolution, TCP connection and TLS handshake together.
    pub connect: Duration,
    /// From the request to the end of the response's headers.
    pub headers: Duration,
    /// From one chunk of a body to the next one.
    ///
    /// For a stream it counts from the moment the caller requests a chunk that has not arrived.
    pub chunk: Duration,
    /// A whole call except a stream, from its start to the last byte of the answer.
    ///
    /// It stops a server that sends a body too slowly.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: CONNECT_TIMEOUT,
            headers: HEADERS_TIMEOUT,
            chunk: CHUNK_TIMEOUT,
            total: TOTAL_TIMEOUT,
        }
    }
}

/// Configuration of a [`Client`](crate::Client).
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The server.
    pub base_url: BaseUrl,
    /// Sent with every request to this server, and to no other.
    pub credentials: Option<Credentials>,
    /// The deadlines of every call.
    pub timeouts: Timeouts,
    /// What is needed to reach a server that is behind something.
    pub access: AccessOptions,
}

impl ClientConfig {
    /// Creates a configuration with the default [`Timeouts`], no credentials and default
    /// [`AccessOptions`].
    pub fn new(base_url: BaseUrl) -> Self {
        Self {
            base_url,
            credentials: None,
            timeouts: Timeouts::default(),
            access: AccessOptions::default(),
        }
    }
}
