//! Settings: from files, the environment and the command line to values that are checked.
//!
//! [`keys`] is the one table of what can be set. Each source becomes a layer whose values are
//! checked against it, with the place of each; figment merges the layers, and [`Settings`] is read
//! from the result. A layer is checked before it is merged, so that a mistake in a file is found
//! also where a flag covers it, and all mistakes are told at once.
//!
//! A list of sections (`[[server]]`, `[[mount]]`) of a higher layer replaces that of a lower one
//! as a whole: merged by position or by name, nobody could say what holds without a tool.

mod check;
mod document;
mod environment;
mod files;
pub mod keys;
mod kind;
mod layer;
mod load;
mod model;
mod provenance;
mod secret;
mod server_selection;
mod shown;
mod suggest;
#[cfg(test)]
mod tests;
mod toml_value;
mod units;

pub use document::{sample_file, tables};
pub use environment::{Environment, SHORT_FORMS};
pub use files::{ConfigFile, ConfigFileState};
pub use kind::ValueKind;
pub use load::{Flag, Loaded, Sources};
pub use model::{
    CacheSection, LogFormat, LogLevel, LoggingSection, MetadataSection, MissingData, MissingError,
    MonitoringSection, MountLayout, MountSection, PassthroughMode, PreloadSection, ReadSection,
    ServerSection, Settings,
};
pub use provenance::{Origin, Problem, Provenance, SettingsError};
pub use secret::Secret;
pub use server_selection::{ChosenServer, ServerArg};
pub use shown::ShownValue;

/// Says whether a value that was typed for a key can be used.
///
/// # Errors
/// A text for people.
pub fn check_typed(key: &keys::Key, text: &str) -> Result<(), String> {
    let value = key.kind.parse(text)?;
    key.kind.check(value, kind::ValueOrigin::AtPrompt).map(drop)
}
