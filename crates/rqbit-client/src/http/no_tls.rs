//! In place of TLS where it is not built in: refuses `https`.

use tokio::net::TcpStream;

use super::connection::Io;
use crate::error::Failure;
use crate::{ClientConfig, ErrorKind, TlsProblem};

/// Never there.
pub(super) enum Tls {}

impl Tls {
    /// Fails.
    pub(super) fn new(_config: &ClientConfig) -> Result<Self, Failure> {
        Err(ErrorKind::Tls(TlsProblem::NotBuilt).into())
    }

    /// Is never called.
    pub(super) async fn handshake(&self, _tcp: TcpStream) -> Result<Box<dyn Io>, Failure> {
        match *self {}
    }
}
