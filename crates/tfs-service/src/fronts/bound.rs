//! Front ends whose addresses are taken, before they serve.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::{FrontError, FrontKind, FrontSettings};

/// A front end that listens, but answers nobody yet.
#[derive(Debug)]
pub(crate) struct BoundFront {
    pub(super) settings: FrontSettings,
    /// Its listener and its address with the actual port.
    pub(super) listener: Result<(TcpListener, SocketAddr), FrontError>,
}

impl BoundFront {
    /// Takes the address. Must be called in a runtime.
    pub(crate) fn bind(settings: FrontSettings) -> Self {
        let (kind, address) = (settings.kind, settings.listen);
        let failed = |source| FrontError::Listen { kind, address, source };
        let listener = tfs_http::bind(address).and_then(|listener| {
            let address = listener.local_addr()?;
            Ok((listener, address))
        });
        Self { settings, listener: listener.map_err(failed) }
    }

    /// Returns the name of a library that is served only here, such as `webdav://127.0.0.1:8080`.
    pub(crate) fn place_name(&self) -> String {
        let address = self.listener.as_ref().map_or(self.settings.listen, |(_, address)| *address);
        place_name(self.settings.kind, address)
    }

    /// Returns it, if its address is taken.
    ///
    /// # Errors
    /// [`FrontError`].
    pub(crate) fn required(self) -> Result<Self, FrontError> {
        match self.listener {
            Ok(listener) => Ok(Self { settings: self.settings, listener: Ok(listener) }),
            Err(error) => Err(error),
        }
    }
}

/// Returns the name of a library that is served only at an address.
pub(super) fn place_name(kind: FrontKind, address: SocketAddr) -> String {
    format!("{kind}://{address}")
}
