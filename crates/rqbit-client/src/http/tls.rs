//! TLS by rustls, with the system's roots and additional ones.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, AlertDescription, RootCertStore};

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
        roots.add_parsable_certificates(config.access.extra_roots.iter().cloned());
        if roots.is_empty() {
            return Err(ErrorKind::Tls(TlsError::NoRoots).into());
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| CallFailure::new(handshake.clone(), error))?
            .with_root_certificates(roots);
        let mut tls = match &config.access.identity {
            None => tls.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = identity.parts();
                tls.with_client_auth_cert(chain, key)
                    .map_err(|error| CallFailure::new(handshake, error))?
            }
        };
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
    if let Some(client) = client_certificate_failure(&error) {
        return CallFailure::new(ErrorKind::Tls(client), error);
    }
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

/// Returns the failure that an alert of the server reports about the certificate of this client.
/// With TLS 1.3 it arrives after the handshake, in place of the answer to the first request.
pub(super) fn client_certificate_failure(error: &io::Error) -> Option<TlsError> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let rustls::Error::AlertReceived(alert) = error else { return None };
    #[expect(clippy::wildcard_enum_match_arm, reason = "the alerts of RFC 8446 about certificates")]
    match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            Some(TlsError::ClientCertificateMissing)
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        // An issuer of the same name with another key.
        | AlertDescription::DecryptError
        | AlertDescription::AccessDenied => Some(TlsError::ClientCertificateRefused),
        _ => None,
    }
}
