//! The daemon: all mounts of the configuration in one process, each on its own.
//!
//! ```text
//! SIGHUP, tfs config reload --> DaemonHandle --> Daemon --> Plan: what is to be done?
//!                                                  |  ^
//!                              a task for each mount  what came of it
//! ```
//!
//! [`Daemon`] is the one owner of the mounts. It turns whatever happens into a call of the plan,
//! which is pure, and does what that answers: start a mount, end it, end it if nobody uses it.
//!
//! # Invariants
//! - A mount that fails, breaks or hangs takes no other with it; it is tried again, less and less
//!   often. Nothing is given up for good: what is wrong with a mount point, a server or a password
//!   is often put right from outside.
//! - There is one task for a path at most, so that a mount never meets its own predecessor.
//! - What a user has unmounted stays unmounted until the next reload.
//! - A reload ends no mount that is in use, and one with a mistake in it changes nothing.
//! - A configuration has one daemon of a user.
//! - The end takes all mounts down at the same time, within seconds.
//!
//! The downside of one process: the watchdog of the service manager can only end all of it. So a
//! mount that does not answer costs the others a restart, where a process for each would not.

mod apply_config;
mod attempt;
mod claim;
mod log;
mod news;
mod plan;
mod reload;
mod spec;
mod supervisor;
#[cfg(test)]
mod tests;

pub use claim::{DaemonClaim, DaemonRuns};
pub use log::LogLevelControl;
pub(crate) use reload::Reloader;
pub use reload::{DaemonHandle, reload_daemons};
pub use supervisor::Daemon;
