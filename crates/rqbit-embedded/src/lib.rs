//! Embedded rqbit server: a librqbit session with its HTTP API on a loopback port.
//!
//! `tfs mount --embedded DIR` and `tfs demo` use it when no rqbit server runs, and the tests use it
//! as a real server. Callers start it, get [`EmbeddedServer::api_addr`], and use HTTP as with any
//! other rqbit:
//!
//! ```no_run
//! # async fn example() -> Result<(), rqbit_embedded::EmbeddedError> {
//! use rqbit_embedded::{EmbeddedConfig, EmbeddedServer};
//!
//! let server = EmbeddedServer::start(EmbeddedConfig::internet("/srv/torrents")).await?;
//! let url = format!("http://{}", server.api_addr());
//! // ... talk to `url` ...
//! server.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Non-goals
//! - It exposes no type of librqbit or of its error crate: the version of librqbit is a detail.
//! - It listens for HTTP only on 127.0.0.1.
//! - It does not run on the caller's runtime. Each server owns one, because librqbit blocks its
//!   workers while it hashes, and because axum detaches the task of each HTTP connection: only the
//!   end of the runtime ends them all. The cost is a few threads for each server.
//! - It does not outlive its [`EmbeddedServer`]: dropping that ends every task of the server.
//!
//! # Permit exhaustion
//! Every open HTTP stream holds one of [`EmbeddedConfig::blocking_permits`] for its whole life, and
//! writing, hashing and adding need the same permits. If streams hold all permits, the server
//! stops.
//!
//! # Logs
//! librqbit logs its progress at `info` and each refused peer at `debug`, several lines per second.
//! A log filter such as `librqbit=warn,tower_http=off` reduces both. `librqbit` also covers
//! `librqbit_dht` and related crates, because filters compare prefixes. `tower_http` logs a failed
//! request a second time.

mod bencode;
mod config;
mod dir;
mod error;
mod metainfo;
mod peer_lookup;
mod piece_hasher;
mod runtime;
mod seed;
mod server;
mod session;
mod source_files;

pub use crate::config::{ApiCredentials, EmbeddedConfig, MIN_LIMIT_BPS, Network};
pub use crate::error::{EmbeddedError, EmbeddedErrorKind};
pub use crate::metainfo::SeedOptions;
pub use crate::peer_lookup::PeerLookup;
pub use crate::seed::SeededTorrent;
pub use crate::server::EmbeddedServer;
