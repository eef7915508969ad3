//! What each mount of the configuration is made of.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::MountSettings;
use crate::settings::{Loaded, MountSection, Problem};

/// One mount of a configuration. Two are equal if a mount of one is as good as one of the other.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    loaded: Arc<Loaded>,
    section: MountSection,
    /// As it was when the configuration was read.
    settings: Result<MountSettings, Problem>,
}

impl Spec {
    /// Returns the settings. Where they could not be had, as when the file with the password was
    /// not there, they are looked for anew. Reads files.
    pub(super) fn settings(&self) -> Result<MountSettings, Problem> {
        match &self.settings {
            Ok(settings) => Ok(settings.clone()),
            Err(_then) => self.loaded.mount_settings(&self.section),
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

/// Returns all mounts of a configuration by their paths. Reads files.
pub(super) fn specs(loaded: &Arc<Loaded>) -> BTreeMap<PathBuf, Spec> {
    let specs = loaded.settings.mounts.iter().map(|section| {
        let settings = loaded.mount_settings(section);
        let spec = Spec { loaded: Arc::clone(loaded), section: section.clone(), settings };
        (section.path.clone(), spec)
    });
    specs.collect()
}
