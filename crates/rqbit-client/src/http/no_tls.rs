//! Replacement for TLS in builds without it: rejects `https`.

use std::io;

use tokio::net::TcpStream;

use super::connection::Io;
use crate::error::CallFailure;
use crate::{ClientConfig, ErrorKind, TlsError};

/// Has no values.
pub(super) enum Tls {}

impl Tls {
    /// Always fails.
    pub(super) fn new(_config: &ClientConfig) -> Result<Self, CallFailure> {
        Err(ErrorKind::Tls(TlsError::NotBuilt).into())
    }

    /// Unreachable.
    pub(super) async fn handshake(&self, _tcp: TcpStream) -> Result<Box<dyn Io>, CallFailure> {
        match *self {}
    }
}

/// Always returns `None`.
pub(super) fn client_certificate_failure(_error: &io::Error) -> Option<TlsError> {
    None
}
