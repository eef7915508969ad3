//! Hooks as a process runs them: real commands, and a server that plays those of other programs.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod commands;
mod recipes;
mod requests;
mod server;
mod support;
mod tasks;
