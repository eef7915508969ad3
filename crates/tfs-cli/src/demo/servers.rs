//! The two rqbits of the demo.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use eyre::WrapErr as _;
use tfs_config::ServerSettings;
use tfs_service::embed::{EmbeddedConfig, EmbeddedServer, SeedOptions};
use tfs_service::{RqbitServer, add_torrent, torrents};

use super::sample::DemoTorrent;

/// The speed of the download: slow enough to be seen, fast enough for a short demo.
pub(super) const DOWNLOAD_BPS: NonZeroU32 = NonZeroU32::new(8 << 20).expect("it is not zero");

/// How long the servers may send nothing.
const CHUNK_TIME_MAX: Duration = Duration::from_secs(20);

/// A seeder and a downloader, both in this process and only on this machine.
#[derive(Debug)]
pub(super) struct DemoServers {
    seeder: EmbeddedServer,
    downloader: EmbeddedServer,
    settings: ServerSettings,
    server: RqbitServer,
}

impl DemoServers {
    pub(super) async fn start(sample: &DemoTorrent, download_dir: &Path) -> eyre::Result<Self> {
        let seeder = EmbeddedServer::start(EmbeddedConfig::loopback(&sample.dir)).await?;
        let torrent = seeder.seed(&sample.top, SeedOptions::default()).await?;
        let mut config = EmbeddedConfig::loopback(download_dir);
        config.download_bps = Some(DOWNLOAD_BPS);
        let downloader = EmbeddedServer::start(config).await?;
        let url = format!("http://{}", downloader.api_addr()).parse()?;
        let settings = ServerSettings::new(url);
        let server = RqbitServer::connect(&settings, CHUNK_TIME_MAX).await?;
        let peer = seeder.peer_addr().into_iter().collect();
        add_torrent(&server, torrent.torrent_bytes, peer)
            .await
            .wrap_err("cannot add the torrent")?;
        Ok(Self { seeder, downloader, settings, server })
    }

    /// Returns the settings of the downloading server.
    pub(super) fn downloader(&self) -> ServerSettings {
        self.settings.clone()
    }

    /// Returns the share of the torrent that is downloaded.
    pub(super) async fn progress(&self) -> eyre::Result<f64> {
        let rows = torrents(&self.server).await?;
        Ok(rows.first().map_or(0.0, |row| row.progress))
    }

    pub(super) async fn stop(self) {
        let Self { seeder, downloader, server, .. } = self;
        drop(server);
        downloader.stop().await;
        seeder.stop().await;
    }
}
