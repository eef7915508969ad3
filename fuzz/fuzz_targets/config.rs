//! Any configuration file: settings, or problems with a place.
#![no_main]

#[path = "../../crates/tfs-service/tests/fuzz/config.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::config(data));
