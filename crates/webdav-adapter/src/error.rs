//! Why a server does not start.

use std::io;
use std::net::SocketAddr;

use crate::settings::WebdavSettingsError;

/// Why the tree is not served. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum WebdavError {
    /// The settings are not safe, or malformed.
    #[error("serve WebDAV")]
    Settings(#[from] WebdavSettingsError),
    /// The system refuses the address, or has no random numbers.
    #[error("serve WebDAV at {address}")]
    System {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
}
