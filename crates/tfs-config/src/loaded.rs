//! The loaded settings, with the source of each value.

use std::path::PathBuf;

use figment::Figment;

use super::layer::Layer;
use super::{ConfigFile, ConfigFileState, Environment, Origin, Provenance, ServerArg, Settings};

/// A key that the command line sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The full name of the key, such as `read.timeout`.
    pub key: &'static str,
    /// The value as text, without validation.
    pub value: String,
}

/// Loaded settings with the source of each value.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// The locations of configuration files, the lower layer first.
    pub files: Vec<ConfigFile>,
    /// The short forms from the environment.
    pub environment: Environment,
    /// Warnings.
    pub warnings: Vec<String>,
    pub(super) servers: Vec<ServerArg>,
    /// Flags for keys of list sections.
    pub(super) flags: Vec<Flag>,
    pub(super) figment: Figment,
    pub(super) layers: Vec<Layer>,
}

impl Loaded {
    /// Returns the files that were read, the lower layer first.
    #[must_use]
    pub fn read_files(&self) -> Vec<PathBuf> {
        let read = self.files.iter().filter(|file| file.state == ConfigFileState::Read);
        read.map(|file| file.path.clone()).collect()
    }

    /// Returns the source of a value, by a name such as `read.timeout` or `server[0].url`.
    #[must_use]
    pub fn place(&self, name: &str) -> Provenance {
        // All items of a list come from one layer.
        let path = name.split('[').next().unwrap_or(name);
        let layer = self
            .figment
            .find_metadata(path)
            .and_then(|metadata| self.layers.iter().find(|layer| layer.name == metadata.name));
        let place = layer.and_then(|layer| layer.places.get(name).cloned());
        place.unwrap_or(Provenance::of(Origin::Default))
    }
}
