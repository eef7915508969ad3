//! TLS by rustls, with the system's roots and additional ones.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
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
        match self.connector.connect(self.server_name.clone(), ReadTellsWhy(tcp)).await {
            Ok(tls) => Ok(Box::new(tls)),
            Err(error) => Err(handshake_failure(error)),
        }
    }
}

/// A TCP connection whose failed writes are reported by the next read.
///
/// A server that refuses the certificate of a client sends an alert and closes the connection. The
/// client may still be writing the handshake or a request. The write then fails, but the alert can
/// still be read, and says why. After it, a read fails or ends as the write did.
struct ReadTellsWhy(TcpStream);

/// Turns the failure of a write to a connection that the peer has closed into a success.
fn unless_closed(written: Poll<io::Result<usize>>, len: usize) -> Poll<io::Result<usize>> {
    written.map(|result| {
        result.or_else(|error| {
            let is_closed =
                matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset);
            if is_closed { Ok(len) } else { Err(error) }
        })
    })
}

impl AsyncRead for ReadTellsWhy {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for ReadTellsWhy {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        unless_closed(Pin::new(&mut self.0).poll_write(cx, bytes), bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let len = parts.iter().map(|part| part.len()).sum();
        unless_closed(Pin::new(&mut self.0).poll_write_vectored(cx, parts), len)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
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
/// With TLS 1.3 it arrives after the handshake, instead of the first response.
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
