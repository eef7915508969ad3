//! A short run of a target without a fuzzer: the unchanged corpus, then mutations of it.

#![expect(clippy::print_stdout, reason = "this is how a test says what failed")]

use std::fs;
use std::io;
use std::path::Path;
use std::thread;

use crate::random::Random;

/// Likely triggers: numbers at their limits, and fragments of names and of JSON.
const TOKENS: [&[u8]; 24] = [
    b"0",
    b"-1",
    b"18446744073709551615",
    b"9223372036854775808",
    b"4294967296",
    b"1e400",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"\"\"",
    b"\"a\"",
    b",",
    b"\\u0000",
    b"\\ud800",
    b"..",
    b"/",
    b"%",
    b"%2F",
    b"%~",
    b"%empty",
    b"\xc3\xa4",
    b"\xff",
    b"\n",
];

/// The maximum number of changes to an input.
const CHANGES_MAX: u64 = 6;

/// The longest input: longer ones find nothing else, only slower.
const INPUT_BYTES_MAX: usize = 16 * 1024;

/// The number and the seed of mutations.
#[derive(Debug, Clone, Copy)]
pub struct Mutations {
    /// The seed, which makes the run repeatable.
    pub seed: u64,
    /// The number of inputs.
    pub count: u64,
}

/// Runs a target over the corpus in `dir`, and over mutations of it. Returns the number of inputs.
///
/// # Errors
/// Those of reading the corpus, and if it is empty.
///
/// # Panics
/// If the target does; then the seed of the input and the input are printed.
pub fn run_corpus(dir: &Path, mutations: Mutations, target: fn(&[u8])) -> io::Result<u64> {
    let mut paths: Vec<_> =
        fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    // The order of a directory differs between machines, and a seed must always have the same
    // effect.
    paths.sort();
    let corpus: Vec<Vec<u8>> = paths.iter().map(fs::read).collect::<io::Result<_>>()?;
    if corpus.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the corpus is empty"));
    }
    for (path, input) in paths.iter().zip(&corpus) {
        run(&path.display().to_string(), input, target);
    }
    for seed in (mutations.seed..).take(usize::try_from(mutations.count).unwrap_or(usize::MAX)) {
        run(&format!("seed {seed}"), &MutationRandom(Random::new(seed)).input(&corpus), target);
    }
    Ok(corpus.len() as u64 + mutations.count)
}

fn run(name: &str, input: &[u8], target: fn(&[u8])) {
    let said = Said { name, input };
    target(input);
    drop(said);
}

/// Prints the input when a panic drops it.
struct Said<'a> {
    name: &'a str,
    input: &'a [u8],
}

impl Drop for Said<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("{}: {}", self.name, self.input.escape_ascii());
        }
    }
}

/// The random choices of one input.
struct MutationRandom(Random);

impl MutationRandom {
    /// Returns a number below `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.0.below(end as u64)).unwrap_or_default()
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> Option<&'a T> {
        of.get(self.below(of.len())).copied()
    }

    /// Returns an input of the corpus with some changes.
    fn input(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let all: Vec<&[u8]> = corpus.iter().map(Vec::as_slice).collect();
        let mut input = self.pick(&all).unwrap_or_default().to_vec();
        for _ in 0..=self.0.below(CHANGES_MAX) {
            let from = self.below(input.len() + 1);
            let to = (from + self.below(20)).min(input.len());
            let new = match self.below(6) {
                0 => Vec::new(),
                1 => vec![self.0.number().to_le_bytes()[0]],
                2 => input.get(from..to).unwrap_or_default().repeat(1 + self.below(30)),
                3 => {
                    // The tail of another input.
                    let other = self.pick(&all).unwrap_or_default();
                    other.get(self.below(other.len())..).unwrap_or_default().to_vec()
                }
                _ => self.pick(&TOKENS).unwrap_or_default().to_vec(),
            };
            input.splice(from..to, new);
            input.truncate(INPUT_BYTES_MAX);
        }
        input
    }
}
