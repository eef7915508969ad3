//! The settings of the listener, with its server.

use std::net::SocketAddr;

use tfs_config::Loaded;

use crate::MountServer;
use crate::intake_server::{IntakeServer, server_of_daemon, server_of_mount};

/// Settings of the listener for Sonarr and Radarr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrSettings {
    /// The address, one of this machine only.
    pub address: SocketAddr,
    /// The name of the server behind it.
    pub server_name: String,
    /// The server behind it.
    pub(crate) server: IntakeServer,
    /// Whether a delete removes files.
    pub allow_delete: bool,
}

impl ArrSettings {
    /// Returns the settings for a mount of these servers. `None` if the listener is off, or its
    /// server is not among them.
    #[must_use]
    pub fn of_mount(loaded: &Loaded, servers: &[MountServer]) -> Option<Self> {
        let name = loaded.settings.arr.server.as_deref();
        Self::new(loaded, || server_of_mount(loaded, name, servers))
    }

    /// Returns the settings for a daemon. `None` if the listener is off. Reads password files.
    #[must_use]
    pub fn of_daemon(loaded: &Loaded) -> Option<Self> {
        let name = loaded.settings.arr.server.as_deref();
        Self::new(loaded, || Some(server_of_daemon(loaded, name)))
    }

    fn new(
        loaded: &Loaded,
        server: impl FnOnce() -> Option<(String, IntakeServer)>,
    ) -> Option<Self> {
        let address = loaded.settings.arr.listen?;
        let (server_name, server) = server()?;
        let allow_delete = loaded.settings.arr.allow_delete;
        Some(Self { address, server_name, server, allow_delete })
    }
}
