//! Why a front end does not serve.

use std::io;
use std::net::SocketAddr;

use super::FrontKind;

/// Why a front end is not served. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    /// The address cannot be used.
    #[error("serve {kind} at {address}")]
    Listen {
        /// The protocol.
        kind: FrontKind,
        /// The configured address.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
}
