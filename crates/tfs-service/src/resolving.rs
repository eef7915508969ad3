//! Magnet links of `tfs mount --embedded --add`: the mount is there while the server looks for
//! their peers.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::add::{AddError, AddFault, Existing, PreparedTorrent, RESOLVE_TIME_MAX, add};
use crate::{Refresher, RqbitServer};

/// How long the server rests before it looks for peers again: it had an hour, so that little is
/// lost, and a server without a network answers at once.
const REST: Duration = Duration::from_secs(60);

/// Looks for the peers of magnet links until each is added or refused. Ended by dropping it.
#[derive(Debug)]
pub(crate) struct MagnetResolution(JoinHandle<()>);

impl MagnetResolution {
    /// Starts to look for all of them at once. The mount looks at its server when one was added.
    pub(crate) fn start(
        server: &RqbitServer,
        magnets: Vec<PreparedTorrent>,
        refresher: &Refresher,
    ) -> Self {
        let (server, refresher) = (server.clone(), refresher.clone());
        Self(tokio::spawn(async move {
            let adding = magnets.iter().map(async |magnet| match resolve(&server, magnet).await {
                Ok(()) => {
                    tracing::info!(name = magnet.label(), "added");
                    drop(refresher.look_now().await);
                }
                Err(AddError { input, fault }) => {
                    tracing::warn!(name = input, reason = %fault, "cannot add a magnet link");
                }
            });
            join_all(adding).await;
        }))
    }

    /// Ends it. A server that has just got its answer may have added a torrent.
    pub(crate) fn abort(&self) {
        self.0.abort();
    }
}

impl Drop for MagnetResolution {
    fn drop(&mut self) {
        self.abort();
    }
}

/// Adds a magnet link, however long its peers take to come.
async fn resolve(server: &RqbitServer, magnet: &PreparedTorrent) -> Result<(), AddError> {
    loop {
        match add(server, magnet, Existing::Use, RESOLVE_TIME_MAX).await {
            Ok(_row) => return Ok(()),
            Err(AddError { fault: AddFault::NoPeers { .. }, .. }) => {
                tracing::warn!(name = magnet.label(), "no peer has the torrent, looking on");
            }
            Err(error) => return Err(error),
        }
        sleep(REST).await;
    }
}
