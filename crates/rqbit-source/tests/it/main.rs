//! The source against servers of the test kit, and the mapping against arbitrary answers.

#![expect(clippy::panic, clippy::unwrap_used, reason = "this is how a test fails")]

mod direct;
mod fuzz;
mod links;
mod lost_peers;
mod permits;
mod polls;
