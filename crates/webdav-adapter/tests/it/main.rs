//! A server over a source whose completion the test triggers, and a client that sends bytes.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests")]

mod access;
mod client;
mod errors;
mod files;
mod gaps;
mod hostile;
mod listings;
mod methods;
mod revoked;
mod stage;
mod tls;
