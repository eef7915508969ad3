//! The daemon: runs all mounts of the configuration in one process, independently of each other.
//!
//! ```text
//! SIGHUP, tfs config reload --> DaemonHandle --> Daemon --> MountPlan: next actions
//!                                                  |  ^
//!                              a task for each mount  results
//! ```
//!
//! [`Daemon`] is the only owner of the mounts. It turns every event into a call of the plan, which
//! is pure, and executes the returned actions: start a mount, end it, or end it if it is unused.
//!
//! # Invariants
//! - A mount that fails, breaks or hangs does not affect the others. It is retried with exponential
//!   backoff, without a limit on the number of attempts: mount points, servers and passwords are
//!   often repaired from outside.
//! - There is at most one task for a path, so that a mount never conflicts with its predecessor.
//! - A mount that a user has unmounted stays unmounted until the next reload.
//! - A reload ends no mount that is in use, and an invalid configuration changes nothing.
//! - A configuration has one daemon per user.
//! - At the end, all mounts are unmounted concurrently, within seconds.
//!
//! The downside of one process: the watchdog of the service manager can only end the whole process.
//! So a hung mount makes the others restart, which separate processes would avoid.

mod apply_config;
mod attempt;
mod checks;
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
pub use reload::{DaemonHandle, reload_daemons};
pub use supervisor::Daemon;
