//! Small wrappers of interfaces of Linux and macOS that several crates of tfs need.
//!
//! A function asks the system that it runs on. What macOS does not report is `None` or empty there,
//! never a guess.
//!
//! Used by every crate that touches the system: `fuse-adapter`, `rqbit-source`, `tfs-service` and
//! `tfs-cli`.
//!
//! # Invariants
//! The crate is at the bottom: it sees no other crate of the workspace, no FUSE protocol and no
//! HTTP. It has no policy and prints nothing.

mod blocking;
pub mod cgroup;
pub mod clock;
mod detached;
mod exec;
pub mod memory;
pub mod mountinfo;
pub mod mounting;
pub mod places;
pub mod process;
pub mod runtime_dir;
pub mod shell;
pub mod stat;
pub mod usage;

pub use blocking::blocking;
pub use detached::{run_detached, spawn_detached};
pub use exec::inherit_no_descriptors;
