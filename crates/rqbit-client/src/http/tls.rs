//! TLS by rustls, with the system's roots and additional ones.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, RootCertStore};

use super::connection::Io;
use crate::error::CallFailure;
use crate::{ClientConfig, ErrorKind, TlsError};

/// TLS configuration for one server.
pub(super) struct Tls {
    connector: TlsConnector,
    server_name: ServerName<'static>,
}

impl Tls {
    /// Loads the system's roots and the additional ones.
    ///
    /// Unreadable roots are skipped, as long as one is left: distributions ship malformed ones.
    pub(super) fn new(config: &ClientConfig) -> Result<Self, CallFailure> {
        let handshake = ErrorKind::Tls(TlsError::Handshake);
        let server_name = ServerName::try_from(config.base_url.host())
            .map_err(|error| CallFailure::new(handshake.clone(), error))?;
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::debug!(%error, "cannot read some root certificates");
        }
        roots.add_parsable_certificates(system.certs);
        roots.add_parsable_certificates(config.extra_roots.iter().cloned());
        if roots.is_empty() {
            return Err(ErrorKind::Tls(TlsError::NoRoots).into());
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| CallFailure::new(handshake, error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { connector: TlsConnector::from(Arc::new(tls)), server_name })
    }

    /// Performs the TLS handshake on a connection.
    pub(super) async fn handshake(&self, tcp: TcpStream) -> Result<Box<dyn Io>, CallFailure> {
        match self.connector.connect(self.server_name.clone(), tcp).await {
            Ok(tls) => Ok(Box::new(tls)),
            Err(error) => Err(handshake_failure(error)),
        }
    }
}

/// Converts the error of a handshake into its kind.
fn handshake_failure(error: io::Error) -> CallFailure {
    let kind = match error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            ErrorKind::Tls(TlsError::Certificate)
        }
        Some(_) => ErrorKind::Tls(TlsError::Handshake),
        // A network failure, not one of TLS.
        None => ErrorKind::Closed,
    };
    CallFailure::new(kind, error)
}
