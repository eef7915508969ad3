//! Configuration of a client: address, credentials, time-outs, trusted roots.

use std::time::Duration;

use crate::{BaseUrl, Credentials};

/// A server on the same continent completes TCP and TLS handshakes within one second; ten leave
/// room for a lost packet and a server that is swapping.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// rqbit answers within milliseconds, except while a torrent is being checked: the headers of a
/// stream wait for the check.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(30);

/// The body of a stream waits for peers to send a missing piece, so this is long. A caller with its
/// own deadline cancels earlier.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(60);

/// The largest answers (a list of a hundred thousand files) take seconds on a slow connection.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(60);

/// Time-outs for each phase of a call.
///
/// Each counts from the start of its phase. With zero, the phase fails unless it completes at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Name resolution, TCP connection and TLS handshake together.
    pub connect: Duration,
    /// From the request to the end of the response's headers.
    pub headers: Duration,
    /// From one chunk of a body to the next one.
    ///
    /// For a stream it counts from the moment the caller requests a chunk that has not arrived.
    pub chunk: Duration,
    /// A whole call except a stream, from its start to the last byte of the answer.
    ///
    /// It stops a server that sends a body too slowly.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: CONNECT_TIMEOUT,
            headers: HEADERS_TIMEOUT,
            chunk: CHUNK_TIMEOUT,
            total: TOTAL_TIMEOUT,
        }
    }
}

/// Configuration of a [`Client`](crate::Client).
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The server.
    pub base_url: BaseUrl,
    /// Sent with every request to this server, and to no other.
    pub credentials: Option<Credentials>,
    /// The deadlines of every call.
    pub timeouts: Timeouts,
    /// Trusted in addition to the roots of the system.
    #[cfg(feature = "tls")]
    pub extra_roots: RootCertificates,
}

impl ClientConfig {
    /// Creates a configuration with the default [`Timeouts`], no credentials and no extra roots.
    pub fn new(base_url: BaseUrl) -> Self {
        Self {
            base_url,
            credentials: None,
            timeouts: Timeouts::default(),
            #[cfg(feature = "tls")]
            extra_roots: RootCertificates::default(),
        }
    }
}

/// Root certificates, trusted for `https`.
#[cfg(feature = "tls")]
#[derive(Clone, Debug, Default)]
pub struct RootCertificates {
    certificates: Vec<tokio_rustls::rustls::pki_types::CertificateDer<'static>>,
}

/// Why a certificate cannot be trusted.
#[cfg(feature = "tls")]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootCertificatesError {
    /// The text is not PEM.
    #[error("parse the root certificates: not valid PEM")]
    Pem,
    /// The PEM text contains no certificate.
    #[error("parse the root certificates: the file has none")]
    Empty,
    /// The bytes are not an X.509 certificate.
    #[error("parse the root certificate: not a valid X.509 certificate")]
    Certificate,
}

#[cfg(feature = "tls")]
impl RootCertificates {
    /// Adds every certificate of a PEM text; other PEM sections are skipped.
    ///
    /// # Errors
    ///
    /// Any [`RootCertificatesError`]; then none is added.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<(), RootCertificatesError> {
        use tokio_rustls::rustls::pki_types::CertificateDer;
        use tokio_rustls::rustls::pki_types::pem::PemObject as _;

        let certificates = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_error| RootCertificatesError::Pem)?;
        if certificates.is_empty() {
            return Err(RootCertificatesError::Empty);
        }
        certificates.iter().try_for_each(check_root)?;
        self.certificates.extend(certificates);
        Ok(())
    }

    /// Returns the certificates.
    pub(crate) fn iter(
        &self,
    ) -> impl Iterator<Item = &tokio_rustls::rustls::pki_types::CertificateDer<'static>> {
        self.certificates.iter()
    }
}

/// Checks that rustls can use the certificate as a root.
#[cfg(feature = "tls")]
fn check_root(
    certificate: &tokio_rustls::rustls::pki_types::CertificateDer<'static>,
) -> Result<(), RootCertificatesError> {
    let mut store = tokio_rustls::rustls::RootCertStore::empty();
    store.add(certificate.clone()).map_err(|_error| RootCertificatesError::Certificate)
}
