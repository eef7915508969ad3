//! Any bytes on a connection of NFS: replies, or the end of the connection.
#![no_main]

#[path = "../../crates/nfs-adapter/tests/fuzz/nfs.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::nfs(data));
