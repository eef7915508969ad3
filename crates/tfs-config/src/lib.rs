//! Settings: converts files, the environment and the command line to validated values.
//!
//! [`keys`] is the only table of settings. Each source becomes a layer, whose values are validated
//! against the table and keep their places. figment merges the layers, and [`Settings`] is
//! deserialized from the result. Layers are validated before the merge: so an error in a file is
//! found even if a flag overrides the value, and all errors are reported at once.
//!
//! A list section (`[[server]]`, `[[mount]]`) of a higher layer replaces that of a lower one as a
//! whole. With a merge by position or name, users could not tell the result without a tool.
//!
//! # Invariants
//! The crate parses no arguments and prints nothing. It sees no mount, no FUSE and no network: it
//! reads the configuration files and the password files, and nothing else.

#[cfg(test)]
mod access_tests;
mod change;
mod check;
mod check_on_demand;
mod check_serve;
mod check_tools;
mod document;
mod environment;
mod files;
mod hook;
mod key_name;
mod key_value;
pub mod keys;
mod kind;
mod layer;
mod load;
mod loaded;
mod model;
mod mount_layout;
mod on_demand;
#[cfg(test)]
mod on_demand_tests;
mod programs;
mod provenance;
mod secret;
mod secret_source;
mod serve;
mod serve_section;
#[cfg(test)]
mod serve_tests;
mod server;
mod server_access;
mod server_selection;
mod shown;
mod suggest;
#[cfg(test)]
mod tests;
mod toml_value;
mod units;
mod value_origin;
mod view_section;
#[cfg(test)]
mod view_tests;
mod views;
mod web_token;

pub use change::ConfigText;
pub use document::RECOMMENDED_VIEWS;
pub use document::{sample_file, tables};
pub use environment::{Environment, SHORT_FORMS};
pub use files::{ConfigFile, ConfigFileState};
pub use hook::{ConfiguredHook, HookCall};
pub use key_name::KeyName;
pub use kind::ValueKind;
pub use load::{FILES, Sources};
pub use loaded::{Flag, Loaded, words_of};
pub use model::{
    ArrSection, CacheSection, DiskUsageMode, DropRemoval, HookBodyMode, HookEvent, HookMethod,
    HookSection, LogFormat, LogLevel, LoggingSection, MetadataSection, MissingData, MissingError,
    MonitoringSection, MountRoot, MountSection, NextMode, PassthroughMode, PreloadSection,
    ReadSection, ServerSection, Settings, TimesMode, WatchSection, WebSection,
};
pub use mount_layout::MountLayout;
pub use on_demand::{OnDemandRuleSection, OnDemandSetting};
pub use provenance::{Origin, Problem, Provenance, SettingsError};
pub use secret::Secret;
pub use serve::ServeAuth;
pub use serve_section::{ServeKind, ServeSection};
pub use server::{ChosenServer, ServerArg, ServerSettings};
pub use shown::ShownValue;
pub use view_section::{ConditionSection, DepthMode, KindWord, ViewSection};

/// Parses a time such as `90s`, of up to a day.
///
/// # Errors
/// A message for users.
pub fn parse_time(text: &str) -> Result<std::time::Duration, String> {
    units::time(text)
}

/// Parses a size such as `64MiB`, in bytes.
///
/// # Errors
/// A message for users.
pub fn parse_size(text: &str) -> Result<u64, String> {
    units::size(text)
}

/// Checks whether a value from the command line is valid for a key.
///
/// # Errors
/// A message for users.
pub fn check_typed(key: &keys::Key, text: &str) -> Result<(), String> {
    let value = key.kind.parse(text)?;
    key.check(value, value_origin::ValueOrigin::AtPrompt).map(drop)
}
