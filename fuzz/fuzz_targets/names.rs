//! Any names: each becomes a file name that can be undone, and all stand in one directory.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tfs_testkit::fuzz::names(data));
