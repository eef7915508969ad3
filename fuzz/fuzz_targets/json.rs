//! Any JSON, as each answer of a server.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tfs_testkit::fuzz::json(data));
