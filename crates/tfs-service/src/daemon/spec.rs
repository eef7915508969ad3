//! The settings of each mount and each served library of the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tfs_config::{Loaded, MountSection, Problem, ServeSection};

use crate::{FrontKind, MountSettings};

/// A section of the configuration that is a library.
#[derive(Debug, Clone)]
enum LibrarySection {
    Mount(Box<MountSection>),
    /// One without `mount`.
    Serve(Box<ServeSection>),
}

/// One library of a configuration. Two are equal if they behave the same.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    loaded: Arc<Loaded>,
    section: LibrarySection,
    /// Resolved when the configuration was read.
    settings: Result<MountSettings, Problem>,
}

impl Spec {
    fn new(loaded: &Arc<Loaded>, section: LibrarySection) -> Self {
        let settings = section.settings(loaded);
        Self { loaded: Arc::clone(loaded), section, settings }
    }

    /// Returns the settings. If they could not be resolved, for example because the password file
    /// was missing, they are resolved again. Reads files.
    pub(super) fn settings(&self) -> Result<MountSettings, Problem> {
        let is_usable = |settings: &&MountSettings| {
            settings.fronts.iter().all(|front| front.unusable_secret().is_none())
        };
        match self.settings.as_ref().ok().filter(is_usable) {
            Some(settings) => Ok(settings.clone()),
            None => self.section.settings(&self.loaded),
        }
    }
}

impl LibrarySection {
    fn settings(&self, loaded: &Loaded) -> Result<MountSettings, Problem> {
        match self {
            Self::Mount(section) => MountSettings::of(loaded, section),
            Self::Serve(section) => MountSettings::of_serve(loaded, section),
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

/// Returns all libraries of a configuration: mounts by path, and served ones by their name, such as
/// `webdav://127.0.0.1:8080`. Reads files.
pub(super) fn specs(loaded: &Arc<Loaded>) -> BTreeMap<PathBuf, Spec> {
    let mounts = loaded.settings.mounts.iter().map(|section| {
        let spec = Spec::new(loaded, LibrarySection::Mount(Box::new(section.clone())));
        (section.path.clone(), spec)
    });
    let served = loaded.own_serves().map(|(name, section)| {
        let section = ServeSection { name: Some(name.clone()), ..section.clone() };
        let key = key_of(&section, &name);
        (key, Spec::new(loaded, LibrarySection::Serve(Box::new(section))))
    });
    mounts.chain(served).collect()
}

/// Returns the key of a served library: its name while it runs, if its port is not chosen by the
/// kernel.
fn key_of(section: &ServeSection, name: &str) -> PathBuf {
    let (kind, address) = (FrontKind::from(section.kind), section.address());
    match address.port() {
        0 => format!("{kind}://{address} ({name})").into(),
        _ => format!("{kind}://{address}").into(),
    }
}
