//! A short run of the fuzz target of the server.

mod nfs;

use std::path::Path;

use tfs_testkit::fuzz::{Mutations, run_corpus};

/// How many inputs the target gets: some seconds of them.
const COUNT: u64 = 20_000;

#[test]
fn any_stream_of_bytes_is_answered_with_records() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/nfs");
    let inputs = run_corpus(&dir, Mutations { seed: 1, count: COUNT }, nfs::nfs);
    assert!(inputs.unwrap() > COUNT, "no corpus in {}", dir.display());
}
