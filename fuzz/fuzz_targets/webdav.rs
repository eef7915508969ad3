//! Any bytes on the listener of WebDAV: the connection ends, and the next one is served.
#![no_main]

#[path = "../../crates/webdav-adapter/tests/fuzz/webdav.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::webdav(data));
