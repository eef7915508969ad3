//! A short run of the fuzz targets that need the service, as `rqbit-source/tests/it/fuzz.rs` has it
//! of the others.

mod config;
mod control;

use std::path::Path;

use tfs_testkit::fuzz::{Mutations, run_corpus};

/// How many inputs each target gets: some seconds of them.
const COUNT: u64 = 5_000;

#[track_caller]
fn check(target: &str, body: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let inputs = run_corpus(&dir, Mutations { seed: 1, count: COUNT }, body);
    assert!(inputs.is_ok_and(|count| count > COUNT), "no corpus in {}", dir.display());
}

#[test]
fn any_configuration_is_read_or_refused() {
    check("config", config::config);
}

#[test]
fn any_request_is_answered_or_hung_up_on() {
    check("control", control::control);
}
