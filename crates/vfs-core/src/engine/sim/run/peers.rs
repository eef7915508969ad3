//! Peers of a run: any answer may come, whatever the server does.

use super::Run;
use crate::engine::plan::StreamId;
use crate::{ByteRange, FileId, InfoHash, PeerCounts};

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
