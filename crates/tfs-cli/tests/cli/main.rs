//! The command line and the configuration, without a server and without a mount.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod cases;
mod config;
mod generated;
mod help;
mod logging;
mod support;
