//! A short run of the fuzz target of the page.
#![expect(clippy::cast_possible_truncation, reason = "tests")]

mod page;

// The made-up mounts of the example.
#[path = "../../examples/fake_page/backend.rs"]
mod backend;
#[path = "../../examples/fake_page/library.rs"]
mod library;
#[path = "../../examples/fake_page/mount.rs"]
mod mount;

use std::path::Path;

use tfs_testkit::fuzz::{Mutations, run_corpus};

/// How many inputs the target gets: some seconds of them.
const COUNT: u64 = 1_000;

#[test]
fn any_request_of_the_page_is_answered_or_hung_up_on() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/page");
    let inputs = run_corpus(&dir, Mutations { seed: 1, count: COUNT }, page::page);
    assert!(inputs.unwrap() > COUNT, "no corpus in {}", dir.display());
}
