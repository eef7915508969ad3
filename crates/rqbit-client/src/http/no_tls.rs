//! Replacement for TLS in builds without it: rejects `https`.

use tokio::net::TcpStream;

use super::connection::Io;
use crate::error::Failure;
use crate::{ClientConfig, ErrorKind, TlsProblem};

/// Has no values.
pub(super) enum Tls {}

impl Tls {
    /// Always fails.
    pub(super) fn new(_config: &ClientConfig) -> Result<Self, Failure> {
        Err(ErrorKind::Tls(TlsProblem::NotBuilt).into())
    }

    /// Unreachable.
    pub(super) async fn handshake(&self, _tcp: TcpStream) -> Result<Box<dyn Io>, Failure> {
        match *self {}
    }
}
