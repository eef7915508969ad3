//! A short run of the fuzz targets: the corpus, and deterministic mutations of it.

use std::path::Path;

use tfs_testkit::fuzz::{
    Mutations, api, bitfield, content_range, json, metainfo, names, run_corpus, search,
};

/// Number of inputs of each target: takes some seconds.
const COUNT: u64 = 20_000;

/// Each input compiles two patterns, which takes longer than all else.
const SEARCH_COUNT: u64 = 2_000;

#[track_caller]
fn check(target: &str, body: fn(&[u8])) {
    check_some(target, body, COUNT);
}

#[track_caller]
fn check_some(target: &str, body: fn(&[u8]), count: u64) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let inputs = run_corpus(&dir, Mutations { seed: 1, count }, body);
    assert!(inputs.is_ok_and(|inputs| inputs > count), "no corpus in {}", dir.display());
}

#[test]
fn any_names_make_a_tree() {
    check("names", names);
}

#[test]
fn any_answers_make_a_tree() {
    check("api", api);
}

#[test]
fn any_bitfield_has_the_pieces_of_its_bits() {
    check("bitfield", bitfield);
}

#[test]
fn any_json_is_read_or_refused() {
    check("json", json);
}

#[test]
fn any_content_range_is_one_or_none() {
    check("content_range", content_range);
}

#[test]
fn any_torrent_file_leaves_the_files_alone() {
    check("metainfo", metainfo);
}

#[test]
fn any_search_comes_to_an_end() {
    check_some("search", search, SEARCH_COUNT);
}
