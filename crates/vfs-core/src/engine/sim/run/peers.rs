//! Peers of a run: any answer may come, whatever the server does.

use std::time::Duration;

use super::Run;
use crate::engine::plan::StreamId;
use crate::{ByteRange, FileId, InfoHash, PeerCounts};

/// The shortest time between two searches for peers of a torrent.
const SEARCH_INTERVAL_MIN: Duration = Duration::from_secs(120);

impl Run {
    /// Opens a stream at the server for the range that it is asked for.
    pub(super) fn open(&mut self, id: StreamId, file: FileId, range: ByteRange, asked_end: u64) {
        self.summary.lingers += u64::from(asked_end > range.end());
        let asked_len = asked_end - range.start();
        self.server.open(id, file, ByteRange::clamped(range.start(), asked_len, asked_end));
    }

    /// Says whether the server has all that is selected of a file's torrent.
    pub(super) fn tell_selection(&mut self, file: usize) {
        let torrent = &self.server.torrents[self.server.files[file].torrent];
        self.core.plan.on_selection(torrent.hash, torrent.has_selected);
    }

    /// Notes a search for the peers of a torrent, which trackers would count.
    pub(super) fn search_peers(&mut self, torrent: InfoHash) {
        self.summary.searches += 1;
        let last = self.searches.insert(torrent, self.now);
        let gap = last.map(|last| self.now - last);
        assert!(gap.is_none_or(|gap| gap >= SEARCH_INTERVAL_MIN), "searched too often: {gap:?}");
    }

    /// Answers a request for the peers of a torrent.
    pub(super) fn tell_peers(&mut self, torrent: InfoHash) {
        self.summary.looks += 1;
        let mut count = || usize::try_from(self.random.range(0, 1)).unwrap();
        let peers = PeerCounts {
            live: count(),
            coming: count(),
            not_needed: count(),
            dead: count(),
            forgotten: count(),
        };
        let answer = Some(peers).filter(|_| !self.server.is_down);
        self.core.plan.on_peers(self.now, torrent, answer);
    }
}
