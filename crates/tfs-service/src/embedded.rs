//! The server inside the process, and what is added to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use rqbit_client::{AddOptions, AddSource, BaseUrl, Credentials};
use rqbit_embedded::{EmbeddedConfig, EmbeddedError, EmbeddedServer};

use crate::{Server, ServerSettings};

/// The user name of the server's API. The password is what keeps others out.
const USER: &str = "tfs";

/// The largest `.torrent` file that is read: what rqbit takes.
const TORRENT_FILE_BYTES_MAX: u64 = 10 << 20;

/// How long a magnet link may take to resolve while a user waits at the prompt.
const RESOLVE_TIME_MAX: Duration = Duration::from_secs(120);

/// A server that runs in this process.
#[derive(Debug, Clone)]
pub struct EmbeddedSettings {
    /// Where it stores what it downloads.
    pub dir: PathBuf,
    /// What is added to it when it has started.
    pub add: Vec<TorrentInput>,
    /// Whether it finds peers on the internet, or keeps to this machine (peers only by address).
    pub is_online: bool,
}

/// A torrent as people name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TorrentInput {
    /// A `.torrent` file.
    File(PathBuf),
    /// A magnet link, or the address of a `.torrent` file.
    Link(String),
}

/// Why a torrent was not added.
#[derive(Debug, thiserror::Error)]
#[error("cannot add {input}")]
pub struct AddError {
    /// What was to be added.
    pub input: String,
    /// Why it was not.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// The running server.
#[derive(Debug)]
pub(crate) struct Embedded {
    server: EmbeddedServer,
    settings: ServerSettings,
}

impl TorrentInput {
    /// Tells a link from a path.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let is_link = ["magnet:", "http://", "https://"].iter().any(|start| {
            text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
        });
        if is_link { Self::Link(text.to_owned()) } else { Self::File(PathBuf::from(text)) }
    }

    /// Returns it in words; a magnet link may hold a key and is not repeated.
    fn describe(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Link(link) if link.starts_with("http") => {
                "the torrent at the given address".into()
            }
            Self::Link(_) => "the magnet link".into(),
        }
    }

    async fn load(&self) -> Result<AddSource, std::io::Error> {
        match self {
            Self::Link(link) => Ok(AddSource::Url(link.clone())),
            Self::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || read_torrent_file(&path)).await;
                read.map_err(std::io::Error::other)?.map(AddSource::TorrentFile)
            }
        }
    }
}

fn read_torrent_file(path: &Path) -> Result<Bytes, std::io::Error> {
    if std::fs::metadata(path)?.len() > TORRENT_FILE_BYTES_MAX {
        return Err(std::io::Error::other("it is larger than any .torrent file"));
    }
    std::fs::read(path).map(Bytes::from)
}

impl EmbeddedSettings {
    /// Adds all torrents; those that are there already stay as they are.
    pub(crate) async fn add_all(&self, server: &Server) -> Result<(), AddError> {
        for input in &self.add {
            let failed = |source| AddError { input: input.describe(), source };
            let source = input.load().await.map_err(|error| failed(error.into()))?;
            // What was downloaded before is checked and kept.
            let options = AddOptions {
                overwrite: true,
                timeout: Some(RESOLVE_TIME_MAX),
                ..AddOptions::default()
            };
            let added = server.client().add_torrent(&source, &options).await;
            added.map_err(|error| failed(error.into()))?;
        }
        Ok(())
    }
}

impl Embedded {
    /// Starts the server. Its API wants a password that nobody else knows, so that other users of
    /// this machine, and pages in a browser, cannot make it write files as this user.
    ///
    /// Its session is kept in `state_dir`, if there is one.
    pub(crate) async fn start(
        settings: &EmbeddedSettings,
        state_dir: Option<&Path>,
    ) -> Result<Self, EmbeddedError> {
        let mut config = if settings.is_online {
            EmbeddedConfig::internet(&settings.dir)
        } else {
            EmbeddedConfig::loopback(&settings.dir)
        };
        let session_dir = state_dir.and_then(|state_dir| session_dir(state_dir, &settings.dir));
        config.session_dir = session_dir.or(config.session_dir);
        let password = password();
        config.credentials = Some(rqbit_embedded::Credentials {
            username: USER.to_owned(),
            password: password.clone(),
        });
        let server = EmbeddedServer::start(config).await?;
        let url: BaseUrl =
            format!("http://{}/", server.api_addr()).parse().expect("a socket address makes a URL");
        let credentials =
            Credentials::new(USER, &password).expect("hexadecimal digits are allowed");
        Ok(Self { server, settings: ServerSettings { url, credentials: Some(credentials) } })
    }

    pub(crate) fn settings(&self) -> ServerSettings {
        self.settings.clone()
    }

    pub(crate) async fn stop(self) {
        self.server.stop().await;
    }
}

/// Returns where the server remembers its torrents: in the state directory, one folder for each
/// directory that is downloaded to. It is not in that directory itself, where a torrent of
/// the right name could replace it.
fn session_dir(state_dir: &Path, dir: &Path) -> Option<PathBuf> {
    std::fs::create_dir_all(dir).ok()?;
    let dir = dir.canonicalize().ok()?;
    // A path as a file name: separators become `%`, and what was a `%` is doubled.
    let name = dir.to_str()?.replace('%', "%%").replace('/', "%");
    Some(state_dir.join("embedded").join(name.trim_start_matches('%')))
}

/// Returns 128 random bits in hexadecimal digits.
fn password() -> String {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).expect("Linux has random numbers");
    format!("{:032x}", u128::from_le_bytes(bits))
}
