//! One rqbit with a complete torrent, and its files.

use std::fs;
use std::path::{Path, PathBuf};

use rqbit_client::InfoHash;
use rqbit_embedded::{EmbeddedConfig, EmbeddedServer, SeedOptions};
use tokio::runtime::Runtime;

use crate::load::{ByteSource, LoadSource};

/// The piece length of all torrents, as in torrents of some GB.
const PIECE_BYTES: u32 = 1 << 20;

/// A server with one torrent that is complete.
pub(crate) struct Seeder {
    /// The paths of the files in the mount.
    pub(crate) names: Vec<String>,
    /// The directory of the files.
    pub(crate) folder: PathBuf,
    /// The address of the API.
    pub(crate) api_url: String,
    info_hash: InfoHash,
    runtime: Runtime,
    server: Option<EmbeddedServer>,
}

impl Seeder {
    /// Starts a server below `dir` with the file `name`, or with all files in a folder of that
    /// name. `write` creates the files.
    pub(crate) fn start(dir: &Path, name: &str, write: impl FnOnce(&Path)) -> Self {
        let folder = dir.join("seeds");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        write(&path);
        let (folder, prefix) = if path.is_dir() {
            (path.clone(), format!("{name}/"))
        } else {
            (folder, String::new())
        };
        let mut names: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap();
        let (server, seeded) = runtime.block_on(async {
            let config = EmbeddedConfig::loopback(dir.join("rqbit"));
            let server = EmbeddedServer::start(config).await.unwrap();
            let options = SeedOptions { piece_length: Some(PIECE_BYTES), ..SeedOptions::default() };
            let seeded = server.seed(&path, options).await.unwrap();
            (server, seeded)
        });
        // Paths are relative to the root of a mount.
        let folder = if prefix.is_empty() { folder } else { dir.join("seeds") };
        Self {
            names: names.into_iter().map(|name| format!("{prefix}{name}")).collect(),
            folder,
            api_url: format!("http://{}", server.api_addr()),
            info_hash: InfoHash::from_bytes(seeded.info_hash),
            runtime,
            server: Some(server),
        }
    }

    /// Returns the path and query of a file's stream URL.
    pub(crate) fn stream_path(&self, file_idx: usize) -> String {
        format!("/torrents/{}/stream/{file_idx}", self.info_hash)
    }

    /// Returns the URL of a file's stream.
    pub(crate) fn stream_url(&self, file_idx: usize) -> String {
        format!("{}{}", self.api_url, self.stream_path(file_idx))
    }

    /// Returns a file's stream at an address as the source of a reader: that of the server, or of
    /// something in front of it.
    pub(crate) fn source(&self, api_url: &str, file_idx: usize) -> LoadSource {
        LoadSource {
            source: ByteSource::parse(&format!("{api_url}{}", self.stream_path(file_idx))),
            plain: self.folder.join(&self.names[file_idx]),
        }
    }
}

impl Drop for Seeder {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.kill());
        }
    }
}
