//! The server over a fake source, by its requests.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod browse;
mod hostile;
mod ssdp;
mod support;
