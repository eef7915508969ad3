//! Client of one rqbit server: typed calls, and byte streams that verify their offset.
//!
//! [`Client`] uses the HTTP API of one [rqbit](https://github.com/ikatson/rqbit) server, directly
//! or through a reverse proxy with a path prefix, over HTTP/1.1 on kept-alive connections, with TLS
//! by the feature `tls` (on by default). It was written against rqbit 9.1.0; the formats in
//! [`wire`] come from its source.
//!
//! Guarantees:
//!
//! - Every wait on the server has a deadline, see [`Timeouts`].
//! - All data from the server is bounded: headers, JSON, bitfields, error texts.
//! - A [`RangeStream`] returns exactly the requested bytes, in order, or fails.
//! - No data from the server causes a panic.
//! - Every failure is an [`Error`] with a documented [`ErrorKind`]; [`Error::is_retryable`] reports
//!   whether the same call may succeed later.
//!
//! Non-goals:
//!
//! - It does not prefetch, cache or limit the number of open streams.
//!   rqbit holds one of eight permits for every open stream, so the caller has to budget them.
//! - It follows no redirect, and sends credentials only to the configured origin.
//! - It spawns no task: a connection is driven by the call that uses it, and dropping that call or
//!   stream closes the connection before the drop returns. Only host names are resolved elsewhere,
//!   on tokio's pool for blocking work. [`Client::read_direct`] has its own connections, and blocks
//!   the calling thread.
//! - It retries only a `GET` on a kept-alive connection that died while idle.
//! - It uses a proxy only if [`AccessOptions`] has one: variables such as `http_proxy` are ignored.
//! - It contains no filesystem code.
//!
//! # Example
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use rqbit_client::{RequestedRange, Client, ClientConfig};
//!
//! let client = Client::new(ClientConfig::new("http://127.0.0.1:3030".parse()?))?;
//! for torrent in client.torrents().await? {
//!     let details = client.torrent_details(torrent.info_hash.into()).await?;
//!     let Some(file) = details.files.iter().flatten().next() else { continue };
//!     let range = RequestedRange::new(0, 1024);
//!     let mut stream =
//!         client.stream(torrent.info_hash.into(), 0, range, Some(file.length)).await?;
//!     while let Some(chunk) = stream.next_chunk().await? {
//!         assert!(chunk.len() <= 1024);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod access;
mod base_url;
mod call_counts;
mod client;
mod config;
mod credentials;
mod direct;
mod error;
mod http;
mod json;
mod list_print;
mod range;
mod stream;
mod torrent_ref;
mod url_client;
pub mod wire;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

pub use crate::access::{AccessOptions, ExtraHeader, ExtraHeaderError, Proxy, ProxyParseError};
#[cfg(feature = "tls")]
pub use crate::access::{
    ClientIdentity, ClientIdentityError, RootCertificates, RootCertificatesError,
};
pub use crate::base_url::{BaseUrl, BaseUrlError};
pub use crate::call_counts::{CallCounts, ErrorReason};
pub use crate::client::{AddOptions, AddSource, Client};
pub use crate::config::{ClientConfig, Timeouts};
pub use crate::credentials::{Credentials, CredentialsError};
pub use crate::direct::{DirectError, FilePosition};
pub use crate::error::{
    Endpoint, Error, ErrorContext, ErrorKind, ProxyFailure, RangeAnswer, Result, ServerError,
    TimeoutPhase, TlsError,
};
pub use crate::list_print::{ListChanges, ListPrint};
pub use crate::range::{ContentRange, RequestedRange};
pub use crate::stream::RangeStream;
pub use crate::torrent_ref::TorrentRef;
pub use crate::url_client::{RequestUrl, UrlClient, UrlMethod};
pub use tfs_types::{Bitfield, InfoHash, ParseInfoHashError};
