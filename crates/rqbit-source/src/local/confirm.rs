//! Confirms with the server the files that are read by verifications of an earlier run.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rqbit_client::{Client, wire};
use tokio::time::timeout;
use vfs_core::{FileId, InfoHash, TorrentSummary};

use super::LocalFiles;
use super::place::relative_path;
use super::verification_store::VerifiedFileRecord;

/// Maximum number of torrents that are confirmed at a time; the others wait for the next list.
const TORRENTS_MAX: usize = 16;

/// Maximum delay of a list by this. rqbit answers within milliseconds.
const TIME_MAX: Duration = Duration::from_secs(2);

impl LocalFiles {
    /// Queries the server, which has just listed torrents, about files that are read by
    /// verifications of an earlier run. `listing` are the torrents that have changed since the last
    /// call, or all. A file that the server now has elsewhere is not read any
    /// more. Files without an answer are queried again after the next list.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(crate) async fn confirm(
        self: &Arc<Self>,
        client: &Client,
        listing: &[TorrentSummary],
        is_listed: impl Fn(InfoHash) -> bool,
    ) {
        self.note_skipping(client);
        if !self.may_look(client) {
            return;
        }
        self.drop_incomplete(listing);
        self.renew(client, listing);
        let mut torrents: HashMap<InfoHash, Vec<(FileId, Arc<VerifiedFileRecord>)>> =
            HashMap::new();
        for (file, proof) in self.memory().to_confirm() {
            torrents.entry(file.torrent).or_default().push((file, proof));
        }
        if torrents.is_empty() {
            return;
        }
        // An unlisted torrent may be missing only temporarily; its removal is reported separately.
        let listed = torrents.into_iter().filter(|(torrent, _)| is_listed(*torrent));
        let listed: Vec<_> = listed.take(TORRENTS_MAX).collect();
        let asking = async {
            for (torrent, files) in listed {
                match client.torrent_details(torrent.into()).await {
                    Ok(details) => self.compare(&details, &files),
                    Err(error) => tracing::debug!(%torrent, %error,
                        "verifications are not confirmed"),
                }
            }
        };
        if timeout(TIME_MAX, asking).await.is_err() {
            tracing::debug!("the server is too slow to report the paths of its files");
        }
    }

    /// Ends the verifications of files that the server, having checked all pieces, reports as
    /// incomplete: it may have found a piece that was bad from the start.
    fn drop_incomplete(&self, listing: &[TorrentSummary]) {
        let incomplete = self.memory().incomplete(listing);
        for (file, proof) in incomplete {
            tracing::info!(
                torrent = %file.torrent, file = file.index.0,
                "discarding its verification: the server reports the torrent as incomplete"
            );
            self.discard(file, &proof);
        }
    }

    pub(super) fn compare(
        &self,
        details: &wire::TorrentDetails,
        files: &[(FileId, Arc<VerifiedFileRecord>)],
    ) {
        for (file, proof) in files {
            if is_there(details, *file, proof) {
                self.memory().confirm(*file);
            } else {
                tracing::info!(
                    torrent = %file.torrent, file = file.index.0,
                    "no longer read from this machine's disk: the server moved it"
                );
                self.discard(*file, proof);
            }
        }
    }
}

/// Returns whether a torrent has a file at the path of its verification record.
fn is_there(details: &wire::TorrentDetails, file: FileId, proof: &VerifiedFileRecord) -> bool {
    let index = usize::try_from(file.index.0).ok();
    let files = details.files.as_deref().unwrap_or_default();
    let Some(named) = index.and_then(|index| files.get(index)) else { return false };
    let path = relative_path(&named.components);
    details.output_folder == proof.folder
        && named.length == proof.identity.len
        && path.is_some()
        && path == proof.path()
}
