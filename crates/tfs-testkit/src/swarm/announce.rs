//! An HTTP tracker on this machine, with the interval of a real one.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The interval that the tracker prescribes, in seconds: that of many real ones.
const INTERVAL_SECONDS: u32 = 1800;

/// The longest request that is read.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// A tracker that lists the peers it is given to everybody who announces. Ended on drop.
#[derive(Debug)]
pub struct AnnounceServer {
    addr: SocketAddr,
    state: Arc<Mutex<AnnounceState>>,
    task: JoinHandle<()>,
}

/// Protects the peers and the requests; held for one access.
#[derive(Debug, Default)]
struct AnnounceState {
    peers: Vec<SocketAddr>,
    /// The queries of all requests.
    queries: Vec<String>,
    is_seeds_only_for_leechers: bool,
}

impl AnnounceServer {
    /// Starts a tracker without peers. Must be called in a runtime.
    pub(super) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let state = Arc::<Mutex<AnnounceState>>::default();
        let task = tokio::spawn(answer_all(listener, Arc::clone(&state)));
        Ok(Self { addr, state, task })
    }

    /// Returns the URL for torrents.
    pub fn url(&self) -> String {
        format!("http://{}/announce", self.addr)
    }

    /// Sets the peers of all torrents; those with IPv6 addresses are left out.
    pub fn set_peers(&self, peers: Vec<SocketAddr>) {
        self.lock().peers = peers;
    }

    /// Makes the tracker list no peers to a client that announces `left=0`, as some do: a seed
    /// needs no seeds.
    pub fn hide_seeds_from_seeds(&self) {
        self.lock().is_seeds_only_for_leechers = true;
    }

    /// Returns the queries of all announces so far.
    pub fn queries(&self) -> Vec<String> {
        self.lock().queries.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, AnnounceState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AnnounceServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer_all(listener: TcpListener, state: Arc<Mutex<AnnounceState>>) {
    while let Ok((connection, _)) = listener.accept().await {
        tokio::spawn(answer(connection, Arc::clone(&state)));
    }
}

async fn answer(mut connection: TcpStream, state: Arc<Mutex<AnnounceState>>) {
    let mut request = Vec::new();
    while !request.windows(4).any(|four| four == b"\r\n\r\n") {
        let read = connection.read_buf(&mut request).await.unwrap_or(0);
        if read == 0 || request.len() > REQUEST_BYTES_MAX {
            return;
        }
    }
    let line = String::from_utf8_lossy(&request);
    let query = line.split_whitespace().nth(1).and_then(|path| path.split_once('?'));
    let Some((_, query)) = query else { return };
    let body = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.queries.push(query.to_owned());
        let is_seed = query.split('&').any(|pair| pair == "left=0");
        let hides = is_seed && state.is_seeds_only_for_leechers;
        listing(if hides { &[] } else { &state.peers })
    };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", body.len());
    let head = format!("{head}Connection: close\r\n\r\n");
    drop(connection.write_all(&[head.as_bytes(), &body].concat()).await);
}

/// Returns the answer in the compact form (BEP 23).
fn listing(peers: &[SocketAddr]) -> Vec<u8> {
    let compact = peers.iter().filter_map(|peer| match peer {
        SocketAddr::V4(peer) => {
            Some([peer.ip().octets().as_slice(), &peer.port().to_be_bytes()].concat())
        }
        SocketAddr::V6(_) => None,
    });
    let compact: Vec<u8> = compact.flatten().collect();
    let head = format!("d8:intervali{INTERVAL_SECONDS}e5:peers{}:", compact.len());
    [head.as_bytes(), &compact, b"e"].concat()
}
