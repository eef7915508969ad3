//! The server that tests mount. It can be killed, and restarted at the same address.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;

use rqbit_client::wire::{Limits, TorrentState};
use rqbit_client::{AddOptions, AddSource, Client, ClientConfig};
use rqbit_embedded::{EmbeddedConfig, EmbeddedServer, MIN_LIMIT_BPS};

use super::error::{Result, SwarmError};
use super::process::{Apart, ServerProcess};
use super::torrent::SwarmTorrent;
use super::wait::wait_for_stats;

#[derive(Debug)]
pub(super) struct Downloader {
    /// The configuration of a restart, with the same port.
    pub(super) config: EmbeddedConfig,
    /// How to run this program as the server; `None` for a server in this process.
    apart: Option<Apart>,
    /// `None` while it is down.
    pub(super) server: Option<DownloaderServer>,
    pub(super) api_addr: SocketAddr,
    pub(super) client: Client,
}

/// A running server, in this process or in one of its own.
#[derive(Debug)]
pub(super) enum DownloaderServer {
    Here(EmbeddedServer),
    Apart(ServerProcess),
}

impl DownloaderServer {
    async fn start(config: &EmbeddedConfig, apart: Option<&Apart>) -> Result<Self> {
        Ok(match apart {
            None => Self::Here(EmbeddedServer::start(config.clone()).await?),
            Some(apart) => Self::Apart(ServerProcess::start(config, apart).await?),
        })
    }

    fn api_addr(&self) -> SocketAddr {
        match self {
            Self::Here(server) => server.api_addr(),
            Self::Apart(server) => server.api_addr(),
        }
    }

    pub(super) async fn kill(self) {
        match self {
            Self::Here(server) => server.kill().await,
            // Ends on drop.
            Self::Apart(_) => {}
        }
    }
}

impl Downloader {
    pub(super) async fn launch(mut config: EmbeddedConfig, apart: Option<Apart>) -> Result<Self> {
        let server = DownloaderServer::start(&config, apart.as_ref()).await?;
        let api_addr = server.api_addr();
        config.api_port = api_addr.port();
        Ok(Self { config, apart, server: Some(server), api_addr, client: client_of(api_addr)? })
    }

    /// Returns the server's own process, if it has one and runs.
    pub(super) fn process(&self) -> Result<&ServerProcess> {
        match &self.server {
            Some(DownloaderServer::Apart(process)) => Ok(process),
            Some(DownloaderServer::Here(_)) | None => Err(SwarmError::NoProcess),
        }
    }

    pub(super) async fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill().await;
        }
        self.client.close_idle();
    }

    pub(super) async fn start(&mut self) -> Result<()> {
        self.kill().await;
        self.server = Some(DownloaderServer::start(&self.config, self.apart.as_ref()).await?);
        Ok(())
    }

    /// Adds a torrent and returns the directory of its files.
    pub(super) async fn add(
        &self,
        torrent: &SwarmTorrent,
        peers: Vec<SocketAddr>,
    ) -> Result<PathBuf> {
        let smallest = torrent.files.iter().min_by_key(|file| file.content.len());
        let only_first = smallest.filter(|_| torrent.download.is_on_demand);
        let only_files = torrent.download.only_files.as_ref().map(|_| {
            torrent.files.iter().filter(|file| file.is_wanted).map(|file| file.idx).collect()
        });
        let options = AddOptions {
            overwrite: true,
            initial_peers: if torrent.download.is_alone { Vec::new() } else { peers },
            only_files: only_first.map(|file| vec![file.idx]).or(only_files),
            sub_folder: torrent.download.sub_folder.clone(),
            ..AddOptions::default()
        };
        let source = AddSource::TorrentFile(torrent.torrent_file.clone());
        if torrent.download.paused {
            return self.add_paused(torrent, &source, &options).await;
        }
        let added = self.client.add_torrent(&source, &options).await?;
        if torrent.download.is_on_demand {
            self.deselect_all(torrent).await?;
        }
        Ok(added.output_folder.into())
    }

    /// Selects no file. rqbit refuses that while it checks the data on disk.
    async fn deselect_all(&self, torrent: &SwarmTorrent) -> Result<()> {
        let is_checked =
            |stats: &rqbit_client::wire::TorrentStats| stats.state != TorrentState::Initializing;
        wait_for_stats(&self.client, torrent.info_hash, "checked", is_checked).await?;
        Ok(self.client.update_only_files(torrent.info_hash.into(), &[]).await?)
    }

    /// rqbit's API cannot add a torrent paused. Added without peers, it would never find them. So
    /// it gets its peers, and a limit of one block a second, less than a piece, until it is paused.
    async fn add_paused(
        &self,
        torrent: &SwarmTorrent,
        source: &AddSource,
        options: &AddOptions,
    ) -> Result<PathBuf> {
        let limits = self.client.limits().await?;
        let trickle = Limits { download_bps: Some(MIN_LIMIT_BPS), ..limits };
        self.client.set_limits(trickle).await?;
        let added = self.client.add_torrent(source, options).await?;
        // An earlier pause would stop the check of the data on disk.
        let is_live = |stats: &rqbit_client::wire::TorrentStats| stats.state == TorrentState::Live;
        wait_for_stats(&self.client, torrent.info_hash, "live", is_live).await?;
        self.client.pause(torrent.info_hash.into()).await?;
        self.client.set_limits(limits).await?;
        Ok(added.output_folder.into())
    }
}

/// Returns a client of a server on this machine.
pub(super) fn client_of(api_addr: SocketAddr) -> Result<Client> {
    let base_url = format!("http://{api_addr}").parse();
    let base_url = base_url.expect("a scheme and a socket address make a URL");
    Client::new(ClientConfig::new(base_url)).map_err(SwarmError::from)
}

/// Kills servers from synchronous code, and waits for at most 2 seconds each.
///
/// It uses a thread of its own, because a thread of one runtime cannot block on another runtime.
pub(super) fn kill_and_wait(servers: impl IntoIterator<Item = DownloaderServer>) {
    let servers: Vec<_> = servers.into_iter().collect();
    let killer = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        if let Ok(runtime) = runtime {
            runtime.block_on(async {
                for server in servers {
                    server.kill().await;
                }
            });
        }
    });
    // The panic message of the thread was printed. A panic during a drop would hide the test's.
    drop(killer.join());
}
