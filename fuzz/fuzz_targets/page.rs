//! Any bytes on the listener of the page: the connection ends, and the next one is served.
#![no_main]

#[path = "../../crates/tfs-web/examples/fake_page/backend.rs"]
mod backend;
#[path = "../../crates/tfs-web/tests/fuzz/page.rs"]
mod body;
#[path = "../../crates/tfs-web/examples/fake_page/library.rs"]
mod library;
#[path = "../../crates/tfs-web/examples/fake_page/mount.rs"]
mod mount;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::page(data));
