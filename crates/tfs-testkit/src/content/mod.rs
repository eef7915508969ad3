//! Bytes that need not be kept: each is a function of a seed and its offset.
//!
//! A test writes gigabytes, and later checks any range of what came back, with nothing in memory.
//! Contents of different seeds differ, and so do ranges at different offsets, whatever their
//! distance: bytes of the wrong file or the wrong offset never pass for the right ones.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "ranges are cut to what is there right before; offsets modulo 8 fit everywhere"
)]

mod mismatch;

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

pub use self::mismatch::Mismatch;

/// Bytes of the words that the generator makes.
const WORD_BYTES: usize = size_of::<u64>();

/// How much is written to or read from a file at a time.
const FILE_BUF_BYTES: usize = 256 * 1024;

/// How much is generated at a time to check bytes in memory; on the stack.
const CHECK_BUF_BYTES: usize = 4096;

/// What a file holds: `len` bytes made of a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Content {
    seed: u64,
    len: u64,
}

impl Content {
    /// Returns the content of `len` bytes of this seed.
    /// Of two contents of one seed the shorter is the beginning of the longer.
    pub const fn new(seed: u64, len: u64) -> Self {
        Self { seed, len }
    }

    /// Returns the seed, to be printed by a test that fails.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the length in bytes.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Returns whether there are no bytes.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fills `buf` with the bytes from `offset` on and returns how many there are: fewer than
    /// asked for only at the end of the content, where the rest of `buf` is left alone.
    pub fn fill(&self, offset: u64, buf: &mut [u8]) -> usize {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let filled = left.min(buf.len());
        if let Some(buf) = buf.get_mut(..filled) {
            generate(scramble(self.seed), offset, buf);
        }
        filled
    }

    /// Returns the bytes from `offset` on, `len` of them or fewer at the end of the content.
    pub fn bytes(&self, offset: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let filled = self.fill(offset, &mut bytes);
        bytes.truncate(filled);
        bytes
    }

    /// Checks bytes that are said to begin at `offset`. Fewer than there are is no mismatch, more
    /// is one.
    ///
    /// # Errors
    /// The first byte that differs, with some bytes around it.
    pub fn check(&self, offset: u64, got: &[u8]) -> Result<(), Mismatch> {
        let mut expected = [0; CHECK_BUF_BYTES];
        let mut at = offset;
        for part in got.chunks(CHECK_BUF_BYTES) {
            let filled = self.fill(at, &mut expected);
            let wanted = &expected[..filled.min(part.len())];
            if part != wanted {
                return Err(Mismatch::new(*self, at, wanted, part));
            }
            at += part.len() as u64;
        }
        Ok(())
    }

    /// Writes the whole content to a new file, or over an old one.
    ///
    /// # Errors
    /// Any of creating and writing the file.
    pub fn write_to(&self, path: &Path) -> io::Result<()> {
        let mut file = File::create(path)?;
        let mut buf = vec![0; FILE_BUF_BYTES];
        let mut offset = 0;
        while offset < self.len {
            let filled = self.fill(offset, &mut buf);
            file.write_all(&buf[..filled])?;
            offset += filled as u64;
        }
        Ok(())
    }

    /// Checks that a file holds the whole content and nothing else.
    ///
    /// # Errors
    /// Any of reading the file; [`io::ErrorKind::InvalidData`] with a [`Mismatch`] inside, or for
    /// a file of another length.
    pub fn check_file(&self, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        let mut buf = vec![0; FILE_BUF_BYTES];
        let mut offset = 0;
        loop {
            let read_len = file.read(&mut buf)?;
            if read_len == 0 {
                break;
            }
            self.check(offset, &buf[..read_len])
                .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
            offset += read_len as u64;
        }
        if offset == self.len {
            return Ok(());
        }
        let reason = format!("the file ends after {offset} of {} bytes", self.len);
        Err(io::Error::new(io::ErrorKind::InvalidData, reason))
    }
}

/// Fills `buf` with the bytes at `offset` of the endless stream of a key.
fn generate(key: u64, offset: u64, buf: &mut [u8]) {
    let mut word_idx = offset / WORD_BYTES as u64;
    // The first word may be wanted only from its middle on.
    let skip = (offset % WORD_BYTES as u64) as usize;
    let head_len = (WORD_BYTES - skip).min(buf.len());
    let (head, body) = buf.split_at_mut(head_len);
    head.copy_from_slice(&word(key, word_idx)[skip..skip + head_len]);
    let mut words = body.chunks_exact_mut(WORD_BYTES);
    for out in &mut words {
        word_idx += 1;
        out.copy_from_slice(&word(key, word_idx));
    }
    let tail = words.into_remainder();
    let tail_len = tail.len();
    tail.copy_from_slice(&word(key, word_idx + 1)[..tail_len]);
}

/// Word number `idx` of splitmix64: a bijection of the index, so no word comes twice.
fn word(key: u64, idx: u64) -> [u8; WORD_BYTES] {
    /// The odd number nearest to 2^64 divided by the golden ratio.
    const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;
    scramble(key.wrapping_add(idx.wrapping_mul(GAMMA))).to_le_bytes()
}

/// The finisher of splitmix64: spreads each bit of `z` over all bits.
fn scramble(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
