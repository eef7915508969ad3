//! Seeders and a downloader, real rqbits on loopback, with torrents of generated content.
//!
//! The servers run in this process and know each other only by address; no traffic leaves the
//! machine. A torrent is written below a temporary directory, seeded from there, and added to the
//! downloader over HTTP, which is the server that tests mount:
//!
//! ```no_run
//! # async fn example() -> tfs_testkit::swarm::Result<()> {
//! use tfs_testkit::content::Content;
//! use tfs_testkit::swarm::{Swarm, TorrentSpec};
//!
//! let film = TorrentSpec::file("film.mkv", Content::new(1, 10 << 20));
//! let mut swarm = Swarm::builder().torrent(film).download_bps(2_000_000).start().await?;
//! let film = swarm.torrents()[0].clone();
//! // ... mount `swarm.api_url()` and read while it downloads ...
//! swarm.wait_finished(&film).await?;
//! swarm.check_downloaded(&film)?;
//! # Ok(())
//! # }
//! ```
//!
//! Dropping a [`Swarm`] kills the servers, waits for their end, and removes all files.

mod announce;
mod builder;
mod downloader;
mod error;
mod gate;
mod holding;
mod process;
#[cfg(feature = "swarm-8")]
mod rqbit8;
mod rqbits;
mod spec;
mod torrent;
mod tracker;
mod wait;

use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use rqbit_client::wire::Limits;
use rqbit_client::{AddOptions, AddSource, Client};
use rqbit_embedded::{EmbeddedServer, MIN_LIMIT_BPS, PeerLookup, SeedOptions, SeededTorrent};
use tempfile::TempDir;

pub use self::announce::AnnounceServer;
pub use self::builder::SwarmBuilder;
pub use self::error::{Result, SwarmError};
pub use self::gate::PeerGate;
pub use self::process::serve_if_asked;
pub use self::rqbits::Rqbits;
pub use self::spec::{Download, TorrentSpec};
pub use self::torrent::{SwarmFile, SwarmTorrent};
pub use self::tracker::Tracker;

use self::downloader::{Downloader, DownloaderServer};

/// A downloader, its seeders, and their torrents.
#[derive(Debug)]
pub struct Swarm {
    /// At least one; empty only during the drop.
    seeders: Vec<EmbeddedServer>,
    seeder_clients: Vec<Client>,
    /// One for each seeder, or none.
    gates: Vec<PeerGate>,
    announces: Option<AnnounceServer>,
    downloader: Downloader,
    torrents: Vec<SwarmTorrent>,
    /// The number of torrents created so far, which names the next directory of the seeder.
    made_count: usize,
    /// Removed last, when no server writes to it any more.
    dir: TempDir,
}

impl Swarm {
    /// Returns a builder without torrents and limits.
    pub fn builder() -> SwarmBuilder {
        SwarmBuilder::default()
    }

    /// Returns the address of the downloader's API, such as `http://127.0.0.1:40123`. A restart of
    /// the downloader does not change it.
    pub fn api_url(&self) -> String {
        format!("http://{}", self.downloader.api_addr)
    }

    /// Returns the address of the seeder's API.
    pub fn seeder_url(&self) -> String {
        format!("http://{}", self.seeder().api_addr())
    }

    /// Returns the address at which the downloader reaches the first seeder.
    ///
    /// # Errors
    /// [`SwarmError::NoPeer`].
    pub fn peer_addr(&self) -> Result<SocketAddr> {
        self.peer_addrs()?.first().copied().ok_or(SwarmError::NoPeer)
    }

    /// Returns the addresses at which the downloader reaches the seeders: those of the gates, if
    /// there are any.
    ///
    /// # Errors
    /// [`SwarmError::NoPeer`].
    pub fn peer_addrs(&self) -> Result<Vec<SocketAddr>> {
        if !self.gates.is_empty() {
            return Ok(self.gates.iter().map(PeerGate::addr).collect());
        }
        let seeders = self.seeders.iter();
        seeders.map(|seeder| seeder.peer_addr().ok_or(SwarmError::NoPeer)).collect()
    }

    /// Returns the gates of a [gated](SwarmBuilder::gated) swarm, one for each seeder.
    pub fn gates(&mut self) -> &mut [PeerGate] {
        &mut self.gates
    }

    /// Returns the tracker of a [tracked](SwarmBuilder::tracked) swarm.
    pub fn announces(&self) -> Option<&AnnounceServer> {
        self.announces.as_ref()
    }

    /// Gives the tracker the present addresses of the seeders.
    ///
    /// # Errors
    /// [`SwarmError::NoPeer`].
    pub fn announce_peers(&self) -> Result<()> {
        if let Some(announces) = &self.announces {
            announces.set_peers(self.peer_addrs()?);
        }
        Ok(())
    }

    /// Returns a client of the downloader, for calls without a method of this type.
    pub fn client(&self) -> &Client {
        &self.downloader.client
    }

    /// Returns a client of the first seeder.
    pub fn seeder_client(&self) -> &Client {
        self.seeder_clients.first().expect("there is a seeder")
    }

    /// Returns the download directory of the downloader.
    pub fn download_dir(&self) -> &Path {
        &self.downloader.config.dir
    }

    /// Returns what finds peers for the downloader.
    ///
    /// # Errors
    /// [`SwarmError::NoPeer`] if it is down, or runs in a process of its own.
    pub fn peer_lookup(&self) -> Result<PeerLookup> {
        match &self.downloader.server {
            Some(DownloaderServer::Here(server)) => Ok(server.peer_lookup()),
            Some(DownloaderServer::Apart(_)) | None => Err(SwarmError::NoPeer),
        }
    }

    /// Returns the torrents of the downloader, in the order in which they were added.
    pub fn torrents(&self) -> &[SwarmTorrent] {
        &self.torrents
    }

    /// Returns a new directory for a test, such as for a mount point. It is removed with the swarm.
    ///
    /// # Errors
    /// If it exists, or cannot be created.
    pub fn new_dir(&self, name: &str) -> Result<PathBuf> {
        let path = self.dir.path().join("test").join(name);
        fs::create_dir_all(path.parent().unwrap_or(self.dir.path()))
            .and_then(|()| fs::create_dir(&path))
            .map_err(|e| SwarmError::file(&path, e))?;
        Ok(path)
    }

    /// Writes the files of a torrent, seeds them, and adds the torrent to the downloader.
    ///
    /// # Errors
    /// Those of the three steps; the torrent may then be at one server or both.
    pub async fn add(&mut self, spec: TorrentSpec) -> Result<SwarmTorrent> {
        let seeded = self.seed(&spec).await?;
        let listed = self
            .client()
            .add_torrent(
                &AddSource::TorrentFile(seeded.torrent_bytes.clone()),
                &AddOptions { list_only: true, ..AddOptions::default() },
            )
            .await?;
        let mut torrent = SwarmTorrent::new(&spec, &seeded, &listed.details)?;
        torrent.folder = self.downloader.add(&torrent, self.initial_peers()?).await?;
        self.torrents.push(torrent.clone());
        Ok(torrent)
    }

    /// Removes a torrent from the downloader, which keeps its files on disk.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn forget(&mut self, torrent: &SwarmTorrent) -> Result<()> {
        self.client().forget(torrent.info_hash.into()).await?;
        self.torrents.retain(|kept| kept.info_hash != torrent.info_hash);
        Ok(())
    }

    /// Adds a [forgotten](Swarm::forget) torrent again, with its files on disk.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn add_again(&mut self, torrent: &SwarmTorrent) -> Result<()> {
        self.downloader.add(torrent, self.initial_peers()?).await?;
        self.torrents.push(torrent.clone());
        Ok(())
    }

    /// Removes a torrent from all servers, and all of its files from disk.
    ///
    /// # Errors
    /// If a server refuses.
    pub async fn delete(&mut self, torrent: &SwarmTorrent) -> Result<()> {
        self.client().delete(torrent.info_hash.into()).await?;
        self.torrents.retain(|kept| kept.info_hash != torrent.info_hash);
        // The seeders share the files: the first removes them.
        let (first, others) = self.seeder_clients.split_first().ok_or(SwarmError::NoPeer)?;
        for client in others {
            client.forget(torrent.info_hash.into()).await?;
        }
        Ok(first.delete(torrent.info_hash.into()).await?)
    }

    /// Selects the files of a torrent for download, by their indexes. A restart of the downloader
    /// loses the selection.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn select_files(&self, torrent: &SwarmTorrent, wanted: &[usize]) -> Result<()> {
        Ok(self.client().update_only_files(torrent.info_hash.into(), wanted).await?)
    }

    /// Stops the process of the downloader by SIGSTOP: its address accepts connections, and no
    /// request is answered.
    ///
    /// # Errors
    /// If it has no process of its own, or the process has ended.
    pub fn pause_downloader(&self) -> Result<()> {
        self.downloader.process()?.pause()
    }

    /// Continues the process of the downloader after a
    /// [`pause_downloader`](Swarm::pause_downloader).
    ///
    /// # Errors
    /// As there.
    pub fn resume_downloader(&self) -> Result<()> {
        self.downloader.process()?.resume()
    }

    /// Limits the downloads of the downloader, in bytes a second; at least 16 KiB/s. `None` removes
    /// the limit. The first second may bring twice as much. A restart keeps the limit.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn set_download_limit(&mut self, bps: Option<NonZeroU32>) -> Result<()> {
        self.downloader.config.download_bps = bps;
        let limits = self.client().limits().await?;
        let download_bps = bps.map(|bps| bps.max(MIN_LIMIT_BPS));
        Ok(self.client().set_limits(Limits { download_bps, ..limits }).await?)
    }

    /// Kills the downloader as a crash would. Its address then refuses connections.
    pub async fn kill_downloader(&mut self) {
        self.downloader.kill().await;
    }

    /// Starts the downloader again after [`Swarm::kill_downloader`], at the same address and in the
    /// same directory. The torrents are the same. They have new ids, or the old ones if the
    /// downloader was made [`remembering`](SwarmBuilder::remembering).
    ///
    /// It returns when the data on disk has been checked. Torrents that were added paused are
    /// paused again, the others continue.
    ///
    /// # Errors
    /// If the port is in use, or a torrent cannot be added.
    pub async fn start_downloader(&mut self) -> Result<()> {
        self.downloader.start().await?;
        if self.downloader.config.session_dir.is_none() {
            self.spend_an_id().await?;
            let peers = self.initial_peers()?;
            for torrent in self.torrents.iter().rev() {
                self.downloader.add(torrent, peers.clone()).await?;
            }
        }
        for torrent in &self.torrents {
            self.wait_checked(torrent).await?;
        }
        Ok(())
    }

    /// Checks every file on the downloader's disk against its content. Files that were not selected
    /// for download are skipped.
    ///
    /// # Errors
    /// The first file that cannot be read or differs.
    pub fn check_downloaded(&self, torrent: &SwarmTorrent) -> Result<()> {
        for file in torrent.files.iter().filter(|file| file.is_wanted) {
            let path = torrent.disk_path(file);
            file.content.check_file(&path).map_err(|e| SwarmError::file(&path, e))?;
        }
        Ok(())
    }

    /// Adds and removes a torrent, so that the next torrent gets another id than before.
    async fn spend_an_id(&mut self) -> Result<()> {
        let spec = TorrentSpec::file("spent", crate::content::Content::new(0, 1));
        let seeded = self.seed(&spec).await?;
        let source = AddSource::TorrentFile(seeded.torrent_bytes);
        let added = self.client().add_torrent(&source, &AddOptions::default()).await?;
        let spent = added.details.info_hash.into();
        self.client().delete(spent).await?;
        for client in &self.seeder_clients {
            client.forget(spent).await?;
        }
        Ok(())
    }

    async fn seed(&mut self, spec: &TorrentSpec) -> Result<SeededTorrent> {
        // A directory for each, so that torrents can have the same name.
        let parent = self.dir.path().join("seeder").join(self.made_count.to_string());
        self.made_count += 1;
        let path = spec.write_below(&parent)?;
        let announce = self.announces.as_ref().map(AnnounceServer::url);
        let mut seeded = None;
        for seeder in &self.seeders {
            let options = SeedOptions { announce: announce.clone(), ..spec.seed_options() };
            seeded = Some(seeder.seed(&path, options).await?);
        }
        seeded.ok_or(SwarmError::NoPeer)
    }

    /// Returns the peers that the downloader gets with a torrent. A tracker names them later.
    fn initial_peers(&self) -> Result<Vec<SocketAddr>> {
        if self.announces.is_some() { Ok(Vec::new()) } else { self.peer_addrs() }
    }

    fn seeder(&self) -> &EmbeddedServer {
        self.seeders.first().expect("taken only by drop")
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        let seeders = self.seeders.drain(..).map(DownloaderServer::Here);
        downloader::kill_and_wait(seeders.chain(self.downloader.server.take()));
    }
}
