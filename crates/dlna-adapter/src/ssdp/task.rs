//! The task that answers searches and announces the server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::interfaces::{DlnaInterface, served};
use super::message::{MAX_AGE_SECONDS, SsdpDevice};
use super::sockets::{join, listen, send};

/// Time between announcements.
const ANNOUNCE_EVERY: Duration = Duration::from_secs(MAX_AGE_SECONDS / 3);

/// Time between looks for new interfaces, such as a Wi-Fi that gets its address late.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// Maximum length of a datagram in bytes; searches have about 150.
const DATAGRAM_BYTES_MAX: usize = 2048;

/// Maximum number of searches answered in a second. A household has a few; the rest is a flood.
const ANSWERS_MAX: u32 = 50;

/// Pause after a failed receive.
const RECEIVE_PAUSE: Duration = Duration::from_millis(100);

/// Maximum wait for the farewell at the end.
const END_TIME_MAX: Duration = Duration::from_secs(1);

/// The task. It ends without a farewell when this is dropped.
#[derive(Debug)]
pub(crate) struct SsdpTask {
    end: DropGuard,
    task: JoinHandle<()>,
}

impl SsdpTask {
    /// Starts the task for the interfaces of the address `listen_ip`.
    ///
    /// # Errors
    /// If port 1900 is not shared, or the system does not list its interfaces.
    pub(crate) fn start(device: SsdpDevice, listen_ip: Ipv4Addr) -> io::Result<Self> {
        let socket = listen()?;
        let mut ssdp =
            Ssdp { device, listen_ip, socket, interfaces: Vec::new(), rate: Rate::new() };
        let interfaces = served(listen_ip)?;
        if interfaces.is_empty() {
            tracing::warn!(
                "televisions do not find DLNA yet: no network interface can announce it"
            );
        }
        ssdp.look(interfaces);
        let end = CancellationToken::new();
        let task = tokio::spawn(ssdp.run(end.clone()));
        Ok(Self { end: end.drop_guard(), task })
    }

    /// Says farewell and ends.
    pub(crate) async fn end(self) {
        drop(self.end);
        if timeout(END_TIME_MAX, self.task).await.is_err() {
            tracing::debug!("the announcements of DLNA did not end in time");
        }
    }
}

#[derive(Debug)]
struct Ssdp {
    device: SsdpDevice,
    listen_ip: Ipv4Addr,
    socket: UdpSocket,
    interfaces: Vec<DlnaInterface>,
    rate: Rate,
}

impl Ssdp {
    async fn run(mut self, end: CancellationToken) {
        let (mut announce, mut look) = (interval(ANNOUNCE_EVERY), interval(LOOK_EVERY));
        announce.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            tokio::select! {
                () = end.cancelled() => break,
                _ = announce.tick() => {
                    for interface in &self.interfaces {
                        announce_by(*interface, &self.device.alive(interface.address));
                    }
                }
                _ = look.tick() => match served(self.listen_ip) {
                    Ok(interfaces) => self.look(interfaces),
                    Err(error) => tracing::warn!(%error, "cannot list network interfaces"),
                },
                received = self.socket.recv_from(&mut datagram) => match received {
                    Ok((len, peer)) => self.answer(datagram.get(..len).unwrap_or(&[]), peer).await,
                    Err(error) => {
                        tracing::debug!(%error, "cannot receive searches for now");
                        sleep(RECEIVE_PAUSE).await;
                    }
                },
            }
        }
        for interface in &self.interfaces {
            announce_by(*interface, &self.device.byebye());
        }
    }

    /// Takes over the interfaces of now. New ones join the group and get an announcement.
    fn look(&mut self, interfaces: Vec<DlnaInterface>) {
        for interface in &interfaces {
            if self.interfaces.contains(interface) {
                continue;
            }
            tracing::debug!(address = %interface.address, "DLNA by an interface");
            if let Err(error) = join(&self.socket, *interface) {
                let address = interface.address;
                tracing::warn!(%address, %error, "televisions at an interface cannot search");
            }
            announce_by(*interface, &self.device.alive(interface.address));
        }
        self.interfaces = interfaces;
    }

    /// Answers a search from the network of an interface. Others get no answer: their sender may
    /// be forged, to flood a stranger.
    async fn answer(&mut self, datagram: &[u8], peer: SocketAddr) {
        let SocketAddr::V4(from) = peer else { return };
        let mut interfaces = self.interfaces.iter();
        let Some(interface) = interfaces.find(|interface| interface.reaches(*from.ip())) else {
            return;
        };
        let answers = self.device.answers(datagram, interface.address);
        if answers.is_empty() || !self.rate.allows(Instant::now()) {
            return;
        }
        for answer in answers {
            if let Err(error) = self.socket.send_to(answer.as_bytes(), peer).await {
                tracing::debug!(%peer, %error, "cannot answer a search");
                return;
            }
        }
    }
}

fn announce_by(interface: DlnaInterface, messages: &[String]) {
    if let Err(error) = send(interface, messages) {
        tracing::debug!(address = %interface.address, %error, "cannot announce DLNA");
    }
}

/// Limits the answers of each second.
#[derive(Debug)]
struct Rate {
    since: Instant,
    count: u32,
}

impl Rate {
    fn new() -> Self {
        Self { since: Instant::now(), count: 0 }
    }

    fn allows(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            *self = Self { since: now, count: 0 };
        }
        self.count += 1;
        self.count <= ANSWERS_MAX
    }
}
