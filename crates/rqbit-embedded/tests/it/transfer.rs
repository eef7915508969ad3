//! Two servers in one process create, exchange and refuse torrents.

use std::fs;
use std::path::Path;

use rqbit_embedded::{
    EmbeddedConfig, EmbeddedErrorKind, EmbeddedServer, SeedOptions, SeededTorrent,
};
use tempfile::TempDir;

use crate::http::{hex, request, wait_for};

/// Bytes that differ from file to file and from piece to piece.
pub(crate) fn bytes(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|i| ((i / 7 + i / 1021) % 251).to_le_bytes()[0] ^ seed).collect()
}

/// A tree of edge cases: folders, an empty file, one byte, unusual names.
fn write_tree(root: &Path) -> Vec<String> {
    let files = [
        ("a first.bin", bytes(100_000, 1)),
        ("folder/deep/one byte", bytes(1, 2)),
        ("folder/empty", Vec::new()),
        ("ünï ©ode 日本語 #?%&+.txt", bytes(70_000, 3)),
        ("z last and empty", Vec::new()),
    ];
    for (path, content) in &files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    files.map(|(path, _)| path.to_owned()).into()
}

async fn download(to: &EmbeddedServer, from: &EmbeddedServer, torrent: &SeededTorrent) {
    let peer = from.peer_addr().unwrap();
    let head = format!("POST /torrents?initial_peers={peer} HTTP/1.1");
    let answer = request(to.api_addr(), &head, &torrent.torrent_bytes).await;
    assert!(answer.contains(&hex(torrent.info_hash)), "{answer}");
    let stats = format!("/torrents/{}/stats/v1", hex(torrent.info_hash));
    wait_for(to.api_addr(), &stats, r#""finished":true"#).await;
}

async fn check_directory(options: SeedOptions) {
    let (source, target) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let root = source.path().join("torrent");
    let paths = write_tree(&root);
    let seeder = EmbeddedServer::start(EmbeddedConfig::loopback(source.path())).await.unwrap();
    let config = EmbeddedConfig::loopback(target.path());
    let downloader = EmbeddedServer::start(config).await.unwrap();
    let torrent = seeder.seed(&root, options).await.unwrap();
    download(&downloader, &seeder, &torrent).await;
    for path in paths {
        let downloaded = fs::read(target.path().join("torrent").join(&path)).unwrap();
        assert!(downloaded == fs::read(root.join(&path)).unwrap(), "{path} differs");
    }
    downloader.stop().await;
    seeder.stop().await;
}

#[tokio::test]
async fn a_directory_arrives_as_it_was() {
    check_directory(SeedOptions { piece_length: Some(16 * 1024), ..SeedOptions::default() }).await;
}

#[tokio::test]
async fn padding_changes_nothing_on_disk() {
    let piece_length = Some(32 * 1024);
    check_directory(SeedOptions {
        piece_length,
        pad_files: true,
        creation_date: Some(1),
        ..SeedOptions::default()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_file_arrives_as_it_was() {
    let (source, target) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let file = source.path().join("single file.iso");
    let content = bytes(256 * 1024, 9); // Whole pieces: the last one is full.
    fs::write(&file, &content).unwrap();
    let seeder = EmbeddedServer::start(EmbeddedConfig::loopback(source.path())).await.unwrap();
    let config = EmbeddedConfig::loopback(target.path());
    let downloader = EmbeddedServer::start(config).await.unwrap();
    let torrent = seeder.seed(&file, SeedOptions::default()).await.unwrap();
    download(&downloader, &seeder, &torrent).await;
    assert!(fs::read(target.path().join("single file.iso")).unwrap() == content);
}

#[tokio::test]
async fn what_cannot_be_seeded_is_refused() {
    let dir = TempDir::new().unwrap();
    let server = EmbeddedServer::start(EmbeddedConfig::loopback(dir.path())).await.unwrap();
    fs::write(dir.path().join("empty"), "").unwrap();
    fs::write(dir.path().join("file"), "bytes").unwrap();
    let odd = SeedOptions { piece_length: Some(100), ..SeedOptions::default() };
    for (name, options) in
        [("missing", SeedOptions::default()), ("empty", SeedOptions::default()), ("file", odd)]
    {
        let error = server.seed(&dir.path().join(name), options).await.unwrap_err();
        assert_eq!(error.kind(), EmbeddedErrorKind::CreateTorrent, "{name}: {error}");
    }
}
