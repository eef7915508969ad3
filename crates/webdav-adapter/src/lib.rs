//! The tree of an [`Export`](vfs_core::Export) over WebDAV (RFC 4918) and HTTP, read-only.
//!
//! [`WebdavServer::start`] serves it to file managers, players and browsers.
//!
//! # Invariants
//! - Every wait, size, depth and count that a client can cause is limited; a client that goes away
//!   ends its read.
//! - No password crosses a network in clear text.
//! - Device tokens and passwords are in no log, and in no
//!   [`ReaderOrigin`](vfs_core::ReaderOrigin).
//! - The first bytes of a file are read before the answer begins, so that failures have a status. A
//!   later failure breaks the answer off.
//! - Listings and `HEAD` never wait for a server.
//! - Nothing of a request is kept after its answer, except idle open files for some seconds.

mod access;
mod counters;
mod error;
mod handler;
mod open_files;
mod order;
mod properties;
mod refusal;
mod routes;
mod server;
mod settings;
mod site;
mod target;
mod tls;
mod tokens;
mod version;
mod xml;

pub use counters::WebdavCounts;
pub use error::WebdavError;
pub use handler::WebdavHandler;
pub use server::WebdavServer;
pub use settings::{
    FIRST_BYTE_MAX, WEBDAV_HOSTS_MAX, WebdavAuth, WebdavSettings, WebdavSettingsError,
};
pub use tls::{WebdavTls, WebdavTlsError};
pub use tokens::{DeviceTokens, NoDevices};
