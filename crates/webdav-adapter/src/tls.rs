//! TLS: the certificate of the server, and connections that begin with a handshake.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;
use tfs_http::{Accept, Peer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{Error, ServerConfig};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept as Handshake, TlsAcceptor};

/// Marks of a private key that is encrypted with a passphrase (PKCS #8 and older OpenSSL).
const ENCRYPTED_MARKS: [&str; 2] = ["BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"];

/// A certificate with its chain and private key. `Debug` shows neither.
#[derive(Clone)]
pub struct WebdavTls(Arc<ServerConfig>);

/// Why a certificate and a key cannot be used. The message fits after the name of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebdavTlsError {
    /// The certificate's text has no certificate.
    #[error("no certificate in PEM form")]
    NoCertificate,
    /// The certificate's bytes are not an X.509 certificate.
    #[error("not a valid X.509 certificate")]
    Certificate,
    /// The key's text has no private key.
    #[error("no private key in PEM form")]
    NoKey,
    /// The key is encrypted with a passphrase.
    #[error("the key is encrypted with a passphrase; write it without one")]
    EncryptedKey,
    /// The key's algorithm is unknown, or its bytes are wrong.
    #[error("the key is damaged, or of an unknown kind")]
    UnusableKey,
    /// The key is not that of the first certificate.
    #[error("the key does not belong to the certificate")]
    Mismatch,
}

impl WebdavTlsError {
    /// Returns whether the file of the key is the problem, and not that of the certificate.
    #[must_use]
    pub fn is_about_key(self) -> bool {
        match self {
            Self::NoKey | Self::EncryptedKey | Self::UnusableKey | Self::Mismatch => true,
            Self::NoCertificate | Self::Certificate => false,
        }
    }
}

impl WebdavTls {
    /// Takes the PEM texts of a certificate, with its chain after it, and of its private key. They
    /// may be the same text.
    ///
    /// # Errors
    /// Any [`WebdavTlsError`].
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, WebdavTlsError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or(WebdavTlsError::NoCertificate)?;
        let text = String::from_utf8_lossy(key);
        if ENCRYPTED_MARKS.iter().any(|mark| text.contains(mark)) {
            return Err(WebdavTlsError::EncryptedKey);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_error| WebdavTlsError::NoKey)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().map_err(|_error| {
            // The provider has both versions.
            WebdavTlsError::UnusableKey
        })?;
        let mut config = match builder.with_no_client_auth().with_single_cert(chain, key) {
            Ok(config) => config,
            Err(Error::InconsistentKeys(_)) => return Err(WebdavTlsError::Mismatch),
            Err(Error::InvalidCertificate(_)) => return Err(WebdavTlsError::Certificate),
            Err(_) => return Err(WebdavTlsError::UnusableKey),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }
}

impl fmt::Debug for WebdavTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WebdavTls(hidden)")
    }
}

/// Accepts connections that begin with a handshake.
pub(crate) struct TlsListener {
    pub(crate) listener: TcpListener,
    pub(crate) tls: WebdavTls,
}

impl fmt::Debug for TlsListener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("TlsListener").field(&self.listener).finish()
    }
}

impl Accept for TlsListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Option<Box<dyn Peer>>>> {
        Box::pin(async move {
            let (connection, address) = self.listener.accept().await?;
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "a connection is already gone");
            }
            let handshake = TlsAcceptor::from(Arc::clone(&self.tls.0)).accept(connection);
            let state = TlsState::Begins(Box::new(handshake));
            Ok(Some(Box::new(TlsPeer { address, state }) as _))
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move { drop(self) })
    }
}

/// A client of a [`TlsListener`]. Its first read or write does the handshake, so that the limit for
/// the head of the first request covers it.
struct TlsPeer {
    address: SocketAddr,
    state: TlsState,
}

enum TlsState {
    Begins(Box<Handshake<TcpStream>>),
    Open(Box<TlsStream<TcpStream>>),
    Failed,
}

impl Peer for TlsPeer {
    fn address(&self) -> Option<SocketAddr> {
        Some(self.address)
    }
}

impl TlsPeer {
    /// Returns the connection after its handshake.
    fn poll_open(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Pin<&mut TlsStream<TcpStream>>>> {
        if let TlsState::Begins(handshake) = &mut self.state {
            match ready!(Pin::new(handshake).poll(context)) {
                Ok(stream) => self.state = TlsState::Open(Box::new(stream)),
                Err(error) => {
                    self.state = TlsState::Failed;
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(match &mut self.state {
            TlsState::Open(stream) => Ok(Pin::new(&mut **stream)),
            TlsState::Begins(_) | TlsState::Failed => Err(io::ErrorKind::NotConnected.into()),
        })
    }
}

impl AsyncRead for TlsPeer {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.get_mut().poll_open(context))?.poll_read(context, buffer)
    }
}

impl AsyncWrite for TlsPeer {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.get_mut().poll_open(context))?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.get_mut().poll_open(context))?.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            // Nothing was written yet.
            Self { state: TlsState::Begins(_), .. } => Poll::Ready(Ok(())),
            this => ready!(this.poll_open(context))?.poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self { state: TlsState::Begins(_) | TlsState::Failed, .. } => Poll::Ready(Ok(())),
            this => ready!(this.poll_open(context))?.poll_shutdown(context),
        }
    }
}
