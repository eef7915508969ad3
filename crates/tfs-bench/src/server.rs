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

/// The first argument of the server process.
pub(crate) const MARK: &str = "--serve-film";

/// The line that the server prints when it answers.
const READY: &str = "ready";

/// The name, seed and length of the film: all of these servers have the same.
pub(crate) const FILM: (&str, u64, u64) = ("film.mkv", 1, 64_000_000);

/// A server that has the film. Killed on drop.
#[derive(Debug)]
pub(crate) struct FilmServer {
    pub(crate) address: SocketAddr,
    namespace: Option<String>,
    process: Child,
}

impl FilmServer {
    /// Starts it at an address, in a network namespace if one is named.
    pub(crate) fn start(address: SocketAddr, namespace: Option<&str>) -> Self {
        let namespace = namespace.map(str::to_owned);
        let process = launch(address, namespace.as_deref());
        Self { address, namespace, process }
    }

    /// Kills it as a crash would, and waits until the port is closed.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again.
    pub(crate) fn restart(&mut self) {
        self.process = launch(self.address, self.namespace.as_deref());
    }

    /// Sends a signal, to stop or to continue it.
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

/// Returns a loopback address without a listener.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn launch(address: SocketAddr, namespace: Option<&str>) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut command = match namespace {
        None => Command::new(program),
        Some(namespace) => {
            // `ip` execs the program, so that its process id is that of the server.
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

/// Runs the server until its parent has ended.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let address: SocketAddr = arguments[0].parse().unwrap();
    let (name, seed, len) = FILM;
    // The seeder has the film immediately; the downloader is not mounted.
    let rqbits = Rqbits::start(Swarm::builder().torrent(film(name, seed, len).paused()));
    let url = rqbits.swarm.seeder_url();
    let inside: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
    rqbits.runtime.spawn(forward(address, inside));
    // Ends when the other side of the pipe is closed.
    drop(io::stdin().read_to_end(&mut Vec::new()));
    ExitCode::SUCCESS
}

/// Accepts connections at a fixed address, which an embedded rqbit cannot do.
async fn forward(address: SocketAddr, inside: SocketAddr) {
    let listener = AsyncListener::bind(address).await.unwrap();
    println!("{READY}");
    io::stdout().flush().unwrap();
    while let Ok((mut outer, _)) = listener.accept().await {
        tokio::spawn(async move {
            let Ok(mut inner) = TcpStream::connect(inside).await else { return };
            // A closed connection is not an error.
            drop(copy_bidirectional(&mut outer, &mut inner).await);
        });
    }
}
