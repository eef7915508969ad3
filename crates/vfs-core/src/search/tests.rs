//! Compares the index with a simple brute-force search, with alphabets that force matches.

use std::num::NonZeroU32;

use proptest::collection::vec;
use proptest::prelude::*;
use regex::Regex;

use super::query::WORDS_MAX;
use super::*;
use crate::tree::FolderId;
use crate::{FileEntry, FileKind, InfoHash, Layout, MetadataStatus, TorrentDetails};

fn torrent(id: u8, name: &str, paths: &[Vec<String>]) -> (Arc<TorrentTree>, String) {
    let file =
        |path: &Vec<String>| FileEntry { path: path.clone(), len: 1, kind: FileKind::Regular };
    let details = TorrentDetails {
        info_hash: InfoHash::from_bytes([id; InfoHash::BYTES]),
        name: name.to_owned(),
        layout: Layout::Directory,
        created: None,
        piece_len: NonZeroU32::new(1),
        metadata: MetadataStatus::Known,
        files: paths.iter().map(file).collect(),
    };
    (Arc::new(TorrentTree::new(&details, 0)), name.to_owned())
}

fn index(torrents: &[(Arc<TorrentTree>, String)]) -> SearchIndex {
    let index = SearchIndex::default();
    index.update(torrents.to_vec(), &HashSet::new());
    index
}

fn all_paths(torrents: &[(Arc<TorrentTree>, String)]) -> Vec<String> {
    let mut paths = Vec::new();
    for (tree, name) in torrents {
        for idx in tree.indices().filter(|idx| !tree.node(*idx).is_directory()) {
            let mut path = name.clone();
            tree.write_path(idx, &mut path);
            paths.push(path);
        }
    }
    paths
}

#[track_caller]
fn check(
    torrents: &[(Arc<TorrentTree>, String)],
    query: &Query,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<(), TestCaseError> {
    let mut want = all_paths(torrents);
    want.retain(|path| is_wanted(path));
    want.sort();
    let index = index(torrents);
    let mut got: Vec<_> = index.search(query, usize::MAX).into_iter().map(|f| f.path).collect();
    let few: Vec<_> = index.search(query, 2).into_iter().map(|found| found.path).collect();
    prop_assert_eq!(&few[..], &got[..got.len().min(2)]);
    got.sort();
    prop_assert_eq!(got, want);
    Ok(())
}

/// Returns a text with the accents of the test names composed.
fn composed(text: &str) -> String {
    text.replace("a\u{308}", "ä").replace("A\u{308}", "Ä")
}

/// Returns a text in which all differences that word searches ignore are removed, letter by letter.
fn plain(text: &str) -> String {
    let equal = |letter| match letter {
        'A' => "a".to_owned(),
        'ä' | 'Ä' => "a\u{308}".to_owned(),
        'ß' => "ss".to_owned(),
        'ς' | 'Σ' => "σ".to_owned(),
        other => other.to_string(),
    };
    text.chars().map(equal).collect()
}

fn torrents() -> impl Strategy<Value = Vec<(Arc<TorrentTree>, String)>> {
    let name = "[abAäÄßςΣ.\u{308}]{1,4}";
    let paths = vec(vec(name, 1..4), 0..8);
    vec((name, paths), 0..4).prop_map(|torrents| {
        let numbered = (1..).zip(torrents);
        numbered.map(|(id, (name, paths))| torrent(id, &name, &paths)).collect()
    })
}

proptest! {
    #[test]
    fn words_are_found_as_by_brute_force(
        torrents in torrents(),
        words in vec("[abAäÄsßςσ.]{1,3}", 1..4),
    ) {
        let query = Query::words(&words.join(" ")).unwrap();
        check(&torrents, &query, |path| {
            let path = plain(path);
            words.iter().all(|word| path.contains(&plain(word)))
        })?;
    }

    #[test]
    fn regular_expressions_are_found_as_by_brute_force(
        torrents in torrents(),
        regex in r"(\(\?i\))?\^?([abAä]|\.|/|\[aä\]|b\+|a\?|\(a\|b\)|\(aB\)\{2\}){1,5}\$?",
    ) {
        let query = Query::regex(&regex).unwrap();
        let regex = Regex::new(&regex).unwrap();
        check(&torrents, &query, |path| regex.is_match(path) || regex.is_match(&composed(path)))?;
    }

    #[test]
    fn globs_are_found_as_by_brute_force(
        torrents in torrents(),
        glob in r"([abAä.]|\*|\?|\*\*/|/|\[aä\]|\{a,b\}){1,5}",
    ) {
        let query = Query::glob(&glob).unwrap();
        let regex = Regex::new(&glob::to_regex(&glob).unwrap()).unwrap();
        check(&torrents, &query, |path| {
            let name = path.rsplit('/').next().unwrap();
            let text = if glob.contains('/') { path } else { name };
            regex.is_match(text) || regex.is_match(&composed(text))
        })?;
    }
}

fn paths(found: &[Match]) -> Vec<&str> {
    found.iter().map(|found| found.path.as_str()).collect()
}

#[test]
fn torrents_that_come_and_go_are_followed() {
    let path = |name: &str| vec![vec![name.to_owned()]];
    let index =
        index(&[torrent(1, "one", &path("Film.mkv")), torrent(2, "two", &path("film.srt"))]);
    let query = Query::words("FILM").unwrap();
    assert_eq!(paths(&index.search(&query, 9)), ["one/Film.mkv", "two/film.srt"]);
    assert_eq!(index.search(&query, 0).len(), 0);

    let generation = index.generation();
    let info_hash = InfoHash::from_bytes([1; InfoHash::BYTES]);
    let gone = HashSet::from([TorrentKey { folder: FolderId::FIRST, info_hash }]);
    index.update(vec![torrent(3, "three", &path("a film"))], &gone);
    assert_eq!(paths(&index.search(&query, 9)), ["two/film.srt", "three/a film"]);
    assert_ne!(index.generation(), generation);

    let generation = index.generation();
    index.update(Vec::new(), &HashSet::new());
    assert_eq!(index.generation(), generation);
}

/// Names created on macOS have decomposed accents, and Linux users type composed ones.
#[test]
fn patterns_find_accents_however_they_are_encoded() {
    let apart = torrent(1, "apart", &[vec!["Cafe\u{301}.mkv".to_owned()]]);
    let in_one = torrent(2, "in one", &[vec!["Caf\u{e9}.mkv".to_owned()]]);
    let index = index(&[apart, in_one]);
    let count = |query: Result<Query, QueryError>| index.search(&query.unwrap(), 9).len();
    assert_eq!(count(Query::words("caf\u{e9}")), 2);
    assert_eq!(count(Query::words("CAFE\u{301}")), 2);
    assert_eq!(count(Query::glob("Caf\u{e9}.*")), 2);
    assert_eq!(count(Query::glob("Cafe\u{301}.*")), 2);
    assert_eq!(count(Query::glob("Caf?.mkv")), 2);
    assert_eq!(count(Query::glob("Caf[\u{e8}\u{e9}].mkv")), 2);
    assert_eq!(count(Query::regex("(?i)CAF\u{c9}\\.mkv$")), 2);
    // Patterns can still distinguish the encodings.
    assert_eq!(count(Query::regex(r"e\x{301}")), 1);
    assert_eq!(count(Query::glob("cafe.mkv")), 0);
}

#[test]
fn what_cannot_be_a_query_is_refused_by_name() {
    let many = "x ".repeat(WORDS_MAX + 1);
    let deep = "(".repeat(60) + &")".repeat(60);
    for (query, want) in [
        (Query::words(""), "the query is empty"),
        (Query::words(" \t/ "), "the query is empty"),
        (Query::words(&many), "the query has 33 words; the maximum is 32"),
        (
            Query::words("a\u{1b}"),
            "the query contains the control character '\\u{1b}', which no name contains",
        ),
        (Query::regex(&"x".repeat(1025)), "the query has 1025 bytes; the maximum is 1024"),
        (Query::glob("a[b"), "a [ without ] at character 2 of the glob \"a[b\""),
        (
            Query::regex("a(b"),
            "the regular expression \"a(b\" is invalid: unclosed group at character 2",
        ),
        (
            Query::regex(r"\p{Klingon}"),
            "the regular expression \"\\\\p{Klingon}\" is invalid: \
             Unicode property not found at character 1",
        ),
        (
            Query::regex("((a{100}){100}){100}"),
            "the pattern \"((a{100}){100}){100}\" is too large: it may take 262144 bytes",
        ),
    ] {
        assert_eq!(query.unwrap_err().to_string(), want);
    }
    assert!(Query::regex(&deep).unwrap_err().to_string().contains("nest"));
}

#[test]
fn patterns_of_views_ignore_case_and_paths_match_with_their_last_name() {
    let glob = Query::glob_in_any_case("*.Mkv").unwrap();
    assert!(glob.is_match("a.MKV") && glob.is_match("d/É.mkv") && !glob.is_match("mkv"));
    let glob = Query::glob_in_any_case("d/*.mkv").unwrap();
    assert!(glob.is_match("D/a.mkv") && !glob.is_match("d/e/a.mkv"));
    let regex = Query::regex_in_any_case("s0[1-3]É").unwrap();
    assert!(regex.is_match("x/S02e\u{301}") && regex.is_match("s03é"));
    let exact = Query::regex_in_any_case("(?-i)S01").unwrap();
    assert!(exact.is_match("S01") && !exact.is_match("s01"));
    assert!(!Query::glob("*.mkv").unwrap().is_match("a.MKV"));
}
