//! A hostile server: it behaves correctly until the attack begins. Then one of its responses tries
//! to fill the client's memory, to keep it waiting, or to redirect it.

use std::io;

use super::attacks::{Attack, FILM, NEW, NEW_NAME};
use super::fault::{Cut, Fault, FaultKind, Target};
use super::log::Route;
use super::torrent::FakeTorrent;
use super::{Backend, FakeRqbit};

/// The piece length of its torrents.
const PIECE_BYTES: u32 = 1 << 20;

/// A hostile server. It has one torrent `good`, a directory with a file `film.mkv` without data.
#[derive(Debug)]
pub struct HostileServer {
    server: FakeRqbit,
    /// The target of redirects, whose responses could be anything.
    elsewhere: FakeRqbit,
    attack: &'static Attack,
}

impl HostileServer {
    /// Starts a server that behaves correctly at first.
    ///
    /// # Errors
    /// If there is no port.
    pub fn start(attack: &'static Attack) -> io::Result<Self> {
        let server = FakeRqbit::start(vec![torrent(1, "good")])?;
        server.always(Target::Streams, Fault::Status(404, ""));
        let elsewhere = FakeRqbit::start(Backend::Torrents(Vec::new()))?;
        elsewhere.always(Target::All, Fault::Truncate(Cut::Head));
        Ok(Self { server, elsewhere, attack })
    }

    /// Returns its address.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Starts the attack. If it is about a new torrent, the torrent is listed.
    pub fn begin(&self) {
        let target = match self.attack.route {
            Route::Details => Target::Path(format!("/torrents/{NEW}")),
            Route::Metadata => Target::Path(format!("/torrents/{NEW}/metadata")),
            route @ (Route::List | Route::Haves | Route::Stats | Route::Stream | Route::Other) => {
                Target::Route(route)
            }
        };
        let script = (self.attack.script)(&self.elsewhere.url());
        self.server.always(target, Fault::Script(script));
        if matches!(self.attack.route, Route::Details | Route::Metadata) {
            self.server.add(torrent(2, NEW_NAME));
        }
    }

    /// Returns how many attack responses were started.
    #[must_use]
    pub fn attack_count(&self) -> u64 {
        self.server.done().get(&FaultKind::Script).copied().unwrap_or_default()
    }

    /// Returns the heads of the requests that followed a redirect.
    #[must_use]
    pub fn exfiltrated_requests(&self) -> Vec<String> {
        self.elsewhere.heads()
    }
}

fn torrent(nth: u8, name: &str) -> FakeTorrent {
    FakeTorrent::folder(nth, name, PIECE_BYTES, &[("film.mkv", FILM)])
}
