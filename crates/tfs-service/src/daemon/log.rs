//! The log of the program that runs the daemon.

use std::fmt;

use tfs_config::Loaded;

/// Control of the log level, which a reload changes.
pub trait LogLevelControl: fmt::Debug + Send {
    /// Sets the configured log level. Returns whether it has changed: flags of the program may
    /// override the configuration.
    fn set_level(&mut self, loaded: &Loaded) -> bool;
}
