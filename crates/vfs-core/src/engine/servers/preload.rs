//! One range of a file that is to be on a server, and which server that is.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::MultiEngine;
use crate::engine::plan::FileFacts;
use crate::engine::{Engine, PreloadStep};
use crate::{ByteRange, FileId, ServerId, TorrentSource, TorrentState, VfsError};

/// How often a preload looks whether its server is still there: a server is taken for down after
/// ten seconds, beside which that is little.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A server that has the torrent, and what it says of the file.
pub(crate) type PreloadServer = (ServerId, FileFacts);

impl<S: TorrentSource> MultiEngine<S> {
    /// Returns how many bytes of a range of a file are known to be on a server.
    pub(crate) fn bytes_here(
        &self,
        file: FileId,
        places: &[PreloadServer],
        server: ServerId,
        range: ByteRange,
    ) -> u64 {
        let place = places.iter().find(|(id, _)| *id == server);
        let engine = place.and_then(|(_, facts)| Some((self.engine(server)?, facts)));
        engine.map_or(0, |(engine, facts)| engine.bytes_here(file, facts, range))
    }

    /// Resolves when all of a range is on a server: on the one that has most and can get the rest.
    /// When that one is down, refuses, or gets nothing, the next goes on; where none can, the
    /// error is the last one's. `progress` is told now and then which server it is, and how far it
    /// is.
    ///
    /// # Cancel safety
    /// Dropping the future gives back the stream that it may have. What came stays.
    pub(crate) async fn preload(
        &self,
        file: FileId,
        places: &[PreloadServer],
        range: ByteRange,
        mut progress: impl FnMut(ServerId, PreloadStep),
    ) -> Result<(), VfsError> {
        let mut given_up = BTreeSet::new();
        let mut result = Err(VfsError::Stale);
        while let Some(server) = self.preload_place(places, &given_up) {
            let Some((_, facts)) = places.iter().find(|(id, _)| *id == server) else { break };
            let Some(engine) = self.engine(server) else { break };
            let report = |step| progress(server, step);
            let preloaded = tokio::select! {
                preloaded = engine.preload((file, *facts), range, report) => preloaded,
                () = self.is_passed_over(server, places, &given_up) => {
                    tracing::debug!(server = server.0, "a preload goes on at another server");
                    continue;
                }
            };
            if matches!(preloaded, Ok(()) | Err(VfsError::ShuttingDown)) {
                return preloaded;
            }
            given_up.insert(server);
            result = preloaded;
        }
        result
    }

    /// Resolves when another server is to go on with a preload.
    async fn is_passed_over(
        &self,
        server: ServerId,
        places: &[PreloadServer],
        given_up: &BTreeSet<ServerId>,
    ) {
        let mut ticks = interval(LOOK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let is_down = self.engine(server).is_none_or(Engine::is_refusing);
            if is_down && self.preload_place(places, given_up) != Some(server) {
                return;
            }
        }
    }

    /// Returns the server that is to fetch what is missing of a file: one that answers and can,
    /// and of several the one that has most.
    fn preload_place(
        &self,
        places: &[PreloadServer],
        given_up: &BTreeSet<ServerId>,
    ) -> Option<ServerId> {
        let places = places.iter().filter(|(server, _)| !given_up.contains(server));
        let places = places.filter_map(|place| Some((self.engine(place.0)?, place)));
        let best = places.min_by_key(|(engine, (server, facts))| {
            let have_bytes = facts.state.map_or(0, |state| state.have_bytes);
            let is_stopped = facts.state.is_some_and(|state| match state.torrent {
                TorrentState::Paused | TorrentState::Failed => true,
                TorrentState::Live | TorrentState::Initializing => false,
            });
            let is_complete = facts.is_complete();
            let is_useless = is_stopped && !is_complete;
            let is_refusing = engine.is_refusing();
            (is_useless, is_refusing, !is_complete, Reverse(have_bytes), *server)
        });
        best.map(|(_, (server, _))| *server)
    }
}
