//! The library against a fake rqbit over HTTP.
#![expect(clippy::unwrap_used, reason = "this is how a test fails")]

mod files;
mod reading;
mod servers;
mod support;
