//! Where the on-demand torrents of a server are recorded.

use std::sync::Arc;

use tfs_state::{OnDemandEdit, OnDemandStore, user_state_dir};
use tfs_types::{OnDemandMode, chain};
use vfs_core::InfoHash;

use crate::RqbitServer;
use crate::embedded_servers::embedded_servers;
use crate::on_demand_records::{RecordsError, ServerRecords, url_key};

/// Returns the records of the on-demand torrents of a server: those of its mount, else those of
/// this user. Asks the mounts of this user whether the server is embedded in one.
///
/// # Errors
/// [`RecordsError::NoStateDir`].
pub(crate) async fn records_of(server: &RqbitServer) -> Result<Arc<ServerRecords>, RecordsError> {
    if let Some(records) = server.records() {
        return Ok(Arc::clone(records));
    }
    let state_dir = user_state_dir().ok_or(RecordsError::NoStateDir)?;
    let url = server.client().base_url();
    let mut key = None;
    if url.is_loopback() {
        let found = embedded_servers().await;
        let own = found.into_iter().find(|found| found.connection.url == *url);
        key = own.and_then(|found| found.record_key);
    }
    let key = key.unwrap_or_else(|| url_key(url));
    Ok(Arc::new(ServerRecords::new(OnDemandStore::in_dir(&state_dir), key)))
}

/// Returns the mode of a torrent of a server; `None` if it is not on demand, or if the records
/// cannot be read.
pub(crate) async fn recorded_mode(server: &RqbitServer, torrent: InfoHash) -> Option<OnDemandMode> {
    let records = records_of(server).await.ok()?;
    Some(records.load().await.ok()?.get(records.key(), torrent)?.mode)
}

/// Removes the record of a torrent that tfs removed from a server. A failure is logged.
pub(crate) async fn forget_record(server: &RqbitServer, torrent: InfoHash) {
    let forgotten = async {
        let records = records_of(server).await?;
        if records.load().await?.get(records.key(), torrent).is_some() {
            records.change(torrent, [OnDemandEdit::Remove]).await?;
        }
        Ok::<_, RecordsError>(())
    };
    if let Err(error) = forgotten.await {
        let error = chain(&error);
        tracing::warn!(%torrent, error, "the record of an on-demand torrent stays");
    }
}
