//! The server inside the process, and what is added to it.

use std::path::{Path, PathBuf};

use rqbit_client::{BaseUrl, Credentials};
use rqbit_embedded::{EmbeddedConfig, EmbeddedError, EmbeddedServer};

use crate::add::{AddError, Existing, TorrentInput, add};
use crate::state::make_private_below;
use crate::{Server, ServerSettings};

/// The user name of the server's API. The password is what keeps others out.
const USER: &str = "tfs";

/// A server that runs in this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedSettings {
    /// Where it stores what it downloads.
    pub dir: PathBuf,
    /// What is added to it when it has started.
    pub add: Vec<TorrentInput>,
    /// Whether it finds peers on the internet, or keeps to this machine (peers only by address).
    pub is_online: bool,
}

/// The running server.
#[derive(Debug)]
pub(crate) struct Embedded {
    server: EmbeddedServer,
    settings: ServerSettings,
}

impl EmbeddedSettings {
    /// Adds all torrents; those that are there already stay as they are.
    pub(crate) async fn add_all(&self, server: &Server) -> Result<(), AddError> {
        for input in &self.add {
            // What was downloaded before is checked and kept.
            add(server, input, Existing::Use).await?;
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
    let session_dir = state_dir.join("embedded").join(name.trim_start_matches('%'));
    // Before rqbit makes it, and all above it, for everybody to read.
    match make_private_below(state_dir, &session_dir) {
        Ok(()) => Some(session_dir),
        Err(error) => {
            let dir = session_dir.display();
            tracing::warn!(%dir, %error, "the session of the embedded server is not kept");
            None
        }
    }
}

/// Returns 128 random bits in hexadecimal digits.
fn password() -> String {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).expect("Linux has random numbers");
    format!("{:032x}", u128::from_le_bytes(bits))
}
