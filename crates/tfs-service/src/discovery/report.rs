//! Reports of discovery for `status`, `status.json`, `healthy` and `doctor`.

use tfs_api::status::{
    AbsenceStatus, DetailsStatus, DiscoveryStatus, FailedStatus, LeftOutStatus, NamedTorrent,
    TORRENTS_NAMED_MAX,
};
use vfs_core::{InfoHash, TorrentSource};

use super::Discovery;
use super::details::{DetailsProgress, LeftOutTorrent};

impl<S: TorrentSource> Discovery<S> {
    /// Updates the watch with the completeness of the tree.
    pub(super) fn report(&mut self) {
        let source = self.vfs.source(self.server);
        let name = |torrent: InfoHash| {
            let shown = self.vfs.shown_name(self.server, torrent);
            shown.or_else(|| source?.listed_name(torrent))
        };
        let left_out = self.details.left_out();
        let named = left_out.iter().take(TORRENTS_NAMED_MAX);
        let named = named.map(|LeftOutTorrent { info_hash, why }| NamedTorrent {
            info_hash: info_hash.to_string(),
            name: name(*info_hash),
            why: Some(why.clone()),
        });
        let missing = self.absence.torrents();
        let missing_named = missing.iter().take(TORRENTS_NAMED_MAX).map(|info_hash| NamedTorrent {
            info_hash: info_hash.to_string(),
            name: name(*info_hash),
            why: None,
        });
        let failed_named = self.failed.iter().take(TORRENTS_NAMED_MAX).map(|(_, info_hash)| {
            // Suggested commands use the name that the server lists.
            let listed = source.and_then(|source| source.listed_name(*info_hash));
            let why = source.and_then(|source| source.listed_failure(*info_hash));
            let name = listed.or_else(|| name(*info_hash));
            NamedTorrent { info_hash: info_hash.to_string(), name, why }
        });
        let metadata = self.metadata.counts();
        let details = self.details_progress();
        self.watch.set_discovery(DiscoveryStatus {
            details: details.map(|DetailsProgress { known, all }| DetailsStatus { known, all }),
            left_out: LeftOutStatus { count: left_out.len(), torrents: named.collect() },
            missing: AbsenceStatus {
                count: missing.len(),
                since: self.absence.summary().map(|(_, since)| since),
                torrents: missing_named.collect(),
            },
            failed: FailedStatus { count: self.failed.len(), torrents: failed_named.collect() },
            metadata_pending: metadata.pending,
            metadata_unavailable: metadata.unavailable,
        });
        self.reported_at = Some(tokio::time::Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tfs_testkit::fake::{FakeSource, directory};
    use vfs_core::{TorrentState, Vfs, VfsConfig};

    use super::super::{Discovery, PollOptions};
    use crate::status::ServerWatch;
    use tfs_api::status::FailedStatus;

    // https://github.com/qbittorrent/qBittorrent/issues/13434: the disk is full, and no message
    // reports it.
    #[tokio::test(start_paused = true)]
    async fn qbittorrent_13434_failed_torrents_are_named_until_they_are_started() {
        let source = FakeSource::new(4);
        let first = source.add(directory(2, "film", &[("a", 100)]));
        let second = source.add(directory(1, "other", &[("a", 100)]));
        let vfs = Arc::new(Vfs::new(Arc::new(source.clone()), VfsConfig::default()));
        let watch = ServerWatch::default();
        let mut discovery = Discovery::new(vfs, None).watched_by(watch.clone());
        let mut failed = async || {
            discovery.poll(&PollOptions::default()).await.unwrap();
            watch.discovery().failed
        };
        assert_eq!(failed().await, FailedStatus::default());
        source.fail(first, "No space left on device (os error 28)");
        source.update(second, |it| it.state = TorrentState::Failed);
        let status = failed().await;
        let named: Vec<_> =
            status.torrents.iter().map(|it| (it.label(), it.why.as_deref())).collect();
        let full = Some("No space left on device (os error 28)");
        assert_eq!((status.count, named), (2, vec![("film", full), ("other", None)]));
        source.update(first, |it| it.state = TorrentState::Live);
        assert_eq!(failed().await.count, 1);
    }
}
