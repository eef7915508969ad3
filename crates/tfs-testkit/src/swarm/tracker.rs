//! A tracker for a torrent: it announces the peers repeatedly.
//!
//! rqbit disconnects the peers of a torrent without selected files, and reconnects them for a
//! stream; after some of these cycles it forgets them. On loopback nothing else would announce them
//! again.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::{Result, Swarm, SwarmTorrent};

/// Far more often than a real tracker, which is asked every half an hour; but a real torrent has
/// several peers and trackers.
const INTERVAL: Duration = Duration::from_secs(1);

/// The task that announces the peers. Ended on drop.
#[derive(Debug)]
pub struct Tracker(JoinHandle<()>);

impl Drop for Tracker {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Swarm {
    /// Announces the seeders of a torrent to the downloader until the returned value is dropped. It
    /// must be called in a runtime.
    ///
    /// # Errors
    /// If there is no seeder.
    ///
    /// # Panics
    /// If the address of the API is invalid, which the swarm made itself.
    pub fn track(&self, torrent: &SwarmTorrent) -> Result<Tracker> {
        let server = self.api_url();
        let server = server.trim_start_matches("http://").parse().expect("an address of loopback");
        let peers = self.peer_addrs()?;
        let path = format!("/torrents/{}/add_peers", torrent.info_hash);
        Ok(Tracker(tokio::spawn(async move {
            let mut ticks = tokio::time::interval(INTERVAL);
            loop {
                ticks.tick().await;
                // A known peer has no effect, and an error of an unavailable server does not
                // matter.
                drop(name_peers(server, &path, &peers).await);
            }
        })))
    }
}

async fn name_peers(server: SocketAddr, path: &str, peers: &[SocketAddr]) -> std::io::Result<()> {
    let body = peers.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join("\n");
    let len = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n");
    let mut connection = TcpStream::connect(server).await?;
    connection.write_all(format!("{head}Content-Length: {len}\r\n\r\n{body}").as_bytes()).await?;
    connection.read_to_end(&mut Vec::new()).await?;
    Ok(())
}
