//! A short run of the fuzz target of WebDAV.

mod webdav;

use std::path::Path;

use tfs_testkit::fuzz::{Mutations, run_corpus};

/// How many inputs the target gets: some seconds of them.
const COUNT: u64 = 2_000;

#[test]
fn any_request_of_webdav_is_answered_or_hung_up_on() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/webdav");
    let inputs = run_corpus(&dir, Mutations { seed: 1, count: COUNT }, webdav::webdav);
    assert!(inputs.unwrap() > COUNT, "no corpus in {}", dir.display());
}
