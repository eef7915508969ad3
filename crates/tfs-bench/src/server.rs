//! A real rqbit in a process of its own, which can be killed, stopped, or cut off.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, ExitCode, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tfs_testkit::swarm::Swarm;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener as AsyncListener, TcpStream};

use crate::rqbits::{Rqbits, film};

/// The first argument of the process that is the server.
pub(crate) const MARK: &str = "--serve-film";

/// What the server says when it answers.
const READY: &str = "ready";

/// The name and the seed of the film: all of these servers have the same.
pub(crate) const FILM: (&str, u64, u64) = ("film.mkv", 1, 64_000_000);

/// A server that has the film. Killed when it is dropped.
#[derive(Debug)]
pub(crate) struct FilmServer {
    pub(crate) address: SocketAddr,
    namespace: Option<String>,
    process: Child,
}

impl FilmServer {
    /// Starts it at an address, in a network namespace if it is to be in one.
    pub(crate) fn start(address: SocketAddr, namespace: Option<&str>) -> Self {
        let namespace = namespace.map(str::to_owned);
        let process = launch(address, namespace.as_deref());
        Self { address, namespace, process }
    }

    /// Kills it as a crash would, and waits until nobody listens.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again.
    pub(crate) fn restart(&mut self) {
        self.process = launch(self.address, self.namespace.as_deref());
    }

    /// Stops it, or lets it go on.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.process.id()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }
}

impl Drop for FilmServer {
    fn drop(&mut self) {
        // It may be dead by then.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Returns an address of this machine that nobody listens on.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn launch(address: SocketAddr, namespace: Option<&str>) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut command = match namespace {
        None => Command::new(program),
        Some(namespace) => {
            // `ip` becomes the program, so that its id is that of the server.
            let mut command = Command::new("ip");
            command.args(["netns", "exec", namespace]).arg(program);
            command
        }
    };
    command.args([MARK, &address.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), READY, "the server at {address}");
    process
}

/// Is the server, until the one who started it is gone.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let address: SocketAddr = arguments[0].parse().unwrap();
    let (name, seed, len) = FILM;
    // The seeder has the film at once; nobody mounts the downloader.
    let rqbits = Rqbits::start(Swarm::builder().torrent(film(name, seed, len).paused()));
    let url = rqbits.swarm.seeder_url();
    let inside: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
    rqbits.runtime.spawn(forward(address, inside));
    // Ends when the other side of the pipe is gone.
    drop(io::stdin().read_to_end(&mut Vec::new()));
    ExitCode::SUCCESS
}

/// Takes connections at an address, which rqbit inside a test does not.
async fn forward(address: SocketAddr, inside: SocketAddr) {
    let listener = AsyncListener::bind(address).await.unwrap();
    println!("{READY}");
    io::stdout().flush().unwrap();
    while let Ok((mut outer, _)) = listener.accept().await {
        tokio::spawn(async move {
            let Ok(mut inner) = TcpStream::connect(inside).await else { return };
            // Whoever hangs up is no matter of ours.
            drop(copy_bidirectional(&mut outer, &mut inner).await);
        });
    }
}
