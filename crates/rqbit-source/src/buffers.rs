//! Reusable buffers for reads from a disk or a server.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use vfs_core::ByteRange;

/// Maximum number of free buffers: one for each answering thread, and some for threads that wait
/// for the disk.
const BUFFERS_KEPT: usize = 8;

/// Minimum buffer size: the kernel's most frequent read size.
const BUFFER_BYTES_MIN: usize = 128 << 10;

/// Maximum size of a buffer that is kept: the kernel's largest read.
const BUFFER_BYTES_MAX: usize = 1 << 20;

/// Returns the length of a range as a length in memory.
pub(crate) fn len_of(range: ByteRange) -> usize {
    usize::try_from(range.len()).unwrap_or(usize::MAX)
}

/// Pool of used buffers: allocating fresh memory costs more than the read itself.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// At most [`BUFFERS_KEPT`]; held for one access.
    free: Mutex<Vec<Vec<u8>>>,
}

impl Buffers {
    /// Returns a buffer of `len` bytes with unspecified content.
    pub(crate) fn take(self: &Arc<Self>, len: usize) -> Buffer {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        // The buffer returned last is the likeliest to be in the CPU cache.
        let fitting = free.iter().rposition(|bytes| bytes.len() >= len);
        let bytes = fitting.map(|idx| free.swap_remove(idx));
        drop(free);
        let size = || len.checked_next_power_of_two().unwrap_or(len).max(BUFFER_BYTES_MIN);
        let bytes = bytes.unwrap_or_else(|| vec![0; size()]);
        Buffer { bytes, len, home: Arc::clone(self) }
    }
}

/// A buffer in use.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    len: usize,
    home: Arc<Buffers>,
}

impl Buffer {
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }

    /// Freezes the buffer; it returns to the pool when the last reference is dropped.
    pub(crate) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut free = self.home.free.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes.len() <= BUFFER_BYTES_MAX && free.len() < BUFFERS_KEPT {
            free.push(bytes);
        }
    }
}
