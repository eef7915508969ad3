//! Any answers of a server: the tree that they make can be walked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tfs_testkit::fuzz::api(data));
