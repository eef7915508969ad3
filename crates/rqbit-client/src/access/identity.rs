//! The certificate and private key of this client.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, InconsistentKeys};

/// The first line of a private key that is encrypted with a passphrase (PKCS #8 and older OpenSSL).
const ENCRYPTED_MARKS: [&str; 2] = ["BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"];

/// A certificate with its private key, for servers that request one of their clients.
///
/// `Debug` shows neither.
#[derive(Clone)]
pub struct ClientIdentity {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
}

/// Why a certificate and a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientIdentityError {
    /// The certificate's text is not PEM, or has no certificate.
    #[error("parse the client certificate: no certificate in PEM form")]
    NoCertificate,
    /// The key's text is not PEM, or has no private key.
    #[error("parse the client key: no private key in PEM form")]
    NoKey,
    /// The key is encrypted with a passphrase.
    #[error("use the client key: it is encrypted with a passphrase")]
    EncryptedKey,
    /// The key's algorithm is unknown, or its bytes are wrong.
    #[error("use the client key: unknown or damaged")]
    UnusableKey,
    /// The certificate's bytes are not an X.509 certificate.
    #[error("parse the client certificate: not a valid X.509 certificate")]
    Certificate,
    /// The key is not that of the first certificate.
    #[error("use the client key: it does not belong to the certificate")]
    Mismatch,
}

impl ClientIdentityError {
    /// Returns whether the key is the problem, and not the certificate.
    #[must_use]
    pub fn is_about_key(self) -> bool {
        match self {
            Self::NoKey | Self::EncryptedKey | Self::UnusableKey | Self::Mismatch => true,
            Self::NoCertificate | Self::Certificate => false,
        }
    }

    /// Returns the reason, for a message that names the file.
    #[must_use]
    pub fn reason(self) -> String {
        let text = self.to_string();
        text.split_once(": ").map_or_else(|| text.clone(), |(_, reason)| reason.to_owned())
    }
}

impl ClientIdentity {
    /// Creates an identity from the PEM texts of a certificate, with its chain after it, and of its
    /// private key. They may be the same text.
    ///
    /// # Errors
    ///
    /// Any [`ClientIdentityError`].
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, ClientIdentityError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or(ClientIdentityError::NoCertificate)?;
        let text = String::from_utf8_lossy(key);
        if ENCRYPTED_MARKS.iter().any(|mark| text.contains(mark)) {
            return Err(ClientIdentityError::EncryptedKey);
        }
        let key =
            PrivateKeyDer::from_pem_slice(key).map_err(|_error| ClientIdentityError::NoKey)?;
        let provider = aws_lc_rs::default_provider();
        match CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider) {
            // rustls cannot compare keys of some kinds; the server then decides.
            Ok(_) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(Error::InconsistentKeys(_)) => return Err(ClientIdentityError::Mismatch),
            Err(Error::InvalidCertificate(_)) => return Err(ClientIdentityError::Certificate),
            Err(_) => return Err(ClientIdentityError::UnusableKey),
        }
        Ok(Self { chain, key: Arc::new(key) })
    }

    /// Returns the certificate with its chain, and the key.
    pub(crate) fn parts(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (self.chain.clone(), self.key.clone_key())
    }
}

impl PartialEq for ClientIdentity {
    fn eq(&self, other: &Self) -> bool {
        self.chain == other.chain && self.key.secret_der() == other.key.secret_der()
    }
}

impl Eq for ClientIdentity {}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIdentity(redacted)")
    }
}
