//! A downloader in a process of its own: the test program, run again.

#![expect(clippy::print_stdout, reason = "this is how the process says where it is")]

use std::env;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::process::{Child, ChildStdout, Command, Stdio};

use rqbit_embedded::{EmbeddedConfig, EmbeddedServer, Network};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::error::{Result, SwarmError};

/// Set for the process, to the configuration of the server, one value a line.
const CONFIG: &str = "TFS_TESTKIT_RQBIT";

/// The text before the address of the API on standard output.
const READY: &str = "rqbit of the tests at ";

/// The version of rqbit in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// The embedded version.
    Current,
    /// 8.1.1.
    #[cfg(feature = "swarm-8")]
    V8,
}

/// How to run this program as a server.
#[derive(Debug, Clone)]
pub(super) struct Apart {
    /// The arguments that make it call [`serve_if_asked`].
    pub(super) arguments: Vec<String>,
    pub(super) version: Version,
}

/// A server in a process of its own. Ended on drop.
#[derive(Debug)]
pub(super) struct ServerProcess {
    child: Child,
    /// Kept open: printing to a closed pipe panics.
    _stdout: BufReader<ChildStdout>,
    api_addr: SocketAddr,
}

impl ServerProcess {
    /// Starts this program with arguments that make it call [`serve_if_asked`], and waits until the
    /// server answers.
    pub(super) async fn start(config: &EmbeddedConfig, apart: &Apart) -> Result<Self> {
        let mut command = Command::new(env::current_exe().map_err(SwarmError::Process)?);
        command.args(&apart.arguments).env(CONFIG, to_text(config, apart.version));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let started = tokio::task::spawn_blocking(move || Self::spawn(command));
        started.await.map_err(io::Error::other).flatten().map_err(SwarmError::Process)
    }

    fn spawn(mut command: Command) -> io::Result<Self> {
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        let api_addr = loop {
            line.clear();
            if stdout.read_line(&mut line)? == 0 {
                let status = child.wait()?;
                return Err(io::Error::other(format!("it ended with {status}")));
            }
            // Output of the test harness may come before it, on the same line.
            if let Some((_, address)) = line.split_once(READY) {
                break address.trim().parse().map_err(io::Error::other)?;
            }
        };
        Ok(Self { child, _stdout: stdout, api_addr })
    }

    pub(super) fn api_addr(&self) -> SocketAddr {
        self.api_addr
    }

    /// Returns when all threads of the process are stopped.
    pub(super) fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)?;
        let child = WaitId::Pid(Pid::from_child(&self.child));
        let options = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(child, options).map_err(|error| SwarmError::Process(error.into()))?;
        Ok(())
    }

    pub(super) fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let sent = kill_process(Pid::from_child(&self.child), signal);
        sent.map_err(|error| SwarmError::Process(error.into()))
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // A process that has ended needs neither.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs the downloader of a [`SwarmBuilder::apart`](super::SwarmBuilder::apart) if this process was
/// started as one, until its parent ends. Returns whether it was.
///
/// # Panics
/// If the server cannot be started.
pub fn serve_if_asked() -> bool {
    let Ok(text) = env::var(CONFIG) else { return false };
    let (config, version) = from_text(&text).expect("the process that started this one wrote it");
    match version {
        Version::Current => serve(config),
        #[cfg(feature = "swarm-8")]
        Version::V8 => serve_v8(&config),
    }
    true
}

/// Runs the embedded server until the parent process ends.
fn serve(config: EmbeddedConfig) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime can be made");
    let server = runtime.block_on(EmbeddedServer::start(config)).expect("the server starts");
    wait_for_end(server.api_addr());
    runtime.block_on(server.kill());
}

/// Runs rqbit 8.1.1 until the parent process ends.
#[cfg(feature = "swarm-8")]
fn serve_v8(config: &EmbeddedConfig) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(4).enable_all().build().expect("a runtime can be made");
    let address = runtime.block_on(super::rqbit8::start(config)).expect("the server starts");
    wait_for_end(address);
    runtime.shutdown_background();
}

/// Prints the address of the server, and returns when the parent process ends.
fn wait_for_end(address: SocketAddr) {
    println!("{READY}{address}");
    // The parent writes nothing: the pipe ends when its other end is closed.
    drop(io::stdin().read_to_end(&mut Vec::new()));
}

/// Serializes the settings that tests choose; paths of tests have no line breaks.
fn to_text(config: &EmbeddedConfig, version: Version) -> String {
    let session_dir = config.session_dir.as_ref().map(|dir| dir.display().to_string());
    [
        config.dir.display().to_string(),
        config.api_port.to_string(),
        config.download_bps.map_or(0, NonZeroU32::get).to_string(),
        config.blocking_permits.unwrap_or(0).to_string(),
        session_dir.unwrap_or_default(),
        format!("{version:?}"),
        (config.network == Network::LoopbackWithTrackers).to_string(),
    ]
    .join("\n")
}

fn from_text(text: &str) -> Option<(EmbeddedConfig, Version)> {
    let mut lines = text.split('\n');
    let mut config = EmbeddedConfig::loopback(lines.next()?);
    config.api_port = lines.next()?.parse().ok()?;
    config.download_bps = NonZeroU32::new(lines.next()?.parse().ok()?);
    config.blocking_permits = Some(lines.next()?.parse().ok()?).filter(|count| *count > 0);
    config.session_dir = Some(lines.next()?).filter(|dir| !dir.is_empty()).map(Into::into);
    let version = match lines.next()? {
        "Current" => Version::Current,
        #[cfg(feature = "swarm-8")]
        "V8" => Version::V8,
        _ => return None,
    };
    if lines.next()? == "true" {
        config.network = Network::LoopbackWithTrackers;
    }
    Some((config, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_arrives_as_it_was() {
        let plain = EmbeddedConfig::loopback("/a dir");
        let full = EmbeddedConfig {
            api_port: 7,
            download_bps: NonZeroU32::new(100_000),
            blocking_permits: Some(3),
            session_dir: Some("/session".into()),
            network: Network::LoopbackWithTrackers,
            ..EmbeddedConfig::loopback("/dir")
        };
        for config in [plain, full] {
            let (read, version) = from_text(&to_text(&config, Version::Current)).unwrap();
            assert_eq!(format!("{read:?}"), format!("{config:?}"));
            assert_eq!(version, Version::Current);
        }
        assert!(from_text("/dir\nport").is_none());
    }
}
