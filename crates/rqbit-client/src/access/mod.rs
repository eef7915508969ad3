//! AccessOptions to a server behind something: extra headers, a proxy, trusted roots, a client
//! certificate.

mod header;
#[cfg(feature = "tls")]
mod identity;
mod proxy;
#[cfg(feature = "tls")]
mod roots;

pub use self::header::{ExtraHeader, ExtraHeaderError};
#[cfg(feature = "tls")]
pub use self::identity::{ClientIdentity, ClientIdentityError};
pub use self::proxy::{Proxy, ProxyParseError};
#[cfg(feature = "tls")]
pub use self::roots::{RootCertificates, RootCertificatesError};

/// How a server is reached that is behind something. The default adds nothing.
///
/// `Debug` shows no secret. Two values are equal if requests made with them are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessOptions {
    /// Sent with every request to the server, and not to a proxy that only tunnels.
    pub headers: Vec<ExtraHeader>,
    /// All connections go through it.
    pub proxy: Option<Proxy>,
    /// Trusted in addition to the roots of the system.
    #[cfg(feature = "tls")]
    pub extra_roots: RootCertificates,
    /// Shown to a server that requests a certificate of its clients.
    #[cfg(feature = "tls")]
    pub identity: Option<ClientIdentity>,
}
