//! A process of `tfs serve`, and its library.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tfs_testkit::content::Content;
use tfs_testkit::swarm::{Rqbits, Swarm, SwarmTorrent, TorrentSpec};

use super::MIB;
use crate::support::tfs;

pub(super) const SEASON: [(&str, Content); 3] = [
    ("e1.mkv", Content::new(1, MIB)),
    ("sub/e2 [x] 100%.mkv", Content::new(2, 300_000)),
    ("sub/empty.nfo", Content::new(3, 0)),
];

pub(super) const HALF: Content = Content::new(4, 8 * MIB);

/// A season that is there, and a file whose second half never comes.
pub(super) fn rqbits() -> (Rqbits, SwarmTorrent) {
    let builder = Swarm::builder()
        .torrent(TorrentSpec::directory("Show.S01", SEASON))
        .torrent(TorrentSpec::file("half.mkv", HALF).paused());
    let mut rqbits = Rqbits::start(builder);
    let [season, half] = rqbits.swarm.torrents() else { unreachable!("two were added") };
    rqbits.wait_finished(&season.clone());
    let half = half.clone();
    let first = std::slice::from_ref(&(0..4 * MIB));
    let half = rqbits.runtime.block_on(rqbits.swarm.keep_only(&half, first)).unwrap();
    rqbits.unpause(&half);
    (rqbits, half)
}

/// Downloads a season with rqbits that end afterwards. Returns the directory and the torrent.
pub(super) fn downloaded(dir: &Path) -> (PathBuf, PathBuf) {
    let season = TorrentSpec::directory("Show.S01", SEASON);
    let rqbits = Rqbits::start(Swarm::builder().torrent(season));
    let torrent = rqbits.swarm.torrents()[0].clone();
    rqbits.wait_finished(&torrent);
    let store = dir.join("store");
    for file in &torrent.files {
        let to = store.join("Show.S01").join(file.path());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(torrent.disk_path(file), to).unwrap();
    }
    let torrent_file = dir.join("season.torrent");
    fs::write(&torrent_file, &torrent.torrent_file).unwrap();
    (store, torrent_file)
}

/// A process that serves. Killed on drop.
pub(super) struct ServeProcess {
    pub(super) address: SocketAddr,
    /// What it printed until it served.
    pub(super) lines: Vec<String>,
    process: Child,
    stderr: PathBuf,
}

impl ServeProcess {
    /// Starts `tfs serve KIND` with these arguments, at a port that the kernel chooses.
    #[track_caller]
    pub(super) fn start(dir: &Path, kind: &str, arguments: &[&str]) -> Self {
        let mut command = tfs(dir);
        command.args(["serve", kind, "--listen", "127.0.0.1:0"]).args(arguments);
        Self::spawn(command, dir, kind)
    }

    /// Starts a command that serves.
    #[track_caller]
    pub(super) fn spawn(mut command: Command, dir: &Path, kind: &str) -> Self {
        let stderr = dir.join(format!("{kind}.stderr"));
        command.env("TFS_METADATA__POLL_INTERVAL", "200ms");
        command.stdout(Stdio::piped()).stderr(File::create(&stderr).unwrap());
        let mut process = command.spawn().unwrap();
        // The commands that mount follow the address of NFS.
        let count = if kind == "nfs" { 3 } else { 1 };
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().take(count);
        let lines: Vec<_> = lines.map(Result::unwrap).collect();
        let address = lines.first().and_then(|line| {
            let (_, rest) = line.split_once("://")?;
            rest.split('/').next()?.parse().ok()
        });
        let Some(address) = address else {
            drop(process.kill());
            panic!("{lines:?}: {}", fs::read_to_string(stderr).unwrap());
        };
        Self { address, lines, process, stderr }
    }

    pub(super) fn stderr(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    /// Sends a signal, and waits for the end.
    pub(super) fn end_by(&mut self, signal: Signal) -> ExitStatus {
        kill(Pid::from_raw(i32::try_from(self.process.id()).unwrap()), signal).unwrap();
        self.process.wait().unwrap()
    }
}

impl Drop for ServeProcess {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            drop(self.process.kill());
            drop(self.process.wait());
        }
    }
}

/// Returns the libraries of this home: those below `dir`, and those without a mount. The mounts of
/// other tests are in the same table.
pub(super) fn libraries(dir: &Path) -> Vec<serde_json::Value> {
    let output = tfs(dir).args(["status", "--json"]).output().unwrap();
    let mut all: Vec<serde_json::Value> =
        serde_json::from_slice(&output.stdout).unwrap_or_default();
    all.retain(|library| {
        let place = library["mountpoint"].as_str().unwrap();
        place.contains("://") || Path::new(place).starts_with(dir)
    });
    all
}

/// Returns the status of the only library of this home.
#[track_caller]
pub(super) fn status(dir: &Path) -> serde_json::Value {
    libraries(dir).into_iter().next().unwrap()
}
