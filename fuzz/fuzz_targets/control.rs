//! Any bytes on the control socket: the connection ends, and the next one is served.
#![no_main]

#[path = "../../crates/tfs-service/tests/fuzz/control.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::control(data));
