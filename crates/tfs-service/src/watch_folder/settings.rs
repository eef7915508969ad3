//! The settings of a watch folder, with its server.

use std::path::PathBuf;

use tfs_config::{Loaded, WatchSection};

use crate::MountServer;
use crate::intake_server::{IntakeServer, server_of_daemon, server_of_mount};

/// Settings of a watch folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchSettings {
    /// The folder, an absolute path.
    pub dir: PathBuf,
    /// The name of its server.
    pub server_name: String,
    /// The server that gets the torrents.
    pub(crate) server: IntakeServer,
    /// Whether each new torrent is paused.
    pub paused: bool,
    /// Whether folders below are watched.
    pub recursive: bool,
    /// Whether the file of an added torrent is removed instead of renamed.
    pub remove_added: bool,
    /// Whether `.url` files are taken.
    pub allow_urls: bool,
}

impl WatchSettings {
    /// Returns the watch folders that a mount of these servers serves.
    #[must_use]
    pub fn of_mount(loaded: &Loaded, servers: &[MountServer]) -> Vec<Self> {
        let watches = loaded.settings.watches.iter();
        let watches = watches.filter_map(|watch| {
            let (name, server) = server_of_mount(loaded, watch.server.as_deref(), servers)?;
            Some(Self::new(watch, name, server))
        });
        watches.collect()
    }

    /// Returns all watch folders of a configuration. Reads password files.
    #[must_use]
    pub fn of_daemon(loaded: &Loaded) -> Vec<Self> {
        let watches = loaded.settings.watches.iter().map(|watch| {
            let (name, server) = server_of_daemon(loaded, watch.server.as_deref());
            Self::new(watch, name, server)
        });
        watches.collect()
    }

    fn new(watch: &WatchSection, server_name: String, server: IntakeServer) -> Self {
        Self {
            dir: watch.dir.clone(),
            server_name,
            server,
            paused: watch.paused,
            recursive: watch.recursive,
            remove_added: watch.remove_added,
            allow_urls: watch.allow_urls,
        }
    }
}
