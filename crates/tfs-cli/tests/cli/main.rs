//! The command line and the configuration, without a mount and with fake servers only.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod cases;
mod completion;
mod config;
mod generated;
mod help;
mod logging;
mod support;
