//! What discovery tells `status`, `status.json`, `healthy` and `doctor`.

use vfs_core::{InfoHash, TorrentSource};

use super::Discovery;
use super::details::LeftOutTorrent;
use crate::status::{
    AbsenceStatus, DetailsStatus, DiscoveryStatus, LeftOutStatus, NamedTorrent, TORRENTS_NAMED_MAX,
};

impl<S: TorrentSource> Discovery<S> {
    /// Lets the watch know how complete the tree is.
    pub(super) fn report(&mut self) {
        let source = self.vfs.source_of(self.server);
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
        let (metadata_pending, metadata_unavailable) = self.metadata.counts();
        let details = self.details_progress();
        self.watch.set_discovery(DiscoveryStatus {
            details: details.map(|(known, all)| DetailsStatus { known, all }),
            left_out: LeftOutStatus { count: left_out.len(), torrents: named.collect() },
            missing: AbsenceStatus {
                count: missing.len(),
                since: self.absence.summary().map(|(_, since)| since),
                torrents: missing_named.collect(),
            },
            metadata_pending,
            metadata_unavailable,
        });
        self.reported_at = Some(tokio::time::Instant::now());
    }
}
