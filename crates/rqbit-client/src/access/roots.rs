//! Root certificates that are trusted in addition to those of the system.

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

/// Root certificates, trusted for `https`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootCertificates {
    certificates: Vec<CertificateDer<'static>>,
}

/// Why a certificate cannot be trusted.
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

impl RootCertificates {
    /// Adds every certificate of a PEM text; other PEM sections are skipped.
    ///
    /// # Errors
    ///
    /// Any [`RootCertificatesError`]; then none is added.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<(), RootCertificatesError> {
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
    pub(crate) fn iter(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.certificates.iter()
    }
}

/// Checks that rustls can use the certificate as a root.
fn check_root(certificate: &CertificateDer<'static>) -> Result<(), RootCertificatesError> {
    let mut store = RootCertStore::empty();
    store.add(certificate.clone()).map_err(|_error| RootCertificatesError::Certificate)
}
