//! The views of a mount.

use tfs_views::{ViewProblem, ViewRules};

use super::{MountRoot, MountSection, Settings, ViewSection};

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
}
