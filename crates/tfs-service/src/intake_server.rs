//! The server that gets the torrents of other programs.

use std::time::Duration;

use tfs_api::status::EMBEDDED_NAME;
use tfs_config::{ChosenServer, Loaded, ServerSettings};
use tfs_state::{OnDemandStore, user_state_dir};
use tfs_types::chain;

use crate::control::MountRegistry;
use crate::on_demand_records::{OnDemandChoice, ServerRecords};
use crate::{Credentials, MountServer, RqbitServer, ServerChoice};

/// A server that gets torrents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IntakeServer {
    /// A server that is reached over HTTP.
    Remote { connection: Box<ServerSettings>, on_demand: OnDemandChoice },
    /// The embedded server of this process, which has another address at each start.
    Embedded { on_demand: OnDemandChoice },
    /// There is none, for this reason.
    Unusable(String),
}

impl IntakeServer {
    /// Returns why there is no server.
    pub(crate) fn trouble(&self) -> Option<String> {
        match self {
            Self::Unusable(reason) => Some(reason.clone()),
            Self::Remote { .. } | Self::Embedded { .. } => None,
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
        let (settings, record_key, on_demand) = match self {
            Self::Remote { connection, on_demand } => ((**connection).clone(), None, on_demand),
            Self::Embedded { on_demand } => {
                let (settings, record_key) = embedded(mounts)?;
                (settings, record_key, on_demand)
            }
            Self::Unusable(reason) => return Err(reason.clone()),
        };
        let server = RqbitServer::new(&settings, chunk_time_max).map_err(|error| chain(&error))?;
        let server = server.with_on_demand(on_demand.clone());
        Ok(match (record_key, user_state_dir()) {
            (Some(key), Some(dir)) => {
                server.with_records(ServerRecords::new(OnDemandStore::in_dir(&dir), key))
            }
            _ => server,
        })
    }
}

/// Returns the address of the only embedded server of this process, and the key of its records.
fn embedded(mounts: &MountRegistry) -> Result<(ServerSettings, Option<String>), String> {
    let mut servers = mounts.embedded_servers();
    let Some(access) = servers.pop().filter(|_| servers.is_empty()) else {
        return Err("this process has no embedded server".to_owned());
    };
    let url = access.url.parse().map_err(|_url| "the embedded server has no address".to_owned())?;
    let credentials = Credentials::new(&access.username, &access.password);
    let settings = ServerSettings { credentials: credentials.ok(), ..ServerSettings::new(url) };
    Ok((settings, access.record_key))
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
    let on_demand = server.on_demand.clone();
    match &server.choice {
        ServerChoice::Remote(remote) => {
            IntakeServer::Remote { connection: Box::new(remote.clone()), on_demand }
        }
        #[cfg(feature = "embedded")]
        ServerChoice::Embedded(_) => IntakeServer::Embedded { on_demand },
    }
}

/// Returns the configured server with a name, or the only one.
pub(crate) fn server_of_daemon(loaded: &Loaded, name: Option<&str>) -> (String, IntakeServer) {
    if name == Some(EMBEDDED_NAME) {
        let name = EMBEDDED_NAME.to_owned();
        let on_demand = OnDemandChoice::of_rules(&loaded.settings, name.clone(), None);
        return (name, IntakeServer::Embedded { on_demand });
    }
    let chosen = match name {
        Some(name) => loaded.configured_server(name),
        None => loaded.choose_server(&[]),
    };
    match chosen {
        Ok(ChosenServer { section, connection, .. }) => {
            let on_demand = OnDemandChoice::of(&loaded.settings, &section, None);
            (section.name, IntakeServer::Remote { connection: Box::new(connection), on_demand })
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
