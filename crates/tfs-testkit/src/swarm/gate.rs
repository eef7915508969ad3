//! Addresses of seeders that can go away and come back.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// The maximum number of connections that wait to be accepted.
const BACKLOG: u32 = 64;

/// A TCP address that forwards to a seeder while it is open. While it is closed, it refuses
/// connections, as a seeder that has gone does.
#[derive(Debug)]
pub struct PeerGate {
    target: SocketAddr,
    addr: SocketAddr,
    /// `None` while it is closed. The task owns the connections, which end with it.
    task: Option<JoinHandle<()>>,
    accepted: Arc<AtomicUsize>,
}

impl PeerGate {
    /// Returns an open gate to a seeder, at a free port.
    pub(super) fn new(target: SocketAddr) -> io::Result<Self> {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut gate = Self { target, addr, task: None, accepted: Arc::default() };
        gate.open()?;
        Ok(gate)
    }

    /// Returns its address. Only [`move_to_new_port`](Self::move_to_new_port) changes it.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns how many connections it has accepted.
    pub fn accepted_count(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Accepts connections, at the same port as before. Must be called in a runtime.
    ///
    /// # Errors
    /// If the port is in use.
    pub fn open(&mut self) -> io::Result<()> {
        if self.task.is_some() {
            return Ok(());
        }
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(self.addr)?;
        let listener = socket.listen(BACKLOG)?;
        self.addr = listener.local_addr()?;
        let accepted = Arc::clone(&self.accepted);
        self.task = Some(tokio::spawn(forward_all(listener, self.target, accepted)));
        Ok(())
    }

    /// Ends all connections, and refuses new ones.
    pub async fn close(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            drop(task.await);
        }
    }

    /// Closes the gate, and opens it at another port, as a seeder that restarts does.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn move_to_new_port(&mut self) -> io::Result<()> {
        // The old port stays bound meanwhile, so that the new one differs.
        let old = self.task.take();
        let before = self.addr;
        self.addr.set_port(0);
        let opened = self.open();
        if let Some(task) = old {
            task.abort();
            drop(task.await);
        }
        opened.inspect_err(|_| self.addr = before)
    }
}

impl Drop for PeerGate {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn forward_all(listener: TcpListener, target: SocketAddr, accepted: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((mut peer, _)) = listener.accept() => {
                accepted.fetch_add(1, Ordering::Relaxed);
                connections.spawn(async move {
                    if let Ok(mut seeder) = TcpStream::connect(target).await {
                        // The end of either side ends both.
                        drop(copy_bidirectional(&mut peer, &mut seeder).await);
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
