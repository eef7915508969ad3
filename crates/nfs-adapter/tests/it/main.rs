//! The server as clients see it, over a fake source.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod client;
mod guard;
mod hostile;
mod libnfs;
mod listing;
mod metadata;
mod mount;
mod reads;
mod support;
mod waits;
