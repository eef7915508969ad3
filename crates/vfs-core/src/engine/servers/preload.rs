//! Preloads with several servers: selects the server that fetches a range.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::MultiEngine;
use crate::engine::plan::FileFacts;
use crate::engine::{Engine, PreloadStep};
use crate::{ByteRange, FileId, ServerId, TorrentSource, TorrentState, VfsError};

/// How often a preload checks that its server is reachable. The breaker opens after ten seconds, so
/// a second is short.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A server that has the torrent, with its facts of the file.
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

    /// Resolves when all of a range is on one server: the one that has the most bytes and can fetch
    /// the rest. When that server is down, refuses, or stalls, the next one continues. If none is
    /// left, the last error is returned. `progress` is called every 250 ms with the server and the
    /// progress.
    ///
    /// # Cancel safety
    /// Dropping the future closes its stream, if it has one. Fetched data stays on the server.
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
                    tracing::debug!(server = server.0, "a preload continues on another server");
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

    /// Resolves when another server must continue a preload.
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

    /// Returns the server that fetches missing data of a file: one that is reachable and runs the
    /// torrent, and of several the one that has the most bytes.
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
