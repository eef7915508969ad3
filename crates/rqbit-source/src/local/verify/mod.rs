//! Verifies that a local file is the server's: hashes sampled pieces, chosen so that an incomplete
//! copy or another file fails.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::ops::Range;
use std::os::fd::OwnedFd;

use fastrand::Rng;
use rustix::fs::{SeekFrom, seek};
use sha1::{Digest as _, Sha1};
use vfs_core::LocalPieces;

use super::LocalRefusal;
use super::file::read_exact;
use super::layout::{FileSpan, PieceLayout, SpanKind};
use super::place::OutputFolder;

/// Maximum number of bytes hashed in one verification: some tens of milliseconds. It limits the
/// number of large pieces.
const PROOF_BYTES_MAX: u64 = 32 << 20;

/// Minimum number of sampled pieces, of any size, if there are that many.
const PIECES_MIN: usize = 2;

/// Maximum number of sampled pieces, of any size.
const PIECES_MAX: usize = 8;

/// Number of randomly sampled pieces of each kind.
const BY_CHANCE: usize = 3;

/// Maximum number of holes that are checked. Incomplete copies have holes in many places.
const HOLES_MAX: usize = 256;

/// Maximum number of files in a piece: a verification opens no more.
const FILES_MAX: usize = 64;

/// Size of the reads of a verification.
const BLOCK_BYTES: usize = 256 << 10;

/// A file to be verified.
#[derive(Debug)]
pub(super) struct Verifier<'a> {
    pub(super) layout: &'a PieceLayout,
    pub(super) folder: &'a OutputFolder,
    pub(super) span: &'a FileSpan,
    pub(super) fd: &'a OwnedFd,
    /// Pieces that the server has, and those of them that were verified before.
    pub(super) have: &'a LocalPieces,
    pub(super) proven: Option<&'a LocalPieces>,
}

/// Result of hashing a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PieceCheck {
    Right,
    Wrong,
    /// The piece contains bytes of files that cannot be read.
    Open,
}

impl Verifier<'_> {
    /// Verifies the file.
    pub(super) fn prove(&self) -> Result<(), LocalRefusal> {
        let pieces = self.layout.pieces_of(self.span).ok_or(LocalRefusal::Unprovable)?;
        let had: Vec<u32> = pieces.filter(|piece_idx| self.have.has(*piece_idx)).collect();
        let mut proven_count = 0_usize;
        for piece_idx in self.choose(&had) {
            match self.judge(piece_idx)? {
                PieceCheck::Right => proven_count = proven_count.saturating_add(1),
                PieceCheck::Wrong => return Err(LocalRefusal::OtherContent { piece_idx }),
                PieceCheck::Open => {}
            }
        }
        if proven_count == 0 { Err(LocalRefusal::Unprovable) } else { Ok(()) }
    }

    /// Samples pieces to hash: first those most likely to differ in a copy.
    fn choose(&self, had: &[u32]) -> Vec<u32> {
        let fit = usize::try_from(PROOF_BYTES_MAX / self.layout.piece_len()).unwrap_or(usize::MAX);
        let count = fit.clamp(PIECES_MIN, PIECES_MAX);
        let mut random = sample_random();
        let known = |piece_idx: &u32| self.proven.is_some_and(|known| known.has(*piece_idx));
        let fresh: Vec<u32> = had.iter().copied().filter(|piece_idx| !known(piece_idx)).collect();
        let mut wanted = Vec::new();
        wanted.extend(self.first_in_hole(had));
        wanted.extend((0..BY_CHANCE).filter_map(|_| random.choice(&fresh).copied()));
        wanted.extend([had.first(), had.last(), had.get(had.len() / 2)].into_iter().flatten());
        wanted.extend((0..BY_CHANCE).filter_map(|_| random.choice(had).copied()));
        let mut seen = BTreeSet::new();
        wanted.retain(|piece_idx| seen.insert(*piece_idx));
        wanted.truncate(count);
        wanted
    }

    /// Returns the first piece that the server has and that overlaps a hole here. Zeros may be
    /// stored as holes, but an incomplete copy has nothing else there.
    fn first_in_hole(&self, had: &[u32]) -> Option<u32> {
        let mut at = 0;
        for _ in 0..HOLES_MAX {
            let hole =
                seek(self.fd, SeekFrom::Hole(at)).ok().filter(|hole| *hole < self.span.len)?;
            let data = seek(self.fd, SeekFrom::Data(hole)).unwrap_or(self.span.len);
            let piece = |at: u64| self.span.start.saturating_add(at) / self.layout.piece_len();
            let (first, last) = (piece(hole), piece(data.max(hole + 1) - 1));
            let from = had.partition_point(|piece_idx| u64::from(*piece_idx) < first);
            match had.get(from).filter(|piece_idx| u64::from(**piece_idx) <= last) {
                Some(piece_idx) => return Some(*piece_idx),
                None => at = data,
            }
        }
        None
    }

    /// Hashes a piece, across all of its files.
    fn judge(&self, piece_idx: u32) -> Result<PieceCheck, LocalRefusal> {
        let Some(want) = self.layout.hash(piece_idx) else { return Ok(PieceCheck::Open) };
        let Range { start, end } = self.layout.bounds(piece_idx);
        let mut sha1 = Sha1::new();
        let mut block = vec![0; BLOCK_BYTES];
        for (count, span) in self.layout.spans_in(piece_idx).enumerate() {
            if count >= FILES_MAX {
                return Ok(PieceCheck::Open);
            }
            let (from, to) = (start.max(span.start), end.min(span.start.saturating_add(span.len)));
            let bytes = Bytes { from: from - span.start, to: to - span.start };
            let is_read = match &span.kind {
                SpanKind::Padding => {
                    bytes.zeros(&mut sha1);
                    true
                }
                _ if std::ptr::eq(span, self.span) => {
                    bytes.read(self.fd, &mut block, &mut sha1).map_err(LocalRefusal::Read)?;
                    true
                }
                SpanKind::File(path) => match self.folder.open_file(path, span.len) {
                    Ok(fd) => bytes.read(&fd, &mut block, &mut sha1).is_ok(),
                    Err(_) => false,
                },
                SpanKind::Unnameable => false,
            };
            if !is_read {
                return Ok(PieceCheck::Open);
            }
        }
        let is_right = sha1.finalize().as_slice() == want;
        Ok(if is_right { PieceCheck::Right } else { PieceCheck::Wrong })
    }
}

/// Bytes of one file.
#[derive(Debug, Clone, Copy)]
struct Bytes {
    from: u64,
    to: u64,
}

impl Bytes {
    fn read(
        self,
        fd: &OwnedFd,
        block: &mut [u8],
        sha1: &mut Sha1,
    ) -> Result<(), vfs_core::LocalError> {
        let mut at = self.from;
        while at < self.to {
            let len = usize::try_from(self.to - at).unwrap_or(usize::MAX).min(block.len());
            let part = block.get_mut(..len).unwrap_or_default();
            read_exact(fd, part, at)?;
            sha1.update(&*part);
            at = at.saturating_add(len as u64);
        }
        Ok(())
    }

    fn zeros(self, sha1: &mut Sha1) {
        let mut left = self.to - self.from;
        while left > 0 {
            let part = [0; 4096];
            let len = left.min(part.len() as u64);
            sha1.update(part.get(..usize::try_from(len).unwrap_or(0)).unwrap_or_default());
            left -= len;
        }
    }
}

/// Returns a generator with a seed from the system, so that a crafted file cannot target the
/// sampled pieces.
fn sample_random() -> Rng {
    Rng::with_seed(RandomState::new().build_hasher().finish())
}

#[cfg(test)]
mod tests;
