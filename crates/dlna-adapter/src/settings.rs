//! Settings and errors of the server.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use webdav_adapter::WebdavError;

/// Maximum length of a name in characters, as UPnP demands.
const NAME_CHARS_MAX: usize = 64;

/// Settings of a server. `Debug` does not show the token.
#[derive(Clone, PartialEq, Eq)]
pub struct DlnaSettings {
    /// The IPv4 address to listen at: that of one interface, or 0.0.0.0 for all. With port 0 the
    /// kernel chooses one.
    pub listen: SocketAddr,
    /// The name that televisions show. Longer ones than 64 characters are cut.
    pub friendly_name: String,
    /// What distinguishes this server from others, also on other machines. The same text is the
    /// same server for televisions.
    pub identity: String,
    /// What the URLs of files contain, 128 random bits as 32 hexadecimal digits or in base32. With
    /// the same token they are valid after a restart.
    pub token: String,
    /// How long a request for a file waits for its first byte. Afterwards the answer is 503.
    pub first_byte_max: Duration,
}

impl DlnaSettings {
    /// Returns the name, cut to what UPnP allows.
    pub(crate) fn name(&self) -> String {
        self.friendly_name.chars().take(NAME_CHARS_MAX).collect()
    }
}

impl fmt::Debug for DlnaSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("DlnaSettings");
        shown.field("listen", &self.listen).field("friendly_name", &self.friendly_name);
        shown.field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum DlnaError {
    /// Televisions search over IPv4 only.
    #[error("{0} is not an IPv4 address; DLNA needs one, such as 0.0.0.0:8200 for all interfaces")]
    NotIpv4(SocketAddr),
    /// The address cannot be listened at.
    #[error("cannot listen at {address}: {source}; choose another address or port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The files cannot be served.
    #[error(transparent)]
    Files(#[from] WebdavError),
    /// Port 1900 cannot be shared.
    #[error(
        "cannot answer searches of televisions at UDP port 1900: {0}; another program may have it \
         for itself"
    )]
    Ssdp(io::Error),
}
