//! Any `.torrent` file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tfs_testkit::fuzz::metainfo(data));
