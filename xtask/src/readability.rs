//! `cargo xtask readability`: how long the sentences of the pages for users are.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{
    Result,
    prose::{Prose, is_for_users, sentences},
    tidy, workspace,
};

/// How many sentences are printed.
const SAMPLES: usize = 10;

/// Prints the pages with their figures, and sentences chosen by `seed`, or by the time.
///
/// # Errors
/// If the checkout cannot be read.
pub(crate) fn run(seed: Option<u64>) -> Result<bool> {
    let files = tidy::read_all(&workspace::root())?;
    let mut all = Prose::default();
    let mut sentences_of_all: Vec<(&str, String)> = Vec::new();
    println!("| page | words | sentences | words a sentence |\n|---|---|---|---|");
    let pages = files.iter().filter(|(path, _)| is_for_users(path) || *path == "CHANGELOG.md");
    for (path, text) in pages {
        let prose = Prose::of_page(text);
        println!("| {path} | {} | {} | {} |", prose.words, prose.sentences, prose.mean());
        all += prose;
        sentences_of_all.extend(sentences(text).into_iter().map(|it| (path.as_str(), it)));
    }
    println!("| all | {} | {} | {} |", all.words, all.sentences, all.mean());

    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    let seed = seed.unwrap_or_else(clock);
    println!("\nSentences of seed {seed}:\n");
    for idx in chosen(seed, sentences_of_all.len()) {
        if let Some((path, sentence)) = sentences_of_all.get(idx) {
            println!("- {path}: {sentence}");
        }
    }
    Ok(true)
}

/// Returns up to [`SAMPLES`] different indexes below `count`, by splitmix64.
fn chosen(seed: u64, count: usize) -> Vec<usize> {
    let mut state = seed;
    let mut chosen = Vec::new();
    while chosen.len() < SAMPLES.min(count) {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let range = u64::try_from(count).unwrap_or(u64::MAX);
        let idx = usize::try_from((bits ^ (bits >> 31)) % range).unwrap_or_default();
        if !chosen.contains(&idx) {
            chosen.push(idx);
        }
    }
    chosen
}

#[test]
fn a_seed_chooses_different_sentences() {
    assert_eq!(chosen(7, 100), chosen(7, 100));
    assert_ne!(chosen(7, 100), chosen(8, 100));
    let mut few = chosen(1, 4);
    few.sort_unstable();
    assert_eq!(few, [0, 1, 2, 3]);
    assert!(chosen(1, 0).is_empty());
}
