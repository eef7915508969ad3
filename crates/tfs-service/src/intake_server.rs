//! The server that gets the torrents of other programs.

use std::time::Duration;

use tfs_api::status::EMBEDDED_NAME;
use tfs_config::{ChosenServer, Loaded, ServerSettings};
use tfs_types::chain;

use crate::control::MountRegistry;
use crate::{Credentials, MountServer, RqbitServer, ServerChoice};

/// A server that gets torrents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IntakeServer {
    /// A server that is reached over HTTP.
    Remote(Box<ServerSettings>),
    /// The embedded server of this process, which has another address at each start.
    Embedded,
    /// There is none, for this reason.
    Unusable(String),
}

impl IntakeServer {
    /// Returns why there is no server.
    pub(crate) fn trouble(&self) -> Option<String> {
        match self {
            Self::Unusable(reason) => Some(reason.clone()),
            Self::Remote(_) | Self::Embedded => None,
        }
    }

    /// Returns a client of the server; sends nothing. `chunk_time_max` limits the wait for a part
    /// of an answer.
    ///
    /// # Errors
    /// The reason for users.
    pub(crate) fn client(
        &self,
        mounts: &MountRegistry,
        chunk_time_max: Duration,
    ) -> Result<RqbitServer, String> {
        let settings = match self {
            Self::Remote(settings) => (**settings).clone(),
            Self::Embedded => embedded(mounts)?,
            Self::Unusable(reason) => return Err(reason.clone()),
        };
        RqbitServer::new(&settings, chunk_time_max).map_err(|error| chain(&error))
    }
}

/// Returns the address of the only embedded server of this process.
fn embedded(mounts: &MountRegistry) -> Result<ServerSettings, String> {
    let mut servers = mounts.embedded_servers();
    let Some(access) = servers.pop().filter(|_| servers.is_empty()) else {
        return Err("this process has no embedded server".to_owned());
    };
    let url = access.url.parse().map_err(|_url| "the embedded server has no address".to_owned())?;
    let credentials = Credentials::new(&access.username, &access.password);
    Ok(ServerSettings { credentials: credentials.ok(), ..ServerSettings::new(url) })
}

/// Returns the server among those of a mount with the configured name, or the only one. `None` if
/// the mount does not show the named one.
pub(crate) fn server_of_mount(
    loaded: &Loaded,
    name: Option<&str>,
    servers: &[MountServer],
) -> Option<(String, IntakeServer)> {
    let Some(name) = name else {
        let [only] = servers else {
            let reason = "the mount has several servers: set `server` to the name of one";
            return Some((String::new(), IntakeServer::Unusable(reason.to_owned())));
        };
        return Some((only.name.clone(), intake_server(only)));
    };
    // `--server URL` may give another name to a configured server.
    let url = loaded.settings.servers.iter().find(|server| server.name == name);
    let url = url.map(|server| &server.url);
    let is_it = |server: &&MountServer| match &server.choice {
        ServerChoice::Remote(remote) => url == Some(&remote.url),
        #[cfg(feature = "embedded")]
        ServerChoice::Embedded(_) => name == EMBEDDED_NAME,
    };
    let server = servers.iter().find(is_it)?;
    Some((name.to_owned(), intake_server(server)))
}

fn intake_server(server: &MountServer) -> IntakeServer {
    match &server.choice {
        ServerChoice::Remote(remote) => IntakeServer::Remote(Box::new(remote.clone())),
        #[cfg(feature = "embedded")]
        ServerChoice::Embedded(_) => IntakeServer::Embedded,
    }
}

/// Returns the configured server with a name, or the only one.
pub(crate) fn server_of_daemon(loaded: &Loaded, name: Option<&str>) -> (String, IntakeServer) {
    if name == Some(EMBEDDED_NAME) {
        return (EMBEDDED_NAME.to_owned(), IntakeServer::Embedded);
    }
    let chosen = match name {
        Some(name) => loaded.configured_server(name),
        None => loaded.choose_server(&[]),
    };
    match chosen {
        Ok(ChosenServer { section, connection, .. }) => {
            (section.name, IntakeServer::Remote(Box::new(connection)))
        }
        Err(problem) => {
            let hint = match name {
                None => "set `server` to the name of one".to_owned(),
                Some(_) => problem.hint.unwrap_or_default(),
            };
            let reason = format!("{}: {hint}", problem.message);
            (name.unwrap_or_default().to_owned(), IntakeServer::Unusable(reason))
        }
    }
}
