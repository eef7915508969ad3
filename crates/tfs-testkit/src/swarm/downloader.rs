//! The server that tests mount: added to, killed, and started again at the same address.

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
    /// How it is started again, at the same port.
    pub(super) config: EmbeddedConfig,
    /// How this program runs again as the server; in this process if there is nothing.
    apart: Option<Apart>,
    /// `None` while it is dead.
    pub(super) server: Option<DownloaderServer>,
    pub(super) api_addr: SocketAddr,
    pub(super) client: Client,
}

/// A server that runs, here or as a process of its own.
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
            // Ends with the drop.
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

    /// Returns the process of the server, if it has one and lives.
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

    /// Adds a torrent and returns where its files are.
    pub(super) async fn add(&self, torrent: &SwarmTorrent, peer: SocketAddr) -> Result<PathBuf> {
        let only_files = torrent.download.only_files.as_ref().map(|_| {
            torrent.files.iter().filter(|file| file.is_wanted).map(|file| file.idx).collect()
        });
        let options = AddOptions {
            overwrite: true,
            initial_peers: if torrent.download.is_alone { Vec::new() } else { vec![peer] },
            only_files,
            sub_folder: torrent.download.sub_folder.clone(),
            ..AddOptions::default()
        };
        let source = AddSource::TorrentFile(torrent.torrent_file.clone());
        if torrent.download.paused {
            return self.add_paused(torrent, &source, &options).await;
        }
        Ok(self.client.add_torrent(&source, &options).await?.output_folder.into())
    }

    /// rqbit's API cannot add a torrent paused. Without peers it would never find them, so it gets
    /// them, and a limit of one block a second, less than a piece, until it is paused.
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
        // Pausing before would stop the check of what is on disk.
        let is_live = |stats: &rqbit_client::wire::TorrentStats| stats.state == TorrentState::Live;
        wait_for_stats(&self.client, torrent.info_hash, "live", is_live).await?;
        self.client.pause(torrent.info_hash.into()).await?;
        self.client.set_limits(limits).await?;
        Ok(added.output_folder.into())
    }
}

/// Makes a client of a server on this machine.
pub(super) fn client_of(api_addr: SocketAddr) -> Result<Client> {
    let base_url = format!("http://{api_addr}").parse();
    let base_url = base_url.expect("a scheme and a socket address make a URL");
    Client::new(ClientConfig::new(base_url)).map_err(SwarmError::from)
}

/// Kills servers from where nothing can be awaited, and waits, 2 seconds each at most.
///
/// A thread of its own, because a runtime cannot be waited for on a thread of another one.
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
    // A panic of the thread has been printed, and a panic while dropping would hide the test's.
    drop(killer.join());
}
