//! Settings and errors of the server.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use webdav_adapter::WebdavError;

/// Maximum length of a name in characters, as UPnP demands.
const NAME_CHARS_MAX: usize = 64;

/// Settings of a server. `Debug` does not show the key.
#[derive(Clone, PartialEq, Eq)]
pub struct DlnaSettings {
    /// The IPv4 address to listen at: that of one interface, or 0.0.0.0 for all. With port 0 the
    /// kernel chooses one.
    pub listen: SocketAddr,
    /// The name that televisions show. Longer ones than 64 characters are cut.
    pub friendly_name: String,
    /// A secret of 32 random bytes. The same key, name and port are the same server on televisions,
    /// and URLs of files stay valid after a restart.
    pub key: [u8; 32],
    /// How long a request for a file waits for its first byte. Afterwards the answer is 503.
    pub first_byte_max: Duration,
}

impl DlnaSettings {
    /// Returns the name, cut to what UPnP allows.
    pub(crate) fn name(&self) -> String {
        self.friendly_name.chars().take(NAME_CHARS_MAX).collect()
    }

    /// Returns the token in the URLs of files, 128 bits of a hash of the key.
    pub(crate) fn token(&self) -> String {
        format!("{:032x}", self.hash("token"))
    }

    /// Returns the UUID of the device at a port, in the form of version 8 of RFC 9562.
    pub(crate) fn uuid(&self, port: u16) -> String {
        let mut bits = self.hash(&format!("uuid {port} {}", self.friendly_name));
        bits = bits & !(0xf << 76) | 0x8 << 76;
        bits = bits & !(0b11 << 62) | 0b10 << 62;
        let mut uuid = String::with_capacity(36);
        for (position, digit) in format!("{bits:032x}").chars().enumerate() {
            if matches!(position, 8 | 12 | 16 | 20) {
                uuid.push('-');
            }
            uuid.push(digit);
        }
        uuid
    }

    fn hash(&self, purpose: &str) -> u128 {
        let digest = Sha256::new().chain_update(self.key).chain_update(purpose).finalize();
        digest.iter().take(16).fold(0, |bits, byte| bits << 8 | u128::from(*byte))
    }
}

impl fmt::Debug for DlnaSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("DlnaSettings");
        shown.field("listen", &self.listen).field("friendly_name", &self.friendly_name);
        shown.field("first_byte_max", &self.first_byte_max).finish_non_exhaustive()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(key: u8) -> DlnaSettings {
        DlnaSettings {
            listen: "0.0.0.0:8200".parse().unwrap(),
            friendly_name: "tfs".to_owned(),
            key: [key; 32],
            first_byte_max: Duration::from_secs(20),
        }
    }

    #[test]
    fn the_same_key_is_the_same_device() {
        let uuid = settings(1).uuid(8200);
        assert_eq!(uuid, settings(1).uuid(8200));
        assert_ne!(uuid, settings(1).uuid(8201));
        assert_ne!(uuid, settings(2).uuid(8200));
        let lengths: Vec<_> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(uuid.chars().nth(14), Some('8'));
        assert!(matches!(uuid.chars().nth(19), Some('8' | '9' | 'a' | 'b')));
        let token = settings(1).token();
        assert_eq!((token.len(), &token), (32, &settings(1).token()));
        assert!(!format!("{:?}", settings(1)).contains('['), "the key is not shown");
    }
}
