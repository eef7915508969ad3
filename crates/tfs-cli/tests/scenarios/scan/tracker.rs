//! What a tracker does for a torrent: it names the peers again and again.
//!
//! rqbit parts with the peers of a torrent of which nothing is selected, and takes them back for a
//! stream; after some of that it forgets them. On loopback nobody else would name them again.

use std::net::SocketAddr;
use std::time::Duration;

use tfs_testkit::swarm::SwarmTorrent;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::rqbits::Rqbits;

/// Far more often than a tracker, which is asked every half an hour, but there are many of those.
const INTERVAL: Duration = Duration::from_secs(1);

/// Names the seeder to the downloader until the task is aborted.
pub(super) fn start(rqbits: &Rqbits, torrent: &SwarmTorrent) -> JoinHandle<()> {
    let server = rqbits.swarm.api_url().trim_start_matches("http://").parse().unwrap();
    let peer = rqbits.swarm.peer_addr().unwrap();
    let path = format!("/torrents/{}/add_peers", torrent.info_hash);
    rqbits.runtime.spawn(async move {
        let mut ticks = tokio::time::interval(INTERVAL);
        loop {
            ticks.tick().await;
            // A peer that is known already is no news.
            drop(name_peer(server, &path, peer).await);
        }
    })
}

async fn name_peer(server: SocketAddr, path: &str, peer: SocketAddr) -> std::io::Result<()> {
    let body = peer.to_string();
    let len = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n");
    let mut connection = TcpStream::connect(server).await?;
    connection.write_all(format!("{head}Content-Length: {len}\r\n\r\n{body}").as_bytes()).await?;
    connection.read_to_end(&mut Vec::new()).await?;
    Ok(())
}
