//! Searching the files of a server without a mount.

use std::sync::Arc;

use rqbit_source::RqbitSource;
use vfs_core::{QueryError, SourceError, Vfs, VfsConfig};

use crate::Server;
use crate::control::search;
use crate::control::wire::{SearchAnswer, SearchRequest};
use crate::discovery::{Discovery, Haste};

/// Why a search came to nothing. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// What was asked for is no query.
    #[error("search: {0}")]
    Query(#[from] QueryError),
    /// The server does not say what it has.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// Searches the files of all torrents of a server. Asks it for each torrent once, so that a mount
/// is much faster.
///
/// # Errors
/// [`SearchError`].
pub async fn search_server(
    server: &Server,
    request: &SearchRequest,
) -> Result<SearchAnswer, SearchError> {
    // Nothing is read.
    let source = RqbitSource::new(server.client().clone(), 1);
    let vfs = Arc::new(Vfs::new(Arc::new(source), VfsConfig::default()));
    Discovery::new(Arc::clone(&vfs), None).look(Haste::Patient).await?;
    Ok(search(&*vfs, request)?)
}
