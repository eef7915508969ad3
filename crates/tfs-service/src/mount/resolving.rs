//! Resolves magnet links of `tfs mount --embedded --add` while the mount is already in use.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::add::{AddError, AddFault, AddWishes, Existing, PreparedTorrent, RESOLVE_TIME_MAX, add};
use crate::{Refresher, RqbitServer};

/// Pause before the server looks for peers again. The attempt before it took up to an hour, so
/// little time is lost; a server without a network fails at once.
const REST: Duration = Duration::from_secs(60);

/// Looks for the peers of magnet links until each is added or refused. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct MagnetResolution(JoinHandle<()>);

impl MagnetResolution {
    /// Resolves all magnet links concurrently. The mount polls its server after each one that was
    /// added.
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

    /// Stops resolving. A server that has just received the metadata may have added the torrent.
    pub(crate) fn abort(&self) {
        self.0.abort();
    }
}

impl Drop for MagnetResolution {
    fn drop(&mut self) {
        self.abort();
    }
}

/// Adds a magnet link. Waits for its peers without a limit.
async fn resolve(server: &RqbitServer, magnet: &PreparedTorrent) -> Result<(), AddError> {
    let wishes = AddWishes::new(Existing::UseOfSameLength, RESOLVE_TIME_MAX);
    loop {
        match add(server, magnet, &wishes).await {
            Ok(_row) => return Ok(()),
            Err(AddError { fault: AddFault::NoPeers { .. }, .. }) => {
                tracing::warn!(
                    name = magnet.label(),
                    "no peer has sent the torrent yet; still waiting"
                );
            }
            Err(error) => return Err(error),
        }
        sleep(REST).await;
    }
}
