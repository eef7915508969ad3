//! A line to a server: a process that forwards connections with a round trip and a speed.
//!
//! It needs no rights and no module of the kernel. It has no slow start and loses nothing: what is
//! behind it sees delay and speed only.

mod direction;

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use self::direction::{LinePace, forward};

/// The first argument of the process.
pub(crate) const MARK: &str = "--line";

/// The round trip and the speed of a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LineShape {
    pub(crate) round_trip: Duration,
    /// From the server, all connections together, in bytes a second; 0 for no limit.
    pub(crate) bps: u64,
}

/// A line that forwards to a server. Ended on drop.
#[derive(Debug)]
pub(crate) struct DelayLine {
    pub(crate) address: SocketAddr,
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl DelayLine {
    /// Starts a line on loopback.
    pub(crate) fn start(server: SocketAddr, shape: LineShape) -> Self {
        let command = Command::new(std::env::current_exe().unwrap());
        Self::by(command, (Ipv4Addr::LOCALHOST, 0).into(), server, shape)
    }

    /// Starts a line that listens in a network namespace.
    pub(crate) fn start_in(namespace: &str, listen: SocketAddr, server: SocketAddr) -> Self {
        // `ip` execs the program.
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(std::env::current_exe().unwrap());
        Self::by(command, listen, server, LineShape { round_trip: Duration::ZERO, bps: 0 })
    }

    fn by(mut command: Command, listen: SocketAddr, server: SocketAddr, shape: LineShape) -> Self {
        let LineShape { round_trip, bps } = shape;
        command.args([MARK, &listen.to_string(), &server.to_string()]);
        command.args([round_trip.as_micros().to_string(), bps.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut answers = BufReader::new(process.stdout.take().unwrap());
        let mut address = String::new();
        answers.read_line(&mut address).unwrap();
        let questions = process.stdin.take();
        Self { address: address.trim().parse().unwrap(), process, questions, answers }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns how many bytes came from the server so far.
    pub(crate) fn bytes(&mut self) -> u64 {
        writeln!(self.questions.as_mut().unwrap()).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().parse().unwrap()
    }
}

impl Drop for DelayLine {
    fn drop(&mut self) {
        // It may have ended by then.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Runs the process until its parent has ended. Each line of its input asks for the bytes so far.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let listener = TcpListener::bind(arguments[0].as_str()).unwrap();
    let server: SocketAddr = arguments[1].parse().unwrap();
    let round_trip = Duration::from_micros(arguments[2].parse().unwrap());
    let bytes = Arc::new(AtomicU64::new(0));
    let pace = Arc::new(LinePace::new(arguments[3].parse().unwrap(), Arc::clone(&bytes)));
    println!("{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A server that refuses closes the connection of the client.
            drop(connect(client, server, round_trip, &pace));
        }
    });
    for _question in io::stdin().lines() {
        println!("{}", bytes.load(Ordering::Relaxed));
    }
    ExitCode::SUCCESS
}

/// Forwards a connection on threads of its own, which end with it.
fn connect(
    client: TcpStream,
    server: SocketAddr,
    round_trip: Duration,
    pace: &Arc<LinePace>,
) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    // The client could send when its handshake was answered, after a round trip.
    let open_at = Instant::now() + round_trip;
    forward(client.try_clone()?, server.try_clone()?, round_trip / 2, open_at, None);
    forward(server, client, round_trip / 2, open_at, Some(Arc::clone(pace)));
    Ok(())
}
