//! A short run of the fuzz targets: the corpus, and the same mutations of it each time.

use std::path::Path;

use tfs_testkit::fuzz::{Mutations, api, names, run_corpus};

/// How many inputs each target gets: some seconds of them.
const COUNT: u64 = 20_000;

#[track_caller]
fn check(target: &str, body: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let inputs = run_corpus(&dir, Mutations { seed: 1, count: COUNT }, body);
    assert!(inputs.is_ok_and(|count| count > COUNT), "no corpus in {}", dir.display());
}

#[test]
fn any_names_make_a_tree() {
    check("names", names);
}

#[test]
fn any_answers_make_a_tree() {
    check("api", api);
}
