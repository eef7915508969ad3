//! The loaded settings, with the source of each value.

use std::fmt;
use std::path::PathBuf;

use figment::Figment;
use figment::value::Value;

use super::keys::find_key;
use super::layer::Layer;
use super::secret_source::{Variables, shown_header, shown_proxy};
use super::value_origin::ValueOrigin;
use super::{
    ConfigFile, ConfigFileState, Environment, Origin, Provenance, ServerArg, Settings, ValueKind,
};

/// A key that the command line sets.
#[derive(Clone, PartialEq, Eq)]
pub struct Flag {
    /// The full name of the key, such as `read.timeout`.
    pub key: &'static str,
    /// The value as text, without validation.
    pub value: String,
}

impl fmt::Debug for Flag {
    /// Does not show the value, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flag({})", self.key)
    }
}

/// Returns flags as words of a command line, which mean the same in any directory.
///
/// # Errors
/// A message for users, if a value is invalid, or may be a secret that others could read there.
pub fn words_of(flags: &[Flag]) -> Result<Vec<String>, String> {
    flags.iter().map(word_of).collect()
}

fn word_of(Flag { key, value }: &Flag) -> Result<String, String> {
    let key = find_key(key).expect("flags name keys of the table");
    let name = key.flag_name();
    if key.kind == ValueKind::Switch {
        return Ok(name);
    }
    let checked = key.kind.parse(value);
    let checked = checked.and_then(|value| key.kind.check(value, ValueOrigin::AtPrompt));
    let checked = checked.map_err(|reason| format!("{name}: {reason}"))?;
    let secret = format!("the value of {name} would be readable for all users");
    let text = match (key.kind, &checked) {
        (ValueKind::Headers, Value::Array(_, items)) => {
            let text = items.first().and_then(Value::as_str).unwrap_or_default();
            if shown_header(text) != text {
                return Err(secret);
            }
            text.to_owned()
        }
        (ValueKind::Proxy, Value::String(_, text)) if text.contains('@') => {
            if shown_proxy(text) != *text {
                return Err(secret);
            }
            text.clone()
        }
        (ValueKind::Path | ValueKind::Proxy, Value::String(_, text)) => text.clone(),
        _ => value.clone(),
    };
    Ok(format!("{name}={text}"))
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
    /// All variables, for values that name one.
    pub(super) variables: Variables,
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
