//! Chooses the mode of torrents that are added.

use std::sync::Arc;

use rqbit_client::wire::{TorrentDetails, TorrentFile};
use tfs_config::{MountSection, OnDemandSetting, ServerSection, Settings};
use tfs_types::OnDemandMode;
use tfs_views::{NewTorrent, OnDemandPolicy, OnDemandRule};

/// How torrents are added: on demand in a mode, or with everything selected. The default is the
/// latter.
#[derive(Debug, Clone, Default)]
pub struct OnDemandChoice {
    policy: Arc<OnDemandPolicy>,
    /// What the policy was made from, which can be compared.
    rules: Vec<OnDemandRule>,
    otherwise: Option<OnDemandMode>,
    server: String,
}

impl PartialEq for OnDemandChoice {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules
            && (self.otherwise, &self.server) == (other.otherwise, &other.server)
    }
}

impl Eq for OnDemandChoice {}

impl OnDemandChoice {
    /// Adds all torrents in a mode; `None` selects everything.
    #[must_use]
    pub fn always(mode: Option<OnDemandMode>) -> Self {
        let policy = Arc::new(OnDemandPolicy::always(mode));
        Self { policy, otherwise: mode, ..Self::default() }
    }

    /// Returns the choice of a configuration for a server, for a mount if there is one.
    #[must_use]
    pub fn of(settings: &Settings, server: &ServerSection, mount: Option<&MountSection>) -> Self {
        let name = server.name.clone();
        let of_mount = mount.and_then(|mount| mount.on_demand);
        let otherwise = of_mount.unwrap_or(server.on_demand).mode();
        Self::of_rules(settings, name, otherwise)
    }

    /// Returns the choice of the rules of a configuration. Torrents that meet none of them have the
    /// mode `otherwise`.
    #[must_use]
    pub fn of_rules(settings: &Settings, server: String, otherwise: Option<OnDemandMode>) -> Self {
        let rules: Vec<_> = settings.on_demand_rules.iter().map(|rule| rule.rule()).collect();
        let policy = OnDemandPolicy::compile(&rules, otherwise);
        // Loaded settings have no wrong rules.
        let policy = policy.unwrap_or_else(|_wrong| OnDemandPolicy::always(otherwise));
        Self { policy: Arc::new(policy), rules, otherwise, server }
    }

    /// Returns the same choice with the rules of a configuration, and the setting of a mount.
    pub(crate) fn of_mount(
        self,
        settings: &Settings,
        server: String,
        mount: Option<OnDemandSetting>,
    ) -> Self {
        let otherwise = mount.map_or(self.otherwise, OnDemandSetting::mode);
        Self::of_rules(settings, server, otherwise)
    }

    /// Returns whether torrents may be added on demand.
    pub(crate) fn may_be_on_demand(&self) -> bool {
        self.otherwise.is_some() || self.rules.iter().any(|rule| rule.mode.is_some())
    }

    /// Returns the mode of a torrent with its files, and with the tags that the user gave to it
    /// before it was added.
    pub(crate) fn mode_of(
        &self,
        torrent: &TorrentDetails,
        tags: &[String],
    ) -> Option<OnDemandMode> {
        let path = |file: &TorrentFile| (file.components.join("/"), file.length);
        let files: Vec<_> = torrent.files.iter().flatten().map(path).collect();
        self.policy.mode_of(&NewTorrent {
            info_hash: torrent.info_hash,
            name: torrent.name.as_deref().unwrap_or_default(),
            files: &files,
            server: &self.server,
            tags,
        })
    }
}
