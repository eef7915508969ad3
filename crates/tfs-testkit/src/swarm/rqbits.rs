//! A swarm for synchronous tests.

use rqbit_client::wire::TorrentStats;
use tokio::runtime::Runtime;

use super::{Swarm, SwarmBuilder, SwarmTorrent};

/// Two threads: the servers of a test and the clients that wait for them run concurrently.
const WORKER_THREADS: usize = 2;

/// Two real rqbits, and the runtime of their clients.
#[derive(Debug)]
pub struct Rqbits {
    /// For calls to the swarm.
    pub runtime: Runtime,
    /// The servers and their torrents.
    pub swarm: Swarm,
}

impl Rqbits {
    /// Starts both servers with their torrents.
    ///
    /// # Panics
    /// If one does not start.
    #[track_caller]
    pub fn start(builder: SwarmBuilder) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKER_THREADS)
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let swarm = runtime.block_on(builder.start()).expect("the servers start");
        Self { runtime, swarm }
    }

    /// Kills the downloader, like a machine that goes down.
    pub fn kill_downloader(&mut self) {
        self.runtime.block_on(self.swarm.kill_downloader());
    }

    /// Starts the downloader again.
    ///
    /// # Panics
    /// If it does not start.
    #[track_caller]
    pub fn start_downloader(&mut self) {
        self.runtime.block_on(self.swarm.start_downloader()).expect("the server starts again");
    }

    /// Waits until every selected file of a torrent is complete.
    ///
    /// # Panics
    /// If that takes too long.
    #[track_caller]
    pub fn wait_finished(&self, torrent: &SwarmTorrent) {
        self.runtime.block_on(self.swarm.wait_finished(torrent)).expect("it is downloaded");
    }

    /// Waits until the first bytes of a torrent have arrived.
    ///
    /// # Panics
    /// If that takes too long.
    #[track_caller]
    pub fn wait_begun(&self, torrent: &SwarmTorrent) {
        let has_begun = |stats: &TorrentStats| stats.progress_bytes > 0;
        let begun = self.swarm.wait_until(torrent, "begun", has_begun);
        self.runtime.block_on(begun).expect("the download begins");
    }

    /// Starts a torrent that was added paused.
    ///
    /// # Panics
    /// If the server refuses.
    #[track_caller]
    pub fn unpause(&self, torrent: &SwarmTorrent) {
        let started = self.swarm.client().start(torrent.info_hash.into());
        self.runtime.block_on(started).expect("the server starts it");
    }

    /// Returns how many bytes of a torrent the downloader has.
    ///
    /// # Panics
    /// If the request fails.
    #[track_caller]
    pub fn progress_bytes(&self, torrent: &SwarmTorrent) -> u64 {
        let stats = self.swarm.client().torrent_stats(torrent.info_hash.into());
        self.runtime.block_on(stats).expect("the server answers").progress_bytes
    }

    /// Returns the bytes that the downloader received from peers.
    ///
    /// # Panics
    /// If the request fails.
    #[track_caller]
    pub fn fetched_bytes(&self) -> u64 {
        let stats = self.runtime.block_on(self.swarm.client().session_stats());
        stats.expect("the server answers").counters.expect("rqbit 9").fetched_bytes
    }
}
