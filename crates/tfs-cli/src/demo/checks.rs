//! Reads of the mount, as an ordinary program does them.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// The SHA-256 of a file in hexadecimal digits.
pub(super) type Digest = String;

/// The number of bytes in one read.
const BLOCK_BYTES: usize = 1 << 20;

/// Returns `len` bytes at `offset` of a file.
pub(super) fn read_at(path: &Path, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = vec![0; len];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Returns the SHA-256 of a file, read from its beginning to its end.
pub(super) fn sha256(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let len = file.read(&mut block)?;
        let Some(bytes) = block.get(..len).filter(|bytes| !bytes.is_empty()) else { break };
        hasher.update(bytes);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
