//! State of a session across restarts, and the cost of ending one.

use std::fs;
use std::num::NonZeroU32;
use std::time::Instant;

use rqbit_embedded::{
    EmbeddedConfig, EmbeddedErrorKind, EmbeddedServer, SeedOptions, SeededTorrent,
};
use tempfile::TempDir;

use crate::http::{get, hex, request, wait_for};
use crate::transfer::bytes;

fn remembering(dir: &TempDir) -> EmbeddedConfig {
    let session_dir = Some(dir.path().join("session"));
    EmbeddedConfig { session_dir, ..EmbeddedConfig::loopback(dir.path()) }
}

fn stats_path(torrent: &SeededTorrent) -> String {
    format!("/torrents/{}/stats/v1", hex(torrent.info_hash))
}

async fn progress_bytes(server: &EmbeddedServer, torrent: &SeededTorrent) -> u64 {
    let stats = get(server.api_addr(), &stats_path(torrent)).await;
    let (_, tail) = stats.split_once(r#""progress_bytes":"#).unwrap();
    tail.split_once(',').unwrap().0.parse().unwrap()
}

#[tokio::test]
async fn has_one_server_at_a_time() {
    let dir = TempDir::new().unwrap();
    let first = EmbeddedServer::start(remembering(&dir)).await.unwrap();
    let refused = EmbeddedServer::start(remembering(&dir)).await.unwrap_err();
    assert_eq!(refused.kind(), EmbeddedErrorKind::SessionInUse);
    first.stop().await;
    EmbeddedServer::start(remembering(&dir)).await.unwrap().stop().await;
}

#[tokio::test]
async fn remembers_its_torrents_as_they_were() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("file"), bytes(100_000, 1)).unwrap();
    let server = EmbeddedServer::start(remembering(&dir)).await.unwrap();
    let seeded = server.seed(&dir.path().join("file"), SeedOptions::default()).await.unwrap();
    let began = Instant::now();
    server.stop().await;
    let took = began.elapsed();
    assert!(took.as_secs_f64() < 1.5, "nobody is connected, but the end took {took:?}");
    let server = EmbeddedServer::start(remembering(&dir)).await.unwrap();
    wait_for(server.api_addr(), &stats_path(&seeded), r#""finished":true"#).await;
    wait_for(server.api_addr(), &stats_path(&seeded), r#""state":"live""#).await; // Not paused.
}

#[tokio::test]
async fn remembers_the_pieces_of_a_download_that_was_stopped() {
    let (source, target) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    fs::write(source.path().join("file"), bytes(8 << 20, 1)).unwrap();
    let seeder = EmbeddedServer::start(EmbeddedConfig::loopback(source.path())).await.unwrap();
    let seeded = seeder.seed(&source.path().join("file"), SeedOptions::default()).await.unwrap();
    let download_bps = NonZeroU32::new(1 << 20);
    let config = EmbeddedConfig { download_bps, ..remembering(&target) };
    let downloader = EmbeddedServer::start(config.clone()).await.unwrap();
    let peer = seeder.peer_addr().unwrap();
    let head = format!("POST /torrents?initial_peers={peer} HTTP/1.1");
    request(downloader.api_addr(), &head, &seeded.torrent_bytes).await;
    // While it is initializing, progress counts hashed bytes, not present ones.
    wait_for(downloader.api_addr(), &stats_path(&seeded), r#""state":"live""#).await;
    let mut before = 0;
    while before == 0 {
        before = progress_bytes(&downloader, &seeded).await;
    }
    downloader.stop().await;
    // The new server knows no peers: all its data is from the old one.
    let downloader = EmbeddedServer::start(config).await.unwrap();
    wait_for(downloader.api_addr(), &stats_path(&seeded), r#""state":"live""#).await;
    let after = progress_bytes(&downloader, &seeded).await;
    assert!(after >= before, "{after} bytes are left of {before}");
}
