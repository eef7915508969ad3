//! An HTTP proxy on loopback: requests in absolute form, and tunnels by `CONNECT`.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use tokio::io::{AsyncWriteExt as _, BufReader, copy, split};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::head::Head;
use super::lock;

/// A proxy. Dropping it ends it and its connections.
#[derive(Debug)]
pub struct ForwardProxy {
    address: SocketAddr,
    shared: Arc<ProxyShared>,
    /// Dropping it stops the proxy.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct ProxyShared {
    /// The required value of `Proxy-Authorization`.
    authorization: Option<String>,
    /// The first line of each request. Held for one access.
    log: Mutex<Vec<String>>,
}

impl ForwardProxy {
    /// Starts a proxy, with a thread of its own. `authorization` is the value of the header
    /// `Proxy-Authorization` that it requires, if any.
    ///
    /// # Errors
    /// Those of opening a port and of starting a thread.
    pub fn start(authorization: Option<&str>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let authorization = authorization.map(str::to_owned);
        let shared = Arc::new(ProxyShared { authorization, log: Mutex::default() });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("fake proxy".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = serve(listener, &shared) => {}
                        _ = stopped => {}
                    }
                });
            }
        })?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns host and port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the first lines of all requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        lock(&self.shared.log).clone()
    }
}

impl Drop for ForwardProxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed.
            drop(thread.join());
        }
    }
}

async fn serve(listener: TcpListener, shared: &Arc<ProxyShared>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let shared = Arc::clone(shared);
        connections.spawn(async move { relay(socket, &shared).await });
    }
}

/// Serves one connection: one request decides where it leads.
///
/// # Errors
/// Those of both connections; they end it.
async fn relay(socket: TcpStream, shared: &ProxyShared) -> io::Result<()> {
    let mut client = BufReader::new(socket);
    let Some(mut request) = Head::read(&mut client).await? else { return Ok(()) };
    lock(&shared.log).push(request.first_line.clone());
    if shared.authorization.is_some()
        && request.get("proxy-authorization") != shared.authorization.as_deref()
    {
        return refuse(&mut client, "407 Proxy Authentication Required").await;
    }
    request.remove("proxy-authorization");
    if request.method() == "CONNECT" {
        let Ok(mut server) = TcpStream::connect(request.path()).await else {
            return refuse(&mut client, "502 Bad Gateway").await;
        };
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
        return relay_bytes(&mut client, &mut server).await;
    }
    let Some(path) = request.path().strip_prefix("http://") else {
        return refuse(&mut client, "400 Bad Request").await;
    };
    let (host, path) = path.split_once('/').unwrap_or((path, ""));
    let Ok(mut server) = TcpStream::connect(host).await else {
        return refuse(&mut client, "502 Bad Gateway").await;
    };
    request.first_line = format!("{} /{path} HTTP/1.1", request.method());
    // So that each request is seen here.
    request.set("connection", "close");
    server.write_all(request.to_string().as_bytes()).await?;
    relay_bytes(&mut client, &mut server).await
}

/// Copies in both directions until the server has closed its connection. What the server sent last
/// is delivered although it takes no more.
async fn relay_bytes(client: &mut BufReader<TcpStream>, server: &mut TcpStream) -> io::Result<()> {
    let (mut from_client, mut to_client) = split(client);
    let (mut from_server, mut to_server) = server.split();
    let up = async {
        // The other direction shows why.
        drop(copy(&mut from_client, &mut to_server).await);
        drop(to_server.shutdown().await);
        pending::<()>().await;
    };
    tokio::select! {
        copied = copy(&mut from_server, &mut to_client) => copied.map(drop),
        () = up => Ok(()),
    }
}

async fn refuse(client: &mut BufReader<TcpStream>, status: &str) -> io::Result<()> {
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    client.write_all(answer.as_bytes()).await
}
