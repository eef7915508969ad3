//! Search in the files of a server without a mount.

use std::sync::Arc;

use futures_util::future::try_join_all;
use rqbit_source::RqbitSource;
use tfs_api::wire::{SearchAnswer, SearchRequest};
use vfs_core::{QueryError, SourceError, Vfs, VfsConfig};

use crate::RqbitServer;
use crate::control::search;
use crate::discovery::{Discovery, PollOptions};

/// Why a search failed. The message fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The query is malformed.
    #[error("search: {0}")]
    Query(#[from] QueryError),
    /// The server does not list its torrents or files.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// Searches the files of all torrents of one or more servers. Requests the details of each torrent
/// once, so a search in a mount is much faster.
///
/// # Errors
/// [`SearchError`].
pub async fn search_servers(
    servers: &[RqbitServer],
    request: &SearchRequest,
) -> Result<SearchAnswer, SearchError> {
    // No bytes are read, so one stream is enough.
    let source = |server: &RqbitServer| Arc::new(RqbitSource::new(server.client().clone(), 1));
    let sources: Vec<_> = servers.iter().map(source).collect();
    let vfs = Arc::new(Vfs::of_servers(&sources, VfsConfig::default()));
    let looks = vfs.servers().map(|server| {
        let mut discovery = Discovery::new(Arc::clone(&vfs), None).of_server(server);
        async move {
            let mut known_count = 0;
            loop {
                let looked = discovery.poll(&PollOptions::default()).await;
                // Waits as long as more details arrive.
                match discovery.details_progress() {
                    Some(progress) if progress.known > known_count => known_count = progress.known,
                    _ => return looked,
                }
            }
        }
    });
    try_join_all(looks).await?;
    Ok(search(&*vfs, request)?)
}
