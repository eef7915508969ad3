//! The log of the program that runs the daemon.

use std::fmt;

use crate::settings::Loaded;

/// How much is logged, which a reload changes.
pub trait LogLevelControl: fmt::Debug + Send {
    /// Logs from now on as much as a configuration says. Returns whether that is more or less than
    /// before: whoever started the program may have a say that no configuration overrides.
    fn set_level(&mut self, loaded: &Loaded) -> bool;
}
