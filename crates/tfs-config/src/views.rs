//! The views of a mount, and which torrents it adds on demand.

use tfs_views::{OnDemandPolicy, ViewProblem, ViewRules};

use super::{MountRoot, MountSection, OnDemandRuleSection, ServerSection, Settings, ViewSection};

impl Settings {
    /// Returns the compiled views of a mount. Loaded settings have no wrong ones.
    ///
    /// # Errors
    /// All problems of the rules.
    pub fn compile_views(&self, mount: &MountSection) -> Result<ViewRules, Vec<ViewProblem>> {
        let specs: Vec<_> = self.views.iter().map(ViewSection::spec).collect();
        let rest = Some(mount.rest_view.as_str()).filter(|name| !name.is_empty());
        ViewRules::compile(&specs, rest)
    }

    /// Returns what the root of a mount shows.
    #[must_use]
    pub fn root_of(&self, mount: &MountSection) -> MountRoot {
        let is_flat = self.views.is_empty();
        mount.root.unwrap_or(if is_flat { MountRoot::Flat } else { MountRoot::Both })
    }

    /// Returns what decides about the mode of a torrent that is added to a server, by a mount or by
    /// a command. Loaded settings have no wrong rules.
    ///
    /// # Errors
    /// All problems of the rules.
    pub fn on_demand_policy(
        &self,
        server: &ServerSection,
        mount: Option<&MountSection>,
    ) -> Result<OnDemandPolicy, Vec<ViewProblem>> {
        let rules: Vec<_> = self.on_demand_rules.iter().map(OnDemandRuleSection::rule).collect();
        let otherwise = mount.and_then(|mount| mount.on_demand).unwrap_or(server.on_demand);
        OnDemandPolicy::compile(&rules, otherwise.mode())
    }
}
