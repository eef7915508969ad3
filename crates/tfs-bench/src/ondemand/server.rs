//! The server of a show: an rqbit of its own, or the one embedded in the mount.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rqbit_client::{Bitfield, Client, ClientConfig, Credentials, InfoHash};
use rqbit_embedded::{EmbeddedConfig, EmbeddedServer};
use serde_json::Value;
use tfs_testkit::until::until;
use tokio::runtime::Runtime;

use crate::mount::TfsMount;

/// Two threads, as in a swarm of the testkit.
const WORKER_THREADS: usize = 2;

/// A mounted server.
///
/// The mount is the first to end.
#[derive(Debug)]
pub(crate) struct MountedServer {
    pub(crate) mount: TfsMount,
    pub(crate) client: Client,
    _server: Option<EmbeddedServer>,
}

/// Returns the runtime of servers and clients.
pub(crate) fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(WORKER_THREADS).enable_all().build().unwrap()
}

impl MountedServer {
    /// Starts an rqbit in this process, and mounts it.
    pub(crate) fn start(runtime: &Runtime, dir: &Path) -> Self {
        Self::with_settings(runtime, dir, &[])
    }

    /// The same with settings of the environment.
    pub(crate) fn with_settings(runtime: &Runtime, dir: &Path, settings: &[(&str, &str)]) -> Self {
        let config = EmbeddedConfig::loopback(dir.join("downloads"));
        let server = runtime.block_on(EmbeddedServer::start(config)).unwrap();
        let url = format!("http://{}", server.api_addr());
        let client = Client::new(ClientConfig::new(url.parse().unwrap())).unwrap();
        let mount = TfsMount::with_settings(dir, &url, settings);
        Self { mount, client, _server: Some(server) }
    }

    /// Mounts an embedded server.
    pub(crate) fn embedded(dir: &Path) -> Self {
        let mount = TfsMount::embedded(dir);
        let socket = dir.join("tfs").join(format!("{}.sock", mount.pid()));
        let access = until("the embedded server has an address", || access(&socket));
        let text = |key: &str| access[key].as_str().unwrap();
        let mut config = ClientConfig::new(text("url").parse().unwrap());
        config.credentials = Credentials::new(text("username"), text("password")).ok();
        Self { mount, client: Client::new(config).unwrap(), _server: None }
    }

    /// Returns the bytes that the server received from peers.
    pub(crate) fn fetched_bytes(&self, runtime: &Runtime) -> u64 {
        let stats = runtime.block_on(self.client.session_stats()).unwrap();
        stats.counters.unwrap().fetched_bytes
    }

    /// Returns the pieces that the server has.
    pub(crate) fn pieces(&self, runtime: &Runtime, torrent: InfoHash) -> Bitfield {
        runtime.block_on(self.client.torrent_haves(torrent.into())).unwrap()
    }

    /// Returns the status of the mount.
    pub(crate) fn status(&self) -> Value {
        let status = std::fs::read(self.mount.path.join(".tfs/status.json")).unwrap();
        serde_json::from_slice(&status).unwrap()
    }

    /// Returns how many streams the mount has opened.
    pub(crate) fn streams_opened(&self) -> u64 {
        self.status()["reads"]["streams_opened"].as_u64().unwrap()
    }
}

/// Requests the address and credentials of the embedded server of a process.
fn access(socket: &Path) -> Option<Value> {
    let mut stream = UnixStream::connect(socket).ok()?;
    let request = "GET /v1/embedded HTTP/1.1\r\nHost: tfs\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let mut body: Value = serde_json::from_str(body).ok()?;
    let server = body["servers"].get_mut(0)?;
    Some(server.take())
}
