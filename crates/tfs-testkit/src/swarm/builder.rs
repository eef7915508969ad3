//! The initial state of a swarm.

use std::num::NonZeroU32;

use rqbit_client::Client;
use rqbit_embedded::{EmbeddedConfig, EmbeddedServer, Network};
use tempfile::TempDir;

use super::announce::AnnounceServer;
use super::downloader::{Downloader, client_of};
use super::error::{Result, SwarmError};
use super::gate::PeerGate;
use super::process::{Apart, Version};
use super::{Swarm, TorrentSpec};

/// The initial state of a swarm.
#[derive(Debug, Clone, Default)]
pub struct SwarmBuilder {
    torrents: Vec<TorrentSpec>,
    download_bps: Option<NonZeroU32>,
    blocking_permits: Option<usize>,
    is_remembering: bool,
    /// The number of seeders beyond the first.
    more_seeders: usize,
    is_gated: bool,
    is_tracked: bool,
    apart: Option<Vec<String>>,
    #[cfg(feature = "swarm-8")]
    is_rqbit8: bool,
}

impl SwarmBuilder {
    /// Adds a torrent. Torrents are added in this order.
    #[must_use]
    pub fn torrent(mut self, spec: TorrentSpec) -> Self {
        self.torrents.push(spec);
        self
    }

    /// Adds torrents. Each takes some 10 ms and its hashing.
    #[must_use]
    pub fn torrents(mut self, specs: impl IntoIterator<Item = TorrentSpec>) -> Self {
        self.torrents.extend(specs);
        self
    }

    /// Sets the number of seeders, each of which seeds every torrent; the default and the minimum
    /// is one.
    #[must_use]
    pub fn seeders(mut self, count: usize) -> Self {
        self.more_seeders = count.saturating_sub(1);
        self
    }

    /// Lets the downloader know the seeders only by [gates](Swarm::gates).
    #[must_use]
    pub fn gated(mut self) -> Self {
        self.is_gated = true;
        self
    }

    /// Gives the torrents a [tracker](Swarm::announces), from which alone the downloader learns
    /// the addresses of the seeders. It then also connects to IPv6 addresses.
    #[must_use]
    pub fn tracked(mut self) -> Self {
        self.is_tracked = true;
        self
    }

    /// Limits the downloader from the start, in bytes a second; at least 16 KiB/s. Zero is no
    /// limit.
    #[must_use]
    pub fn download_bps(mut self, bps: u32) -> Self {
        self.download_bps = NonZeroU32::new(bps);
        self
    }

    /// Sets the maximum number of concurrent streams and blocking operations of the downloader;
    /// rqbit's default is 8.
    #[must_use]
    pub fn blocking_permits(mut self, count: usize) -> Self {
        self.blocking_permits = Some(count);
        self
    }

    /// Makes the downloader keep its torrents across a restart, as an rqbit server does: they have
    /// their old ids as soon as it answers. It does not keep its peers.
    #[must_use]
    pub fn remembering(mut self) -> Self {
        self.is_remembering = true;
        self
    }

    /// Makes the downloader a process of its own, which can be killed and stopped like rqbit. The
    /// process is this program with these arguments, which must make it call
    /// [`serve_if_asked`](super::serve_if_asked).
    #[must_use]
    pub fn apart(mut self, arguments: &[&str]) -> Self {
        self.apart = Some(arguments.iter().map(|argument| (*argument).to_owned()).collect());
        self
    }

    /// Like [`apart`](Self::apart), with rqbit 8.1.1 as the downloader.
    #[cfg(feature = "swarm-8")]
    #[must_use]
    pub fn rqbit8(self, arguments: &[&str]) -> Self {
        Self { is_rqbit8: true, ..self.apart(arguments) }
    }

    /// Starts both servers, seeds every torrent, and adds each to the downloader, one by one. When
    /// this returns, downloads have begun and may be finished.
    ///
    /// # Errors
    /// The first failure.
    pub async fn start(self) -> Result<Swarm> {
        let dir = TempDir::with_prefix("tfs-swarm-")
            .map_err(|e| SwarmError::file(&std::env::temp_dir(), e))?;
        let (seeders, seeder_clients, gates) = self.start_seeders(&dir).await?;
        let announces = match self.is_tracked {
            true => Some(AnnounceServer::start().await.map_err(SwarmError::Listener)?),
            false => None,
        };
        let config = EmbeddedConfig {
            download_bps: self.download_bps,
            blocking_permits: self.blocking_permits,
            network: match self.is_tracked {
                true => Network::LoopbackWithTrackers,
                false => Network::Loopback,
            },
            session_dir: self.is_remembering.then(|| dir.path().join("session")),
            ..EmbeddedConfig::loopback(dir.path().join("downloads"))
        };
        #[cfg(feature = "swarm-8")]
        let version = if self.is_rqbit8 { Version::V8 } else { Version::Current };
        #[cfg(not(feature = "swarm-8"))]
        let version = Version::Current;
        let apart = self.apart.map(|arguments| Apart { arguments, version });
        let mut swarm = Swarm {
            seeders,
            seeder_clients,
            gates,
            announces,
            downloader: Downloader::launch(config, apart).await?,
            torrents: Vec::new(),
            made_count: 0,
            dir,
        };
        swarm.announce_peers()?;
        for spec in self.torrents {
            swarm.add(spec).await?;
        }
        Ok(swarm)
    }

    async fn start_seeders(
        &self,
        dir: &TempDir,
    ) -> Result<(Vec<EmbeddedServer>, Vec<Client>, Vec<PeerGate>)> {
        let (mut seeders, mut clients, mut gates) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..=self.more_seeders {
            let config = EmbeddedConfig::loopback(dir.path().join("seeds"));
            let seeder = EmbeddedServer::start(config).await?;
            clients.push(client_of(seeder.api_addr())?);
            if self.is_gated {
                let peer = seeder.peer_addr().ok_or(SwarmError::NoPeer)?;
                gates.push(PeerGate::new(peer).map_err(SwarmError::Listener)?);
            }
            seeders.push(seeder);
        }
        Ok((seeders, clients, gates))
    }
}
