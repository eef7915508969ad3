//! The settings of each mount of the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tfs_config::{Loaded, MountSection, Problem};

use crate::MountSettings;

/// One mount of a configuration. Two are equal if their mounts behave the same.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    loaded: Arc<Loaded>,
    section: MountSection,
    /// Resolved when the configuration was read.
    settings: Result<MountSettings, Problem>,
}

impl Spec {
    /// Returns the settings. If they could not be resolved, for example because the password file
    /// was missing, they are resolved again. Reads files.
    pub(super) fn settings(&self) -> Result<MountSettings, Problem> {
        match &self.settings {
            Ok(settings) => Ok(settings.clone()),
            Err(_then) => MountSettings::of(&self.loaded, &self.section),
        }
    }
}

impl PartialEq for Spec {
    fn eq(&self, other: &Self) -> bool {
        match (&self.settings, &other.settings) {
            (Ok(settings), Ok(others)) => settings == others,
            _ => false,
        }
    }
}

/// Returns all mounts of a configuration, by path. Reads files.
pub(super) fn specs(loaded: &Arc<Loaded>) -> BTreeMap<PathBuf, Spec> {
    let specs = loaded.settings.mounts.iter().map(|section| {
        let settings = MountSettings::of(loaded, section);
        let spec = Spec { loaded: Arc::clone(loaded), section: section.clone(), settings };
        (section.path.clone(), spec)
    });
    specs.collect()
}
