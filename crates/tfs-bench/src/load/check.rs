//! The comparison of bytes after a measurement.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

use tfs_testkit::random::Random;

use super::pattern::{BLOCK_BYTES, LoadPattern};
use super::{Load, LoadResult, LoadSource};

/// How many random blocks are compared.
const BLOCKS: usize = 64;

/// Reads again in the same way, and compares. In order, a mount answers from the page cache, with
/// the pages that it gave while it was measured.
///
/// # Panics
/// If bytes are wrong.
pub(super) fn check(load: &Load, loaded: LoadResult) {
    match load.pattern {
        LoadPattern::Order { .. } => {
            let share = loaded.count / load.sources.len() as u64;
            load.sources.iter().for_each(|source| check_in_order(source, share));
        }
        LoadPattern::Random { block_bytes, seed, .. } => {
            check_blocks(&load.sources[0], block_bytes, Random::new(seed));
        }
    }
}

/// Compares what was read of one source, at least a block.
fn check_in_order(LoadSource { source, plain }: &LoadSource, bytes: u64) {
    let len = fs::metadata(plain).unwrap().len();
    let end = bytes.max(BLOCK_BYTES as u64).min(len);
    let (mut open, plain_file) = (source.open(end).unwrap(), File::open(plain).unwrap());
    let (mut got, mut wanted) = (vec![0; BLOCK_BYTES], vec![0; BLOCK_BYTES]);
    let mut offset = 0;
    while offset < end {
        let len = open.read_next(&mut got).unwrap();
        assert!(len > 0, "{source:?} ends at {offset}");
        plain_file.read_exact_at(&mut wanted[..len], offset).unwrap();
        assert!(got[..len] == wanted[..len], "{source:?}: wrong bytes from {offset} on");
        offset += len as u64;
    }
}

fn check_blocks(LoadSource { source, plain }: &LoadSource, block_bytes: usize, mut random: Random) {
    let (mut open, plain) = (source.open_random().unwrap(), File::open(plain).unwrap());
    let blocks = plain.metadata().unwrap().len() / block_bytes as u64;
    let (mut got, mut wanted) = (vec![0; block_bytes], vec![0; block_bytes]);
    for _ in 0..BLOCKS {
        let offset = random.below(blocks) * block_bytes as u64;
        open.read_block(offset, &mut got).unwrap();
        plain.read_exact_at(&mut wanted, offset).unwrap();
        assert!(got == wanted, "{source:?}: wrong bytes from {offset} on");
    }
}
