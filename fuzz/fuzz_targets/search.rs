//! Any words, glob or regular expression.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tfs_testkit::fuzz::search(data));
