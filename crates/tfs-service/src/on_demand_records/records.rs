//! The records of one server.

use rqbit_client::BaseUrl;
use tfs_state::{OnDemandChange, OnDemandEdit, OnDemandError, OnDemandStore, OnDemandTable};
use tfs_state::{SelectionLock, ServerIdentity};
use tfs_sys::blocking;
use vfs_core::InfoHash;

/// The records of the on-demand torrents of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerRecords {
    store: OnDemandStore,
    key: String,
}

/// Why records of on-demand torrents cannot be used. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// The user has no home directory, so there is no state directory.
    #[error("find the on-demand torrents: the user has no home directory")]
    NoStateDir,
    /// They cannot be read or written.
    #[error(transparent)]
    Store(#[from] OnDemandError),
    /// A lock cannot be taken, for ten seconds if another process keeps it.
    #[error("lock the selections of on-demand torrents")]
    Locked(#[source] std::io::Error),
}

/// Returns the key of the records of a server at an address. All addresses of the loopback
/// interface are one.
pub(crate) fn url_key(url: &BaseUrl) -> String {
    if !url.is_loopback() {
        return ServerIdentity::of_url(url).as_str().to_owned();
    }
    let scheme = if url.is_https() { "https" } else { "http" };
    format!("{scheme}://localhost:{}{}", url.port(), url.prefix())
}

impl ServerRecords {
    pub(crate) fn new(store: OnDemandStore, key: String) -> Self {
        Self { store, key }
    }

    pub(crate) fn store(&self) -> &OnDemandStore {
        &self.store
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Reads the records of all servers.
    ///
    /// # Errors
    /// [`RecordsError::Store`].
    pub(crate) async fn load(&self) -> Result<OnDemandTable, RecordsError> {
        let store = self.store.clone();
        Ok(blocking(move || store.load()).await?)
    }

    /// Changes the record of a torrent. Returns the records of all servers.
    ///
    /// # Errors
    /// [`RecordsError::Store`]. Then nothing has changed.
    ///
    /// # Cancel safety
    /// The change is made or not.
    pub(crate) async fn change(
        &self,
        torrent: InfoHash,
        edits: impl IntoIterator<Item = OnDemandEdit>,
    ) -> Result<OnDemandTable, RecordsError> {
        let change = |edit| OnDemandChange { server: self.key.clone(), torrent, edit };
        let changes: Vec<_> = edits.into_iter().map(change).collect();
        let store = self.store.clone();
        Ok(blocking(move || store.change(&changes)).await?)
    }

    /// Waits until no other process changes a selection.
    ///
    /// # Errors
    /// [`RecordsError::Locked`] after ten seconds.
    pub(crate) async fn lock_selections(&self) -> Result<SelectionLock, RecordsError> {
        let store = self.store.clone();
        blocking(move || store.lock_selections()).await.map_err(RecordsError::Locked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_server_has_one_key() {
        let key = |url: &str| url_key(&url.parse().unwrap());
        assert_eq!(key("http://127.0.0.1:3030"), key("http://localhost:3030/"));
        assert_eq!(key("http://[::1]:3030"), "http://localhost:3030/");
        assert_ne!(key("http://nas:3030"), key("http://localhost:3030"));
    }
}
