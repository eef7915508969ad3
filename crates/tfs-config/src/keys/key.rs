//! Sections and keys of the configuration, as the tables describe them.

use crate::ValueKind;

/// A section of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// The name in brackets.
    pub name: &'static str,
    /// Whether it is a list, with double brackets.
    pub is_list: bool,
    /// Its description.
    pub about: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

/// A key of a section.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The full name, such as `read.timeout`.
    pub name: &'static str,
    /// The kind of its values.
    pub kind: ValueKind,
    /// Its default.
    pub default: DefaultValue,
    /// The command-line flag that sets it.
    pub flag: Option<&'static str>,
    /// Its description, in one sentence.
    pub about: &'static str,
}

/// The default of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// This value, as TOML.
    Is(&'static str),
    /// No value, with the meaning of that; and an example, as TOML.
    Unset {
        /// The effect of having no value.
        means: &'static str,
        /// An example.
        example: &'static str,
    },
    /// The key is required. This is an example, as TOML.
    Required(&'static str),
}

pub(in crate::keys) const fn key(
    name: &'static str,
    kind: ValueKind,
    default: DefaultValue,
    flag: Option<&'static str>,
    about: &'static str,
) -> Key {
    Key { name, kind, default, flag, about }
}
