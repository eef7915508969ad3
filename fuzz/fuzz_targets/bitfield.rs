//! Any bitfield is the same to the client and to the core.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tfs_testkit::fuzz::bitfield(data));
