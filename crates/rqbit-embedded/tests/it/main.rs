//! Real servers on loopback, tested externally: over HTTP and on disk.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails may say so in any way")]

mod http;
mod server;
mod session;
mod transfer;
