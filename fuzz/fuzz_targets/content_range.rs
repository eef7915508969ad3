//! Any value of the header `Content-Range`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tfs_testkit::fuzz::content_range(data));
