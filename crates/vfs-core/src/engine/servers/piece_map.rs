//! Which pieces of a file are there, at any server or on the local disk: for display.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::MultiEngine;
use crate::engine::Engine;
use crate::engine::driver::EngineDriver;
use crate::tree::{FileRef, FileState};
use crate::{Bitfield, InfoHash, LocalPieces, ServerId, TorrentSource};

/// How long a map waits for the bitfields of the servers. rqbit answers within milliseconds; a
/// person who looks is better served by the last one than by a wait.
const MAP_TIME_MAX: Duration = Duration::from_millis(500);

impl<S: TorrentSource> MultiEngine<S> {
    /// Returns the pieces that each server that has a file reports, and those of its verified local
    /// file. Empty if nothing is known.
    pub(crate) async fn shown_pieces(
        &self,
        file: FileRef,
        states: &[(ServerId, FileState)],
    ) -> Vec<LocalPieces> {
        let is_complete = states.iter().any(|(_, state)| state.is_complete(file.len));
        let mut parts: Vec<_> =
            self.engines.iter().filter_map(|engine| engine.local_pieces(file)).collect();
        if is_complete || parts.contains(&LocalPieces::All) {
            return vec![LocalPieces::All];
        }
        let engines = states.iter().filter_map(|(server, _)| self.engine(*server));
        let mut requests = JoinSet::new();
        for engine in engines.filter(|_| file.geometry.is_some()) {
            let shared = Arc::clone(&engine.shared);
            requests.spawn(async move { last_bitfield(&shared, file.id.torrent).await });
        }
        while let Some(have) = requests.join_next().await {
            if let Ok(Some(have)) = have
                && file.lies_in(&have)
            {
                parts.push(LocalPieces::Some(have));
            }
        }
        parts
    }
}

impl<S: TorrentSource> Engine<S> {
    /// Returns the pieces of the open local file of a file.
    fn local_pieces(&self, file: FileRef) -> Option<LocalPieces> {
        Some(self.locals.peek(file.id)?.pieces.clone())
    }
}

/// Returns the bitfield of a torrent: at most a second old, or the last one if the server is down
/// or slow.
async fn last_bitfield<S: TorrentSource>(
    shared: &Arc<EngineDriver<S>>,
    torrent: InfoHash,
) -> Option<Bitfield> {
    let now = shared.now();
    let is_refusing = shared.read(|core| core.plan.is_refusing(now));
    let newest = match is_refusing {
        true => None,
        false => timeout(MAP_TIME_MAX, shared.pieces(torrent)).await.ok().flatten(),
    };
    newest.or_else(|| shared.read(|core| core.plan.last_bitfield(torrent)))
}

impl FileRef {
    /// Returns whether a bitfield reaches to the end of the file. Otherwise it belongs to another
    /// torrent.
    fn lies_in(self, have: &Bitfield) -> bool {
        let last = self.geometry.and_then(|it| it.piece_at(self.len.saturating_sub(1)));
        last.is_some_and(|last| last < have.piece_count())
    }
}
