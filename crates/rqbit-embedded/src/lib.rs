//! An rqbit server inside this process: a librqbit session with its HTTP API on a loopback port.
//!
//! It is what `tfs mount --embedded DIR` and `tfs demo` talk to when there is no rqbit to talk to,
//! and the real server of the tests.
//! Callers start it, ask for [`EmbeddedServer::api_addr`], and use HTTP like with any other rqbit:
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
//! # What it never does
//! - It never shows a type of librqbit or of its error crate: the version of librqbit is a detail.
//! - It never listens for HTTP anywhere but on 127.0.0.1.
//! - It never runs on the caller's runtime. Each server owns one, because librqbit blocks its
//!   workers while it hashes, and because axum detaches the task of each HTTP connection: only the
//!   end of the runtime ends them all. The price is a few threads for each server.
//! - It never outlives its [`EmbeddedServer`]: dropping that ends every task of the server.
//!
//! # The trap
//! Every open HTTP stream holds one of [`EmbeddedConfig::blocking_permits`] for its whole life, and
//! writing, hashing and adding need the same permits. As many streams as permits stop the server.
//!
//! # Logs
//! librqbit logs its progress at `info` and each refused peer at `debug`, some lines every second.
//! [`LOG_TARGETS`] are the targets to turn down; `librqbit=warn,tower_http=off` does it.

mod bencode;
mod config;
mod dir;
mod error;
mod metainfo;
mod piece_hasher;
mod runtime;
mod seed;
mod server;
mod session;
mod source_files;

pub use crate::config::{ApiCredentials, EmbeddedConfig, MIN_LIMIT_BPS, Network};
pub use crate::error::{EmbeddedError, EmbeddedErrorKind};
pub use crate::seed::{SeedOptions, SeededTorrent};
pub use crate::server::EmbeddedServer;

/// Targets of `tracing` events that a server inside the process emits, as prefixes.
///
/// `librqbit` also covers `librqbit_dht`, `librqbit_core` and the others of that family, because
/// target filters compare prefixes. `tower_http` logs a failed request a second time.
pub const LOG_TARGETS: [&str; 2] = ["librqbit", "tower_http"];
